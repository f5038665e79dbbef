//! `Idempotency-Key`: the same dial asked twice rings once.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use ring::digest;

use crate::call::{CallId, CallSid, CallStatus, Fact, hex};
use crate::endpoint::App;
use crate::endpoint::refusal::{Reason, Refusal};
use crate::endpoint::reply::json;
use crate::store::keys::find;
use crate::store::{KeyClaim, KeyState, Nonce, Record, StoreError, with_timeout};

use super::{Caller, Dialled};

/// The longest key, characters.
const LONGEST: usize = 255;

/// How soon a request that meets another one's dial under the same key may ask again, seconds.
const RETRY_AFTER: u16 = 2;

/// A key as the caller sent it.
pub(super) struct IdempotencyKey<'a>(&'a str);

impl<'a> IdempotencyKey<'a> {
    /// The header, if it is there: once, 1 to 255 visible ASCII characters.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut all = headers.get_all("idempotency-key").iter();
        let Some(value) = all.next() else { return Ok(None) };
        let key = value.to_str().ok().filter(|key| {
            let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
            is_visible && (1..=LONGEST).contains(&key.len())
        });
        match (key, all.next()) {
            (Some(key), None) => Ok(Some(Self(key))),
            _ => Err(Refusal::new(
                Reason::InvalidParameter,
                "Idempotency-Key must be 1 to 255 visible ASCII characters, sent once.",
            )),
        }
    }

    /// Its name in the store, and what was sent with it. The caller is part of the name: no page gets
    /// the answer to another page's dial.
    pub(super) fn named(&self, caller: &Caller, canonical: &str) -> SentKey {
        let scope = match caller {
            Caller::WithToken => "token".to_owned(),
            Caller::Anonymous { origin: None, .. } => "page".to_owned(),
            Caller::Anonymous { origin: Some(origin), .. } => format!("page {origin}"),
        };
        SentKey { key: digest_of(&[&scope, self.0]), fingerprint: digest_of(&[canonical]) }
    }
}

/// A key as the store knows it, and the request that came with it.
#[derive(Clone, Debug)]
pub(super) struct SentKey {
    /// A digest, so that the store holds no caller's text.
    key: String,
    /// The digest of the body: another body under the same key is refused.
    fingerprint: String,
}

impl SentKey {
    pub(super) fn claim(self, owner: Nonce, call_id: CallId) -> KeyClaim {
        KeyClaim { key: self.key, fingerprint: self.fingerprint, owner, call_id }
    }

    /// The answer to an earlier dial under this key, for a request that would be refused as a new dial.
    /// No present limit, list, hour or setting applies to a repetition.
    pub(super) async fn earlier_dial(&self, app: &App) -> Result<Option<Response<Bytes>>, Refusal> {
        let found = find(&*app.store, &self.key, &self.fingerprint, app.clock.now());
        let unavailable = |error: StoreError| {
            Refusal::new(Reason::StoreUnavailable, "Try again in a moment with the same key.")
                .because("store", error)
        };
        match with_timeout(Box::pin(found)).await.map_err(unavailable)? {
            Some(state) => earlier(app, state),
            None => Ok(None),
        }
    }
}

/// SHA-256 of the parts, each with its length before it, as 64 hex digits.
pub(in crate::endpoint) fn digest_of(parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    hex(context.finish().as_ref())
}

/// The answer to a request whose key was claimed before; `None` if the key is the request's own.
pub(super) fn earlier(app: &App, state: KeyState) -> Result<Option<Response<Bytes>>, Refusal> {
    match state {
        KeyState::Claimed => Ok(None),
        KeyState::Done { call_sid, record } => Ok(Some(again(app, &call_sid, &record))),
        KeyState::Reused => Err(Refusal::new(
            Reason::IdempotencyKeyReused,
            "Use a new Idempotency-Key for a different call.",
        )),
        KeyState::InFlight { call_id } => Err(Refusal::new(
            Reason::IdempotencyInFlight,
            "Ask again with the same key: the answer will be the same.",
        )
        .with_call_id(call_id)
        .with_header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER))),
        KeyState::Unknown { call_id } => Err(Refusal::new(
            Reason::IdempotencyUnknownOutcome,
            "Do not dial again: follow the call with GET /api/twilio/status?callId=. This key answers once Twilio has named the call.",
        )
        .with_call_id(call_id)),
    }
}

/// The status in Twilio's answer to the dial. Like a look at Twilio after the call's end it has no
/// sequence number, but a look finds a terminal status only.
fn first_status(record: &Record) -> &str {
    let first = record.observations.iter().find_map(|seen| match &seen.fact {
        Fact::Status(event) if event.sequence.is_none() && !event.status.is_terminal() => {
            Some(event.status.as_str())
        }
        _ => None,
    });
    first.unwrap_or(CallStatus::Queued.as_str())
}

/// The first answer again: with the call's first status, not its latest.
fn again(app: &App, call_sid: &CallSid, record: &Record) -> Response<Bytes> {
    let intent = record.intent();
    let from = intent.map(|intent| &intent.from).or(app.settings.phone_number.as_ref());
    let body = Dialled {
        success: true,
        call_id: record.call_id.as_ref().map_or("", CallId::as_str),
        call_sid: call_sid.as_str(),
        status: first_status(record),
        to: intent.map_or("", |intent| intent.to.as_str()),
        from: from.map_or("", |from| from.as_str()),
    };
    let mut response = json(StatusCode::OK, &body);
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Observation, StatusEvent, Timestamp};

    fn of(values: &[&[u8]]) -> Result<Option<String>, Reason> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", HeaderValue::from_bytes(value).unwrap());
        }
        let key = IdempotencyKey::of(&headers);
        key.map(|key| key.map(|key| key.0.to_owned())).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn a_key_is_1_to_255_visible_ascii_characters_sent_once() {
        assert_eq!(of(&[]), Ok(None));
        let longest = "~".repeat(255);
        for key in ["!", "a-key:1/2?#", longest.as_str()] {
            assert_eq!(of(&[key.as_bytes()]), Ok(Some(key.to_owned())));
        }
        let too_long = "a".repeat(256);
        for wrong in [&b""[..], b"a b", b"a\tb", b"\xc3\xa9", too_long.as_bytes()] {
            assert_eq!(of(&[wrong]), Err(Reason::InvalidParameter), "{wrong:?}");
        }
        assert_eq!(of(&[b"a", b"a"]), Err(Reason::InvalidParameter));
    }

    #[test]
    fn an_end_that_was_looked_up_changes_nothing_in_a_repeated_answer() {
        let told = |statuses: &[&str]| {
            let seen = |word: &&str| Observation {
                at: Timestamp::from_millis(0),
                fact: Fact::Status(StatusEvent::of(CallStatus::parse(word))),
            };
            let observations = statuses.iter().map(seen).collect();
            first_status(&Record { observations, ..Record::default() }).to_owned()
        };
        assert_eq!(told(&["completed", "queued"]), "queued");
        assert_eq!(told(&["failed", "in-progress"]), "in-progress");
        assert_eq!(told(&["completed"]), "queued", "Twilio's answer was not written");
    }

    #[test]
    fn no_two_lists_of_parts_have_one_digest() {
        assert_ne!(digest_of(&["ab", "c"]), digest_of(&["a", "bc"]));
        assert_ne!(digest_of(&["abc"]), digest_of(&["abc", ""]));
        assert_eq!(digest_of(&["a"]).len(), 64);
    }
}
