//! Answers of every kind.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// An empty answer.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A JSON answer that no cache keeps: it is about one person's call.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Our own structs of strings, numbers and lists always serialise.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = with_type(status, "application/json", body.into());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// TwiML, always 200: an error status would end the call with Twilio's own error message.
pub(super) fn twiml(document: String) -> Response<Bytes> {
    with_type(StatusCode::OK, "text/xml", document.into())
}

/// A body of some type.
pub(super) fn with_type(
    status: StatusCode,
    media_type: &'static str,
    body: Bytes,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
