//! Who may dial and who may read, and what browsers are told about it (CORS).
//!
//! With a token, everybody shows it. Without one, an `Origin` or `Sec-Fetch-Site` that no page of
//! another site can forge is all there is: it stops other sites, not a person with `curl`.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use ring::digest;

use crate::settings::{Secret, Settings, Token};

use super::answer::empty;
use super::refusal::{Reason, Refusal};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Ring a phone.
    Dial,
    /// Read one call whose unguessable name they know.
    ReadOne,
    /// Read the list of calls, or a recording.
    ReadAll,
    /// Read what is said in one call.
    ReadTranscript,
}

/// Somebody who may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permitted {
    /// Whether they showed the token, and so see everything.
    pub(super) with_token: bool,
}

/// Judges a request to one of the page's endpoints.
pub(super) fn permit(
    settings: &Settings,
    headers: &HeaderMap,
    right: Right,
) -> Result<Permitted, Refusal> {
    // With the setting a transcript is as open as its call.
    let right = match right {
        Right::ReadTranscript if settings.access.transcripts_for_pages => Right::ReadOne,
        right => right,
    };
    match &settings.access.token {
        Token::Malformed => Err(Refusal::misconfigured(&settings.problems)),
        Token::Set(token) if shows(headers, token) => Ok(Permitted { with_token: true }),
        Token::Set(_) => Err(Refusal::new(
            Reason::Unauthorized,
            "Send the header `Authorization: Bearer <MAKE_CALL_TOKEN>`.",
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        Token::Unset if right == Right::ReadAll && settings.host.is_deployed() => {
            Err(Refusal::new(
                Reason::TokenNotConfigured,
                "Set MAKE_CALL_TOKEN on the server and send it as `Authorization: Bearer`.",
            ))
        }
        Token::Unset if right == Right::ReadTranscript && settings.host.is_deployed() => {
            Err(Refusal::new(
                Reason::TokenNotConfigured,
                "On the server set MAKE_CALL_TOKEN and send it as `Authorization: Bearer`, or set TRANSCRIPTS_FOR_PAGES=true.",
            ))
        }
        Token::Unset if is_from_our_page(settings, headers, right) => {
            Ok(Permitted { with_token: false })
        }
        Token::Unset => Err(Refusal::new(
            Reason::OriginNotAllowed,
            "Call from a page of NEXT_PUBLIC_APP_URL or ALLOWED_ORIGINS, or set MAKE_CALL_TOKEN and send it.",
        )),
    }
}

/// Compares digests: how long that takes tells nothing about the token.
fn shows(headers: &HeaderMap, token: &Secret) -> bool {
    let digest = |text: &[u8]| digest::digest(&digest::SHA256, text);
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
        .is_some_and(|(_, shown)| {
            digest(shown.trim_ascii()).as_ref() == digest(token.reveal().as_bytes()).as_ref()
        })
}

/// Browsers leave `Origin` out of same-origin reads, but say so in `Sec-Fetch-Site`.
fn is_from_our_page(settings: &Settings, headers: &HeaderMap, right: Right) -> bool {
    let same_origin = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    allowed_origin(settings, headers).is_some()
        || (right != Right::Dial && same_origin && !headers.contains_key(header::ORIGIN))
}

/// The request's `Origin`, if it is the app's or one of `ALLOWED_ORIGINS`.
fn allowed_origin<'a>(settings: &Settings, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(header::ORIGIN).iter();
    let (Some(header), None) = (all.next(), all.next()) else { return None };
    let text = header.to_str().ok()?;
    let own = settings.app_url.as_ref().map(|app_url| app_url.origin());
    own.into_iter()
        .chain(&settings.access.allowed_origins)
        .any(|origin| origin.matches(text))
        .then_some(header)
}

/// The answer to a preflight. A foreign origin gets no permission and so cannot go on.
pub(super) fn preflight(methods: &'static str) -> Response<Bytes> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, idempotency-key, range"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Lets the page's own origin read the answer, refusals included.
pub(super) fn allow_origin(
    settings: &Settings,
    method: &Method,
    request: &HeaderMap,
    mut response: Response<Bytes>,
) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    match allowed_origin(settings, request) {
        Some(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("retry-after, content-range, accept-ranges"),
            );
        }
        // Without an origin to allow, a preflight must not list what would be allowed.
        None if *method == Method::OPTIONS => {
            headers.remove(header::ACCESS_CONTROL_ALLOW_METHODS);
            headers.remove(header::ACCESS_CONTROL_ALLOW_HEADERS);
            headers.remove(header::ACCESS_CONTROL_MAX_AGE);
        }
        None => {}
    }
    response
}
