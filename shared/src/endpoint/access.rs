//! Who may dial and who may read, and what browsers are told about it (CORS).
//!
//! A caller shows the token, or is anonymous. Of an anonymous caller all that is known is an `Origin` or
//! a `Sec-Fetch-Site`, which no page of another site can forge: that stops other sites, not a person
//! with `curl`. So anonymous callers are let in only where the settings say so, and only to what needs
//! no token: to dial, and to read or end a call whose name they know.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use ring::digest;

use crate::settings::{Origin, Secret, Settings, Token};

use super::answer::empty;
use super::refusal::{Reason, Refusal};

/// What a request is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Ring a phone.
    Dial,
    /// Read the list of calls, or a recording.
    ReadAll,
    /// Read one call whose unguessable name the caller knows.
    ReadOne,
    /// Read what is said in one call.
    ReadTranscript,
}

/// A caller that may do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A page of this origin, or of our own where a browser leaves the origin out.
    Anonymous {
        /// `None`: the app's own.
        origin: Option<String>,
    },
    /// It showed the token, and so sees everything.
    WithToken,
}

impl Caller {
    pub(super) fn has_token(&self) -> bool {
        *self == Self::WithToken
    }
}

/// Judges a request to one of the page's endpoints.
pub(super) fn authorize(
    settings: &Settings,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Caller, Refusal> {
    let access = &settings.access;
    let shows_something = headers.contains_key(header::AUTHORIZATION);
    match &access.token {
        Token::Malformed => return Err(Refusal::misconfigured(&settings.problems)),
        Token::Set(tokens) if tokens.iter().any(|token| shows(headers, token)) => {
            return Ok(Caller::WithToken);
        }
        // A wrong token is never "no token": its owner believes to be known.
        _ if shows_something => return Err(needs_token(settings, "")),
        Token::Set(_) | Token::Unset => {}
    }
    let is_open = match scope {
        Scope::Dial | Scope::ReadOne => true,
        Scope::ReadTranscript => access.transcripts_for_pages || is_laptop(settings),
        Scope::ReadAll => is_laptop(settings),
    };
    if !access.allow_anonymous || !is_open {
        let or_else = match scope {
            Scope::Dial | Scope::ReadOne => ", or set ALLOW_ANONYMOUS_DIALLING=true",
            Scope::ReadTranscript => ", or set TRANSCRIPTS_FOR_PAGES=true",
            Scope::ReadAll => "",
        };
        return Err(needs_token(settings, or_else));
    }
    let own = settings.app_url.as_ref().map(|app_url| app_url.origin());
    match allowed_origin(settings, headers) {
        Some((origin, text)) => {
            let is_own = own == Some(origin);
            Ok(Caller::Anonymous { origin: (!is_own).then(|| text.to_owned()) })
        }
        None if is_same_origin(headers) && scope != Scope::Dial => {
            Ok(Caller::Anonymous { origin: None })
        }
        None => Err(Refusal::new(
            Reason::OriginNotAllowed,
            "Call from a page of NEXT_PUBLIC_APP_URL or ALLOWED_ORIGINS, or send the token.",
        )),
    }
}

/// A laptop without a token is open to its own pages.
fn is_laptop(settings: &Settings) -> bool {
    !settings.platform.is_deployed() && matches!(settings.access.token, Token::Unset)
}

/// What a caller without the token is told that asks for something beyond its share.
pub(super) fn needs_token(settings: &Settings, or_else: &str) -> Refusal {
    if matches!(settings.access.token, Token::Set(_)) {
        let message = "Send the header `Authorization: Bearer <MAKE_CALL_TOKEN>`";
        Refusal::new(Reason::Unauthorized, format!("{message}{or_else}."))
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    } else {
        let message = "On the server set MAKE_CALL_TOKEN and send it as `Authorization: Bearer`";
        Refusal::new(Reason::TokenNotConfigured, format!("{message}{or_else}."))
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
fn is_same_origin(headers: &HeaderMap) -> bool {
    let says_so = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    says_so && !headers.contains_key(header::ORIGIN)
}

/// The request's `Origin`, if it is the app's or one of `ALLOWED_ORIGINS`; and its text.
fn allowed_origin<'a>(
    settings: &'a Settings,
    headers: &'a HeaderMap,
) -> Option<(&'a Origin, &'a str)> {
    let mut all = headers.get_all(header::ORIGIN).iter();
    let (Some(header), None) = (all.next(), all.next()) else { return None };
    let text = header.to_str().ok()?;
    let own = settings.app_url.as_ref().map(|app_url| app_url.origin());
    let mut known = own.into_iter().chain(&settings.access.allowed_origins);
    known.find(|origin| origin.matches(text)).map(|origin| (origin, text))
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
        Some((_, origin)) => {
            // The text is that of a header.
            if let Ok(origin) = HeaderValue::from_str(origin) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(
                    "retry-after, content-range, accept-ranges, idempotent-replayed",
                ),
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
