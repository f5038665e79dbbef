//! A world in one process: the fakes, an app that they call, and a raw HTTP client.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fakes::{Config, Fakes, Faults, Pace};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

pub(crate) const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const TOKEN: &str = "12345";
pub(crate) const OURS: &str = "+12125550100";
pub(crate) const TALKER: &str = "+12125550123";
pub(crate) const GOODBYE: &str = "<Response><Say>Goodbye.</Say><Hangup/></Response>";
const EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];

/// One request as the app saw it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Status, content type (empty: none) and body.
type Script = (u16, &'static str, String);

/// The app: notes what it is asked, and answers by script.
#[derive(Clone, Default)]
pub(crate) struct App {
    seen: Arc<Mutex<Vec<Seen>>>,
    scripts: Arc<Mutex<HashMap<String, VecDeque<Script>>>>,
}

impl App {
    /// The next answer on a path; the last one of a path stays.
    pub(crate) fn answer(&self, path: &str, status: u16, content_type: &'static str, body: &str) {
        let mut scripts = self.scripts.lock().unwrap();
        let script = scripts.entry(path.to_owned()).or_default();
        script.push_back((status, content_type, body.to_owned()));
    }

    pub(crate) fn voice(&self, twiml: &str) {
        self.answer("/voice", 200, "text/xml", twiml);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn next(&self, path: &str) -> Script {
        let mut scripts = self.scripts.lock().unwrap();
        match scripts.get_mut(path) {
            Some(script) if script.len() > 1 => script.pop_front().unwrap(),
            Some(script) => script[0].clone(),
            None if path == "/voice" => (200, "text/xml", GOODBYE.to_owned()),
            None => (204, "", String::new()),
        }
    }
}

async fn serve_app(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    app.seen.lock().unwrap().push(Seen {
        method: method.to_string(),
        target: uri.to_string(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let (status, content_type, body) = app.next(uri.path());
    let status = StatusCode::from_u16(status).unwrap();
    if let Some(location) = content_type.strip_prefix("location:") {
        return (status, [("location", location)]).into_response();
    }
    let mut response = (status, body).into_response();
    response.headers_mut().remove("content-type");
    if !content_type.is_empty() {
        let value = content_type.parse().unwrap();
        response.headers_mut().insert("content-type", value);
    }
    response
}

pub(crate) struct World {
    pub(crate) fakes: Fakes,
    pub(crate) base: String,
    pub(crate) app: App,
    pub(crate) app_url: String,
}

/// An answer to the raw client.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }
}

/// One request on a connection of its own; `None` if not one byte came back.
pub(crate) async fn http(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Reply> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let mut request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("\r\n{body}"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset instead of an orderly end is an end as well.
    let _ = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        return None;
    }
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Some(Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    })
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn decoded(form: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(form).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::seeded(7).await
    }

    pub(crate) async fn seeded(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/simulated", listener.local_addr().unwrap());
        let fakes = Fakes::new(Config {
            account_sid: ACCOUNT.into(),
            auth_token: TOKEN.into(),
            api_key: Some(("SK01".into(), "secret".into())),
            phone_number: OURS.into(),
            agent_id: "agent_x".into(),
            xi_api_key: "xi".into(),
            base_url: base.clone(),
            pace: Pace::Instant,
            seed,
        });
        let router = Router::new().nest("/simulated", fakes.router());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app_url = format!("http://{}", listener.local_addr().unwrap());
        let app = App::default();
        let router = Router::new().fallback(serve_app).with_state(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { fakes, base, app, app_url }
    }

    pub(crate) fn faults(&self, json: serde_json::Value) {
        let faults: Faults = serde_json::from_value(json).unwrap();
        self.fakes.set_faults(faults);
    }

    pub(crate) fn account_url(&self, path: &str) -> String {
        format!("{}/twilio/2010-04-01/Accounts/{ACCOUNT}/{path}", self.base)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let auth = basic(ACCOUNT, TOKEN);
        let headers = [("authorization", auth.as_str())];
        http("GET", &self.account_url(path), &headers, "").await.unwrap()
    }

    /// Sends exactly these pairs.
    pub(crate) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Option<Reply> {
        let auth = basic(ACCOUNT, TOKEN);
        let headers = [
            ("authorization", auth.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let body = serde_urlencoded::to_string(pairs).unwrap();
        http("POST", &self.account_url(path), &headers, &body).await
    }

    /// Asks for a call with all callbacks, plus `extra`, which wins over the usual pairs.
    pub(crate) async fn dial(&self, to: &str, extra: &[(&str, &str)]) -> Option<Reply> {
        let at = |path: &str| format!("{}{path}", self.app_url);
        let (voice, status, recording) = (at("/voice?callId=c1"), at("/status"), at("/recording"));
        let (fallback, amd) = (at("/fallback"), at("/amd"));
        let mut pairs = vec![
            ("To", to),
            ("From", OURS),
            ("Url", &voice),
            ("FallbackUrl", &fallback),
            ("StatusCallback", &status),
            ("RecordingStatusCallback", &recording),
            ("RecordingStatusCallbackEvent", "in-progress"),
            ("RecordingStatusCallbackEvent", "completed"),
            ("RecordingStatusCallbackEvent", "absent"),
            ("AsyncAmdStatusCallback", &amd),
        ];
        pairs.extend(EVENTS.map(|event| ("StatusCallbackEvent", event)));
        pairs.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        pairs.extend_from_slice(extra);
        self.post("Calls.json", &pairs).await
    }

    /// A whole call; gives its CallSid.
    pub(crate) async fn call(&self, to: &str, extra: &[(&str, &str)]) -> String {
        let reply = self.dial(to, extra).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        let sid = reply.json()["sid"].as_str().unwrap().to_owned();
        self.fakes.settled(&sid).await;
        sid
    }

    /// What the app saw on a path, decoded.
    pub(crate) fn forms(&self, path: &str) -> Vec<HashMap<String, String>> {
        self.app
            .seen()
            .iter()
            .filter(|seen| seen.target.split('?').next() == Some(path))
            .map(|seen| decoded(&seen.body).into_iter().collect())
            .collect()
    }

    /// One field of everything that the app saw on a path.
    pub(crate) fn column(&self, path: &str, field: &str) -> Vec<String> {
        let value = |form: &HashMap<String, String>| form.get(field).cloned().unwrap_or_default();
        self.forms(path).iter().map(value).collect()
    }

    /// Registers a conversation and gives its TwiML.
    pub(crate) async fn register(&self) -> Reply {
        let body = r#"{"agent_id":"agent_x","from_number":"+12125550100","to_number":"+12125550123","direction":"outbound"}"#;
        self.register_with(body).await
    }

    pub(crate) async fn register_with(&self, body: &str) -> Reply {
        let url = format!("{}/elevenlabs/v1/convai/twilio/register-call", self.base);
        let headers = [("xi-api-key", "xi"), ("content-type", "application/json")];
        http("POST", &url, &headers, body).await.unwrap()
    }
}
