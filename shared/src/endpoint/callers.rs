//! Who may dial and who may read, and how often a caller without the token may ask.
//!
//! A caller shows the token, or is anonymous. Of an anonymous caller only an `Origin` or a
//! `Sec-Fetch-Site` is known, which no page of another site can forge: that stops other sites, not a
//! person with `curl`. So the settings decide whether anonymous callers are let in, and only to what
//! needs no token: to dial, and to read a call whose name they know.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use ring::digest;

use crate::call::Timestamp;
use crate::settings::{Origin, Secret, Settings, Token};

use super::make_call::digest_of;
use super::refusal::{Reason, Refusal};
use super::{App, ClientAddress};

/// An anonymous client's requests in one [`SPAN`]: reads of random ids, replays of a key and refused
/// dials all cost the store's owner. A page that follows a call asks two or three times a second.
const MOST: u32 = 600;
const SPAN: Duration = Duration::from_secs(60);

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
    /// A page of an origin that the settings allow.
    Anonymous {
        /// `None`: the app's own origin, which a browser may leave out.
        origin: Option<String>,
        /// Under which name its requests are counted.
        client: String,
    },
    /// It showed the token, and so sees everything.
    WithToken,
}

impl Caller {
    pub(super) fn has_token(&self) -> bool {
        *self == Self::WithToken
    }

    /// The name under which an anonymous caller's dials are counted.
    pub(super) fn client(&self) -> Option<&String> {
        match self {
            Self::Anonymous { client, .. } => Some(client),
            Self::WithToken => None,
        }
    }
}

/// The caller of a page's endpoint, or why it may not do what the request is about to do.
pub(super) fn authorize(
    app: &App,
    request: &Request<Bytes>,
    scope: Scope,
) -> Result<Caller, Refusal> {
    let (settings, headers) = (&app.settings, request.headers());
    let access = &settings.access;
    match &access.token {
        Token::Malformed => return Err(Refusal::misconfigured(&settings.problems)),
        Token::Set(tokens) if tokens.iter().any(|token| shows(headers, token)) => {
            return Ok(Caller::WithToken);
        }
        // A wrong token does not count as none: the caller believes that it showed the right one.
        _ if headers.contains_key(header::AUTHORIZATION) => return Err(needs_token(settings, "")),
        Token::Set(_) | Token::Unset => {}
    }
    // A laptop without a token is open to its own pages.
    let is_laptop = !settings.platform.is_deployed() && matches!(access.token, Token::Unset);
    let (is_open, or_else) = match scope {
        Scope::Dial | Scope::ReadOne => (true, ", or set ALLOW_ANONYMOUS_DIALLING=true"),
        Scope::ReadTranscript => {
            (access.transcripts_for_pages || is_laptop, ", or set TRANSCRIPTS_FOR_PAGES=true")
        }
        Scope::ReadAll => (is_laptop, ""),
    };
    if !access.allow_anonymous || !is_open {
        return Err(needs_token(settings, or_else));
    }
    let own = settings.app_url.as_ref().map(|app_url| app_url.origin());
    let origin = match allowed_origin(settings, headers) {
        Some((origin, text)) => (own != Some(origin)).then(|| text.to_owned()),
        None if is_same_origin(headers) && scope != Scope::Dial => None,
        None => {
            return Err(Refusal::new(
                Reason::OriginNotAllowed,
                "Call from a page of NEXT_PUBLIC_APP_URL or ALLOWED_ORIGINS, or send the token.",
            ));
        }
    };
    Ok(Caller::Anonymous { origin, client: counted_client(app, request)? })
}

/// The refusal of a caller without the token that asks for something beyond its share.
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

/// Compares digests, so that the time it takes reveals nothing about the token.
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
pub(super) fn allowed_origin<'a>(
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

/// Counts a request of an anonymous client in this process, before the store is asked anything, and
/// refuses one too many. A client's name is a hash of the address that the host vouches for; clients
/// without one share one name.
fn counted_client(app: &App, request: &Request<Bytes>) -> Result<String, Refusal> {
    let network = match request.extensions().get::<ClientAddress>().map(|client| client.ip()) {
        None => String::new(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        // A client that has one address of a /64 has them all.
        Some(IpAddr::V6(ip)) => format!("{:x?}", &ip.segments()[..4]),
    };
    let (client, now) = (digest_of(&["client", &network]), app.clock.now());
    let (since, count) = app.clients.update(&client, |known| match known {
        Some((since, count)) if now < since.plus(SPAN) => (since, count.saturating_add(1)),
        _ => (now, 1),
    });
    if count <= MOST { Ok(client) } else { Err(over(Reason::RateLimited, since.plus(SPAN), now)) }
}

/// A limit's refusal, with the time at which a request may succeed.
pub(super) fn over(reason: Reason, free_at: Timestamp, now: Timestamp) -> Refusal {
    let seconds = seconds_until(free_at, now);
    Refusal::new(reason, format!("Nothing was dialled. Try again in {seconds} s."))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

/// Whole seconds for `Retry-After`, at least one. A caller that waits so long is not too early.
pub(super) fn seconds_until(then: Timestamp, now: Timestamp) -> i64 {
    then.as_millis().saturating_sub(now.as_millis()).saturating_add(999).max(1000) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_comes_at_the_time_that_was_named_is_not_too_early() {
        let refusal =
            over(Reason::DailyLimit, Timestamp::from_millis(1001), Timestamp::from_millis(0));
        let response: http::Response<Bytes> = refusal.into();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
