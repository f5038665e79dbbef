//! What comes from pages, and from strangers who have found the URL.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use shared::call::{Observation, Timestamp};
use shared::endpoint::{App, MakeCall, Reason, Recording, Status, Voice};
use shared::store::Record;

use crate::blank::Blank;
use crate::input::{lines, or};
use crate::world::{CALL_TOKEN, COMPLETE, WITHOUT_STORE, app, ask, client, settings};

/// A media type, an `Idempotency-Key`, and the JSON that asks for a call.
pub(crate) fn dial(data: &[u8]) {
    let ([media_type, key], body) = lines(data);
    let Ok(media_type) = HeaderValue::from_str(or(media_type, "application/json")) else { return };
    let mut request = Request::new(Bytes::copy_from_slice(body));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, media_type);
    let token = format!("Bearer {CALL_TOKEN}");
    request.headers_mut().extend(HeaderValue::from_str(&token).map(|it| (AUTHORIZATION, it)));
    if let (false, Ok(key)) = (key.is_empty(), HeaderValue::from_str(key)) {
        request.headers_mut().insert("idempotency-key", key);
    }
    let response = ask(MakeCall, &WITHOUT_STORE, request);
    let reason = refused(&response);
    let is_known = Reason::ALL.iter().any(|known| known.as_str() == reason);
    // What can be dialled gets as far as the store.
    let is_ours = response.status().is_client_error() || reason == "store_unavailable";
    let is_of_the_request = !["unauthorized", "origin_not_allowed"].contains(&reason.as_str());
    assert!(is_known && is_ours && is_of_the_request, "{reason}");
}

/// The word of a refusal.
fn refused(response: &Response<Bytes>) -> String {
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap_or_default();
    assert_eq!(body["success"], false, "{body}");
    body["reason"].as_str().unwrap_or_default().to_owned()
}

/// A method, a target, and headers.
pub(crate) fn page(data: &[u8]) {
    let ([start, target], headers) = lines(data);
    let (endpoint, method) = start.split_once(' ').unwrap_or((start, "GET"));
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let Ok(uri) = format!("/api/twilio/{target}").parse() else { return };
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    for line in headers.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value.map(trimmed)) {
            request.headers_mut().append(name, value);
        }
    }
    let response = match endpoint {
        "make-call" => ask(MakeCall, &WITHOUT_STORE, request),
        "recording" => ask(Recording, &OPEN, request),
        "voice" => ask(Voice, &OPEN, request),
        _ => ask(Status, &OPEN, request),
    };
    // Nothing is signed, and no request dials by GET.
    if endpoint == "voice" || (method == Method::POST && endpoint != "make-call") {
        let status = response.status();
        assert!([StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED].contains(&status));
    }
    assert!(response.status() != StatusCode::INTERNAL_SERVER_ERROR, "{:?}", response.body());
}

/// As an HTTP server does.
fn trimmed(value: HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes().trim_ascii()).unwrap_or(value)
}

/// No token guards it, and one call is on record: its recording is not ready, so that no request asks
/// Twilio for it.
static OPEN: LazyLock<Arc<App>> = LazyLock::new(|| {
    let seen = |line| serde_json::from_str::<Observation>(line).ok();
    let record = Record {
        observations: CALL.iter().copied().filter_map(seen).collect(),
        ..Record::default()
    };
    assert_eq!(record.observations.len(), CALL.len());
    assert!(record.fold().created_at > Some(Timestamp::from_millis(0)));
    let pairs: Vec<_> =
        COMPLETE.into_iter().filter(|(name, _)| *name != "MAKE_CALL_TOKEN").collect();
    app(settings(&pairs), Arc::new(Blank(record)), client())
});

const CALL: [&str; 3] = [
    r#"{"t":1795341600000,"f":"u"}"#,
    r#"{"t":1795341601000,"f":{"e":{"s":"in-progress"}}}"#,
    r#"{"t":1795341602000,"f":{"r":{"r":"RE22222222222222222222222222222222","s":"in-progress"}}}"#,
];
