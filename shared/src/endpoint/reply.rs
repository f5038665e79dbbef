//! What every reply has: its kind, and for a page's request the methods and CORS.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;

use crate::settings::Settings;

use super::callers::allowed_origin;
use super::refusal::Refusal;
use super::{App, Endpoint};

/// Answers a page's request: a preflight, another method's refusal, or what `work` makes of it. CORS
/// lets the page read all of them. `methods` is what the header `Allow` names; the first is the page's.
pub(super) async fn page<E: Endpoint>(
    app: &App,
    request: &Request<Bytes>,
    methods: &'static str,
    work: impl Future<Output = Result<Response<Bytes>, Refusal>>,
) -> Response<Bytes> {
    let method = request.method();
    let mut response = if *method == Method::OPTIONS {
        empty(StatusCode::NO_CONTENT)
    } else if methods.split(", ").next() == Some(method.as_str()) {
        work.await.unwrap_or_else(|refusal| refusal.answer(E::NAME))
    } else {
        Refusal::method_not_allowed(methods).answer(E::NAME)
    };
    let is_preflight = *method == Method::OPTIONS;
    allow_origin(&app.settings, request.headers(), &mut response, is_preflight.then_some(methods));
    response
}

/// Lets a page of an allowed origin read the answer. Another page's preflight gets no permission, so
/// its browser does not send the request.
fn allow_origin(
    settings: &Settings,
    request: &HeaderMap,
    response: &mut Response<Bytes>,
    preflight: Option<&'static str>,
) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some((_, origin)) = allowed_origin(settings, request) else { return };
    // Cannot fail: the text is that of a header.
    headers
        .extend(HeaderValue::from_str(origin).map(|it| (header::ACCESS_CONTROL_ALLOW_ORIGIN, it)));
    let mut allow = |name, value| headers.insert(name, HeaderValue::from_static(value));
    allow(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "retry-after, content-range, accept-ranges, idempotent-replayed",
    );
    if let Some(methods) = preflight {
        allow(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        allow(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, idempotency-key, range",
        );
        allow(header::ACCESS_CONTROL_MAX_AGE, "600");
    }
}

/// An empty answer.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A JSON answer that no cache keeps: it is about one person's call.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    let mut response = json_text(json_body(body));
    *response.status_mut() = status;
    response
}

/// The text of a JSON answer. Our own structs of strings, numbers and lists always serialise.
pub(super) fn json_body(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// A JSON answer whose text is made already.
pub(super) fn json_text(body: Bytes) -> Response<Bytes> {
    let mut response = with_type("application/json", body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// TwiML, always 200: an error status would end the call with Twilio's own error message.
pub(super) fn twiml(document: String) -> Response<Bytes> {
    with_type("text/xml", document.into())
}

/// A body of some type, 200.
pub(super) fn with_type(media_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
