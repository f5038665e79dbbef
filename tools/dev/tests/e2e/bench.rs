//! One server with its fakes, a store of its own, and a client.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dev::{Environment, SIMULATED_AUTH_TOKEN, Server, Setup};
use fakes::{CreateFault, ElevenLabsAnswer, Fakes, Faults, Pace};
use http::{Request, Response};
use serde_json::{Value, json};
use shared::call::Timestamp;
use shared::endpoint::{App, Endpoint};
use shared::host::guarded;
use shared::ports::{Clock, System};
use shared::settings::Settings;
use shared::store::Store;
use tokio::net::TcpListener;

use crate::log;

/// A number whose simulated person picks up.
pub(crate) const ANSWERS: &str = "+12125550123";

/// A port that no system gives out.
pub(crate) const NOBODY_LISTENS: &str = "http://127.0.0.1:1";
/// What pages without a token may set here.
const VARIABLES: &str = "_prospect_name_,a,attempt,b,customer_name,name,note,plan,score,vip,x";
/// The token of benches that have one.
pub(crate) const TOKEN: &str = "a-token-of-sixteen";

/// Everything one test needs. Checks the log when it is dropped.
pub(crate) struct Bench {
    pub(crate) base: String,
    pub(crate) app: Arc<App>,
    pub(crate) twilio: Fakes,
    pub(crate) http: reqwest::Client,
    folder: PathBuf,
    pairs: Vec<(String, String)>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With more variables.
    pub(crate) async fn with(pairs: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        log::capture();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("close-loop-e2e-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let mut environment = Environment::from_pairs(pairs.iter().copied());
        environment.default("ANONYMOUS_VARIABLES", VARIABLES);
        environment.default("STORE_URL", format!("sqlite:{}", folder.join("calls").display()));
        let setup = Setup {
            environment,
            pace: Pace::Instant,
            // SIDs follow from the seed, and the log is one for all tests.
            seed: u64::from(number),
            new_token: Box::new(|| TOKEN.to_owned()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::new(listener, setup).await.unwrap();
        let bench = Self {
            base: format!("http://{}", server.address),
            app: Arc::clone(&server.app),
            twilio: server.fakes.clone().unwrap(),
            http: shared::net::client().unwrap(),
            pairs: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            folder,
        };
        tokio::spawn(server.run());
        bench
    }

    /// The same settings with other variables (an empty value unsets one) and perhaps another store:
    /// a function instance of its own, called directly.
    pub(crate) fn function(
        &self,
        pairs: &[(&str, &str)],
        store: Option<Arc<dyn Store>>,
    ) -> Arc<App> {
        let simulated = [
            ("NEXT_PUBLIC_APP_URL", self.base.clone()),
            ("TWILIO_API_URL", format!("{}/simulated/twilio", self.base)),
            ("ELEVENLABS_API_URL", format!("{}/simulated/elevenlabs", self.base)),
            ("TWILIO_ACCOUNT_SID", dev::SIMULATED_ACCOUNT_SID.to_owned()),
            ("TWILIO_AUTH_TOKEN", SIMULATED_AUTH_TOKEN.to_owned()),
            ("TWILIO_PHONE_NUMBER", dev::SIMULATED_PHONE_NUMBER.to_owned()),
            ("ELEVENLABS_AGENT_ID", dev::SIMULATED_AGENT_ID.to_owned()),
            ("ELEVENLABS_API_KEY", dev::SIMULATED_API_KEY.to_owned()),
            ("ANONYMOUS_MAX_CONCURRENT", "1000".to_owned()),
            ("ANONYMOUS_TIME_LIMIT_SECONDS", "900".to_owned()),
            ("ANONYMOUS_VARIABLES", VARIABLES.to_owned()),
            ("STORE_URL", format!("sqlite:{}", self.folder.join("calls").display())),
        ];
        let var = |name: &str| {
            let given = pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            let same = || self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            let base = || simulated.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
            given.or_else(same).or_else(base)
        };
        let settings = Settings::parse(&var);
        let store = store.unwrap_or_else(|| shared::host::open_store(&settings, &self.http));
        let system = Arc::new(System);
        Arc::new(App::new(settings, store, self.http.clone(), system.clone(), system))
    }

    /// A function instance whose clock is so much ahead.
    pub(crate) fn later(&self, by: Duration) -> Arc<App> {
        self.function_with_clock(&[], None, Ahead(by))
    }

    /// A function instance on some store, for which it is always the same time.
    pub(crate) fn function_on(&self, store: Arc<dyn Store>, time: &str) -> Arc<App> {
        self.function_with_clock(&[], Some(store), Stopped(Timestamp::parse_rfc3339(time).unwrap()))
    }

    /// The same with other variables.
    pub(crate) fn later_with(&self, by: Duration, pairs: &[(&str, &str)]) -> Arc<App> {
        self.function_with_clock(pairs, None, Ahead(by))
    }

    /// A function instance for which it is always the same time.
    pub(crate) fn function_at(&self, time: &str, pairs: &[(&str, &str)]) -> Arc<App> {
        self.function_with_clock(pairs, None, Stopped(Timestamp::parse_rfc3339(time).unwrap()))
    }

    fn function_with_clock(
        &self,
        pairs: &[(&str, &str)],
        store: Option<Arc<dyn Store>>,
        clock: impl Clock + 'static,
    ) -> Arc<App> {
        let settings = Arc::into_inner(self.function(pairs, None)).unwrap().settings;
        let store = store.unwrap_or_else(|| shared::host::open_store(&settings, &self.http));
        let (clock, random) = (Arc::new(clock), Arc::new(System));
        Arc::new(App::new(settings, store, self.http.clone(), clock, random))
    }

    pub(crate) fn faults(&self, set: impl FnOnce(&mut Faults)) {
        let mut faults = Faults::default();
        set(&mut faults);
        self.twilio.set_faults(faults);
    }

    pub(crate) fn agent_answers(&self, answer: ElevenLabsAnswer) {
        self.faults(|faults| faults.elevenlabs.answer = answer);
    }

    pub(crate) fn create_answers(&self, create: CreateFault) {
        self.faults(|faults| faults.twilio.create = create);
    }

    /// Dials as our own page does.
    pub(crate) async fn dial(&self, body: Value) -> (u16, Value) {
        let request = self.http.post(self.url("make-call"));
        let request =
            request.header("origin", &self.base).header("content-type", "application/json");
        json_of(request.body(body.to_string())).await
    }

    /// Dials, waits until the call's life is over, and gives the call as our page sees it.
    pub(crate) async fn call(&self, body: Value) -> Value {
        let (status, dialled) = self.dial(body).await;
        assert_eq!(status, 200, "{dialled}");
        self.twilio.settled(dialled["callSid"].as_str().unwrap()).await;
        self.status(&format!("callId={}", dialled["callId"].as_str().unwrap())).await.1
    }

    /// Reads as our own page does.
    pub(crate) async fn status(&self, query: &str) -> (u16, Value) {
        let url = format!("{}?{query}", self.url("status"));
        json_of(self.http.get(url).header("sec-fetch-site", "same-origin")).await
    }

    /// The transcript of a call as our own page sees it.
    pub(crate) async fn transcript(&self, call: &Value) -> (u16, Value) {
        let (name, value) = match call["callSid"].as_str() {
            Some(call_sid) => ("callSid", call_sid),
            None => ("callId", call["callId"].as_str().unwrap()),
        };
        let url = format!("{}/api/elevenlabs/get-transcript?{name}={value}", self.base);
        json_of(self.http.get(url).header("sec-fetch-site", "same-origin")).await
    }

    pub(crate) fn url(&self, endpoint: &str) -> String {
        format!("{}/api/twilio/{endpoint}", self.base)
    }

    /// A webhook signed as Twilio signs it, of our account unless it names one.
    pub(crate) async fn webhook(&self, path: &str, params: &[(&str, &str)]) -> (u16, String) {
        let mut params = params.to_vec();
        if !params.is_empty() && !params.iter().any(|(name, _)| *name == "AccountSid") {
            params.push(("AccountSid", dev::SIMULATED_ACCOUNT_SID));
        }
        let params = params.as_slice();
        let url = self.url(path);
        let request = self.http.post(&url).header("x-twilio-signature", sign(&url, params));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = serde_urlencoded::to_string(params).unwrap();
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Every event of a call's timeline, in order.
    pub(crate) fn events(call: &Value) -> Vec<&str> {
        let timeline = call["timeline"].as_array().unwrap();
        timeline.iter().map(|entry| entry["event"].as_str().unwrap()).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        if !std::thread::panicking() {
            log::assert_clean();
        }
    }
}

/// Signs with the fakes' signer, which shares no code with the product.
pub(crate) fn sign(url: &str, params: &[(&str, &str)]) -> String {
    let owned: Vec<(String, String)> =
        params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    fakes::sign(SIMULATED_AUTH_TOKEN, url, &owned)
}

pub(crate) async fn json_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(json!(text)))
}

/// The machine's clock, so much ahead.
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        System.now().plus(self.0)
    }
}

/// A clock that stands.
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Calls a function directly, as a host does.
pub(crate) async fn ask<E: Endpoint>(
    endpoint: E,
    app: &Arc<App>,
    request: Request<impl Into<Bytes>>,
) -> (u16, Value, Response<Bytes>) {
    let response = guarded(endpoint, Arc::clone(app), request.map(Into::into)).await;
    let text = String::from_utf8_lossy(response.body()).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(json!(text));
    (response.status().as_u16(), body, response)
}

/// A signed voice webhook for a function called directly.
pub(crate) fn voice_request(base: &str, query: &str, call_sid: &str) -> Request<String> {
    let url = format!("{base}/api/twilio/voice{query}");
    let params = [
        ("AccountSid", dev::SIMULATED_ACCOUNT_SID),
        ("CallSid", call_sid),
        ("From", dev::SIMULATED_PHONE_NUMBER),
        ("To", ANSWERS),
        ("Direction", "outbound-api"),
        ("CallStatus", "in-progress"),
    ];
    Request::post(&url)
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .header("x-twilio-signature", sign(&url, &params))
        .body(serde_urlencoded::to_string(params).unwrap())
        .unwrap()
}

/// A dial for a function called directly.
pub(crate) fn dial_request(origin: &str, body: &Value) -> Request<String> {
    Request::post("/api/twilio/make-call")
        .header("origin", origin)
        .header("content-type", "application/json")
        .body(body.to_string())
        .unwrap()
}

pub(crate) fn call_sid(digit: char) -> String {
    format!("CA{}", digit.to_string().repeat(32))
}
