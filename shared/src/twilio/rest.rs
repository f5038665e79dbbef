//! Twilio's REST API: the dial, and how it can end (`twilio.md` 1.5 to 1.8).
//!
//! Creating a call is not idempotent and Twilio has no idempotency key. So each outcome is one of
//! three: placed, certainly not placed, or unknown; and an unknown one is never tried again.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::call::{AccountSid, CallSid, CallStatus};
use crate::net::{self, Http, ReadError, SendError};
use crate::values::{BaseUrl, Secret};

use super::created_call;

/// How long a dial waits for Twilio's answer, all tries together. After that the outcome counts as
/// unknown.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Tries of a dial of which nothing can have come, and the pause before the second.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that Twilio may ask for. Somebody is waiting who pressed a button.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The Call resource has about 2 KiB.
const ANSWER_LIMIT: usize = 64 * 1024;

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
    /// Twilio's definite no, with its code where it gave one.
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
/// dialled: no connection, or 429, which Twilio never processes (`twilio.md` 1.6).
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
        // 408: somebody on the way gave up waiting; whether Twilio did its part is not said.
        400..=407 | 409..=499 => Err(DialError::Rejected { status: status.as_u16(), code: code() }),
        _ => Err(DialError::Unknown { why: format!("HTTP {status}") }),
    }
}

/// A connection that never stood means nothing was sent; everything later is unknown.
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

#[cfg(test)]
mod tests {
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
}
