//! Twilio's REST API: the dial, how it can end, and what Twilio knows of a call.
//!
//! Creating a call is not idempotent and Twilio has no idempotency key. So each outcome is one of
//! three: placed, certainly not placed, or unknown; and an unknown one is never tried again.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::call::{AccountSid, CallSid, CallStatus, StatusEvent, Timestamp};
use crate::net::{self, Http, ReadError, SendError};
use crate::values::{BaseUrl, Secret};

/// How long a dial waits for Twilio's answer, all tries together. After that the outcome counts as
/// unknown.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Tries of a dial of which nothing can have come, and the pause before the second.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that Twilio may ask for: a person who pressed a button is waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the reader of a page waits for what Twilio knows.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(4);

/// A Call resource has about 2 KiB, a list of fifty recordings about 50.
const ANSWER_LIMIT: usize = 256 * 1024;

/// What REST calls are signed in with.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `AccountSid:AuthToken`.
    AuthToken(Secret),
    /// `SK...:secret`; then the auth token only checks signatures.
    ApiKey {
        /// `SK...`
        sid: String,
        /// Its secret.
        secret: Secret,
    },
}

/// One Twilio account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Part of every path, whatever the credentials.
    pub sid: AccountSid,
    /// Basic auth.
    pub credentials: Credentials,
    /// `https://api.twilio.com`, or where a test or a region lives.
    pub api_url: BaseUrl,
}

impl Account {
    /// Adds Basic auth.
    pub fn sign_in(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Credentials::AuthToken(token) => {
                request.basic_auth(self.sid.as_str(), Some(token.reveal()))
            }
            Credentials::ApiKey { sid, secret } => request.basic_auth(sid, Some(secret.reveal())),
        }
    }

    /// `{api}/2010-04-01/Accounts/{sid}/{resource}`.
    #[must_use]
    pub fn resource(&self, resource: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}/{resource}", self.api_url.as_str(), self.sid)
    }

    /// Gets a resource. `None`: Twilio does not know it. Errors are texts for the log.
    pub(super) async fn look_up<T: DeserializeOwned>(
        &self,
        http: &Http,
        resource: &str,
    ) -> Result<Option<T>, String> {
        let request = self.sign_in(http.get(self.resource(resource)));
        let request = request.header("accept", "application/json").timeout(LOOK_UP_TIMEOUT);
        let response = http.send(request).await.map_err(|error| error.to_string())?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if !status.is_success() => Err(format!("HTTP {status}")),
            _ => {
                let body = net::read_limited(response, ANSWER_LIMIT).await;
                parsed(&body.map_err(|error| error.to_string())?).map(Some)
            }
        }
    }
}

pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|_| "an answer of another shape".to_owned())
}

/// What we need of a Call resource, which has some thirty fields more. What only an ended call has is
/// text or null; of whatever type it is, a call that was created has a SID all the same.
#[derive(Deserialize)]
struct CallResource {
    sid: String,
    status: Option<String>,
    #[serde(default)]
    duration: Value,
    #[serde(default)]
    end_time: Value,
}

/// Why there is no call to show for a dial.
#[derive(Debug, PartialEq, Eq)]
pub enum DialError {
    /// HTTP 429: never processed, may be asked again after so many seconds.
    RateLimited {
        /// Usually 20429.
        code: Option<u32>,
        /// Seconds, from Twilio's `Retry-After` or 1.
        retry_after: u32,
    },
    /// Twilio rejected the call, with its code where it gave one.
    Rejected {
        /// HTTP status.
        status: u16,
        /// For instance 21211.
        code: Option<u32>,
    },
    /// HTTP 401: the credentials are not accepted.
    Unauthorized {
        /// Usually 20003.
        code: Option<u32>,
    },
    /// Sent, but what became of it is not known: the phone may be ringing.
    Unknown {
        /// For the log.
        why: String,
    },
    /// Not one byte was sent.
    Unreachable {
        /// For the log.
        why: String,
    },
}

/// Dials. `form` is [`super::create_call_form`]'s. Tried again only where nothing can have been
/// dialled: no connection, or 429, which Twilio never processes.
pub async fn create_call(
    http: &Http,
    account: &Account,
    form: &[(&'static str, String)],
) -> Result<(CallSid, CallStatus), DialError> {
    // Pairs of strings always encode; an empty body would be refused by Twilio, not by a panic.
    let body = serde_urlencoded::to_string(form).unwrap_or_default();
    let end = Instant::now() + DIAL_TIMEOUT;
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        let error = match create_once(http, account, body.clone(), end).await {
            Err(error @ (DialError::Unreachable { .. } | DialError::RateLimited { .. })) => error,
            outcome => return outcome,
        };
        if let DialError::RateLimited { retry_after, .. } = &error {
            pause = pause.max(Duration::from_secs((*retry_after).into()));
        }
        if pause > LONGEST_PAUSE || Instant::now() + pause >= end {
            return Err(error);
        }
        sleep(pause).await;
        pause *= 2;
    }
    create_once(http, account, body, end).await
}

/// One request. It ends at `end` in any case.
async fn create_once(
    http: &Http,
    account: &Account,
    body: String,
    end: Instant,
) -> Result<(CallSid, CallStatus), DialError> {
    let request = account
        .sign_in(http.post(account.resource("Calls.json")))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .timeout(end.saturating_duration_since(Instant::now()))
        .body(body);
    let response = http.send(request).await.map_err(not_answered)?;
    let status = response.status();
    let retry_after = retry_after(&response);
    let body = net::read_limited(response, ANSWER_LIMIT).await;
    outcome(status, retry_after, body)
}

fn outcome(
    status: StatusCode,
    retry_after: u32,
    body: Result<Bytes, ReadError>,
) -> Result<(CallSid, CallStatus), DialError> {
    let body = body.map_err(|error| error.to_string());
    // A refusal is a refusal even if the rest of it cannot be read.
    let code = || body.as_ref().ok().and_then(|body| error_code(body));
    match status.as_u16() {
        200..=299 => body
            .and_then(|body| {
                created_call(&body).ok_or_else(|| format!("HTTP {status} that names no call"))
            })
            .map_err(|why| DialError::Unknown { why }),
        401 => Err(DialError::Unauthorized { code: code() }),
        429 => Err(DialError::RateLimited { code: code(), retry_after }),
        // 408: a proxy on the way gave up waiting; whether Twilio did its part is not said.
        400..=407 | 409..=499 => Err(DialError::Rejected { status: status.as_u16(), code: code() }),
        _ => Err(DialError::Unknown { why: format!("HTTP {status}") }),
    }
}

/// Without a connection nothing was sent; everything later is unknown.
fn not_answered(error: SendError) -> DialError {
    match error {
        SendError::NotSent(why) => DialError::Unreachable { why },
        SendError::TimedOut(why) | SendError::Broken(why) => DialError::Unknown { why },
    }
}

fn retry_after(response: &Response) -> u32 {
    let header = response.headers().get("retry-after");
    header.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(1)
}

/// `{"code":21211,"message":...,"more_info":...,"status":400}`; any part may be missing, and the body
/// need not be JSON. The message quotes full numbers, so it goes nowhere.
fn error_code(body: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct ErrorBody {
        code: Option<u32>,
    }
    serde_json::from_slice::<ErrorBody>(body).ok()?.code
}

/// Reads a 201. `None` if it names no call: then the phone may be ringing or not.
#[must_use]
pub fn created_call(body: &[u8]) -> Option<(CallSid, CallStatus)> {
    let call: CallResource = parsed(body).ok()?;
    let status = CallStatus::parse(call.status.as_deref().unwrap_or("queued"));
    Some((CallSid::parse(&call.sid).ok()?, status))
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnd {
    /// A terminal status, and how long the call lasted.
    pub event: StatusEvent,
    /// When; sometimes unknown for calls that were not answered.
    pub at: Option<Timestamp>,
}

/// Looks a call up. `None`: it has not ended. Errors are texts for the log.
pub async fn fetch_call_end(
    http: &Http,
    account: &Account,
    call_sid: &CallSid,
) -> Result<Option<CallEnd>, String> {
    match account.look_up(http, &format!("Calls/{call_sid}.json")).await? {
        Some(call) => call_end(call, call_sid),
        None => Err("Twilio does not know the call".to_owned()),
    }
}

fn call_end(call: CallResource, call_sid: &CallSid) -> Result<Option<CallEnd>, String> {
    if call.sid != call_sid.as_str() {
        return Err("the answer is about another call".to_owned());
    }
    let status = CallStatus::parse(&call.status.ok_or("an answer without a status")?);
    Ok(status.is_terminal().then(|| CallEnd {
        event: StatusEvent {
            duration_seconds: call.duration.as_str().and_then(|seconds| seconds.parse().ok()),
            ..StatusEvent::of(status)
        },
        at: call.end_time.as_str().and_then(Timestamp::parse_rfc2822),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(status: u16, body: &str) -> Result<(CallSid, CallStatus), DialError> {
        outcome(StatusCode::from_u16(status).unwrap(), 1, Ok(Bytes::from(body.to_owned())))
    }

    #[test]
    fn a_definite_refusal_keeps_twilios_code() {
        let body =
            r#"{"code":21211,"message":"The 'To' number 5551234567 is not valid","status":400}"#;
        assert_eq!(after(400, body), Err(DialError::Rejected { status: 400, code: Some(21211) }));
        for body in ["", "<html>", "{}", r#"{"code":"x"}"#] {
            assert_eq!(after(404, body), Err(DialError::Rejected { status: 404, code: None }));
        }
        let body = r#"{"code":20003,"message":"Authenticate","status":401}"#;
        assert_eq!(after(401, body), Err(DialError::Unauthorized { code: Some(20003) }));
    }

    #[test]
    fn whatever_is_neither_placed_nor_refused_is_unknown() {
        for status in [100, 302, 408, 500, 503, 599] {
            assert!(matches!(after(status, "{}"), Err(DialError::Unknown { .. })), "{status}");
        }
        assert!(matches!(after(201, "not json"), Err(DialError::Unknown { .. })));
        let cut = outcome(StatusCode::CREATED, 1, Err(ReadError::TooLarge));
        assert!(matches!(cut, Err(DialError::Unknown { .. })));
    }

    #[test]
    fn a_rate_limited_dial_was_never_processed() {
        assert_eq!(after(429, ""), Err(DialError::RateLimited { code: None, retry_after: 1 }));
    }

    #[test]
    fn a_201_that_names_no_call_is_no_answer() {
        for body in ["", "<html>", "{}", r#"{"sid": 7}"#, r#"{"sid": "CA1"}"#, "[]"] {
            assert_eq!(created_call(body.as_bytes()), None, "{body}");
        }
        let sid = format!("CA{}", "1".repeat(32));
        let (found, status) =
            created_call(format!(r#"{{"sid":"{sid}","status":null}}"#).as_bytes()).unwrap();
        assert_eq!((found.as_str(), status), (sid.as_str(), CallStatus::Queued));
        let odd = format!(r#"{{"sid":"{sid}","status":"queued","duration":0,"end_time":{{}}}}"#);
        assert!(created_call(odd.as_bytes()).is_some());
    }

    fn sid() -> CallSid {
        CallSid::parse(&format!("CA{}", "1".repeat(32))).unwrap()
    }

    fn end_of(body: &[u8]) -> Result<Option<CallEnd>, String> {
        call_end(parsed(body)?, &sid())
    }

    #[test]
    fn an_ended_call_tells_its_end_and_a_running_one_none() {
        let body = json!({"sid": sid().as_str(), "status": "completed", "duration": "37",
            "end_time": "Sun, 22 Nov 2026 10:06:01 +0000", "price": null});
        let end = end_of(body.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(
            (end.event.status, end.event.duration_seconds),
            (CallStatus::Completed, Some(37))
        );
        assert_eq!(end.at, Timestamp::parse_rfc3339("2026-11-22T10:06:01Z"));
        for status in ["queued", "ringing", "in-progress", "a new word"] {
            let body = json!({"sid": sid().as_str(), "status": status}).to_string();
            assert_eq!(end_of(body.as_bytes()), Ok(None), "{status}");
        }
    }

    #[test]
    fn what_is_not_this_call_is_an_error() {
        let other = json!({"sid": "CA2", "status": "completed"}).to_string();
        for body in ["", "<html>", "{}", "[]", other.as_str()] {
            assert!(end_of(body.as_bytes()).is_err(), "{body}");
        }
    }
}
