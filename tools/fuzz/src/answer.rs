//! What Twilio and ElevenLabs answer us.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use shared::endpoint::{App, Endpoint, MakeCall, Recording, Voice};
use shared::net::Http;
use shared::store::Record;
use shared::twilio::RANGE_LIMIT;

use crate::blank::Blank;
use crate::input::lines;
use crate::text::assert_twiml;
use crate::wire::{Told, told};
use crate::world::{APP_URL, AUTH_TOKEN, CALL_TOKEN, COMPLETE, app, ask, client, settings};
use vendors::sign;

/// Who is asked what, a status, a header, and a body.
pub(crate) fn answer(data: &[u8]) {
    let ([kind, status, header], body) = lines(data);
    match kind {
        "register-call" => voice(&REGISTER, status, body),
        "signed-url" => voice(&SIGNED_URL, status, body),
        "recording" => recording(status, header, body),
        _ => dialled(status, header, body),
    }
}

fn dialled(status: &str, retry_after: &str, body: &[u8]) {
    told(status, ("retry-after", retry_after), body);
    let response = send(MakeCall, &REGISTER, Method::POST, "make-call", r#"{"to":"+12125550123"}"#);
    let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let reason = answer["reason"].as_str().unwrap_or_default();
    if response.status() == StatusCode::OK {
        assert_eq!(answer["success"], true);
    } else {
        assert!(reason.starts_with("twilio_"), "{answer}");
    }
    let is_unsent = status == "not-sent";
    assert_eq!(reason == "twilio_unreachable", is_unsent, "{answer}");
}

/// Whatever the agent's side answers, the person on the line hears something.
fn voice(app: &App, status: &str, body: &[u8]) {
    told(status, ("", ""), body);
    let form = "AccountSid=AC00000000000000000000000000000001&CallSid=CA11111111111111111111111111111111&From=%2B12125550100&CallStatus=in-progress";
    let response = send(Voice, app, Method::POST, "voice", form);
    assert_eq!(response.status(), StatusCode::OK);
    assert_twiml(std::str::from_utf8(response.body()).unwrap_or_default());
}

fn recording(status: &str, content_range: &str, body: &[u8]) {
    told(status, ("content-range", content_range), body);
    let path = "recording?callSid=CA11111111111111111111111111111111";
    let response = send(Recording, &REGISTER, Method::GET, path, "");
    assert!(response.status() != StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.body().len() as u64 <= RANGE_LIMIT);
    let range = response.headers().get(CONTENT_RANGE);
    assert!(range.is_none() || range.is_some_and(|range| range.to_str().is_ok()));
}

fn send(
    endpoint: impl Endpoint,
    app: &App,
    method: Method,
    path: &str,
    body: &str,
) -> Response<Bytes> {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    let is_form = !body.starts_with('{');
    *request.method_mut() = method;
    *request.uri_mut() = format!("/api/twilio/{path}").parse().unwrap_or_default();
    let form = shared::twilio::Form::parse(body.as_bytes()).unwrap_or_default();
    let signature = sign(AUTH_TOKEN, &format!("{APP_URL}/api/twilio/{path}"), form.pairs());
    let media_type = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
    let token = format!("Bearer {CALL_TOKEN}");
    let headers = [
        (AUTHORIZATION, token.as_str()),
        (CONTENT_TYPE, media_type),
        (RANGE, "bytes=2-1000"),
        (http::HeaderName::from_static("x-twilio-signature"), &signature),
    ];
    let value = |text| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let headers = headers.map(|(name, text)| (name, value(text)));
    *request.headers_mut() = HeaderMap::from_iter(headers);
    ask(endpoint, app, request)
}

static REGISTER: LazyLock<Arc<App>> = LazyLock::new(|| connected("register-call"));
static SIGNED_URL: LazyLock<Arc<App>> = LazyLock::new(|| connected("signed-url"));

/// Over a network that is told what to bring, and one call is on record whose recording is complete.
fn connected(connect: &str) -> Arc<App> {
    let pairs: Vec<_> = [("ELEVENLABS_CONNECT", connect)].into_iter().chain(COMPLETE).collect();
    let settings = settings(&pairs);
    assert!(settings.problems.is_empty(), "{:?}", settings.problems);
    let seen = r#"{"t":1795341602000,"f":{"r":{"r":"RE22222222222222222222222222222222","s":"completed"}}}"#;
    let observations: Vec<_> = serde_json::from_str(seen).into_iter().collect();
    assert_eq!(observations.len(), 1);
    let http = Http::over(client(), Arc::new(Told));
    app(settings, Arc::new(Blank(Record { observations, ..Record::default() })), http)
}
