//! `GET Calls/{CallSid}.json`: what Twilio itself knows of a call.

use std::time::Duration;

use serde::Deserialize;

use crate::call::{CallSid, CallStatus, StatusEvent, Timestamp};
use crate::net::{self, Http};

use super::Account;

/// Somebody waits for the page that asked.
const FETCH_TIMEOUT: Duration = Duration::from_secs(4);

/// The Call resource has about 2 KiB.
const ANSWER_LIMIT: usize = 64 * 1024;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnd {
    /// A terminal status, and how long the call lasted.
    pub event: StatusEvent,
    /// When; unknown for calls that nobody answered at times.
    pub at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct CallResource {
    sid: String,
    status: String,
    duration: Option<String>,
    end_time: Option<String>,
}

/// Looks a call up. `None`: it has not ended. Errors are texts for the log.
pub async fn fetch_call_end(
    http: &Http,
    account: &Account,
    call_sid: &CallSid,
) -> Result<Option<CallEnd>, String> {
    let request = account
        .sign_in(http.get(account.resource(&format!("Calls/{call_sid}.json"))))
        .header("accept", "application/json")
        .timeout(FETCH_TIMEOUT);
    let response = http.send(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("HTTP {status}"));
    }
    let body =
        net::read_limited(response, ANSWER_LIMIT).await.map_err(|error| error.to_string())?;
    call_end(&body, call_sid)
}

fn call_end(body: &[u8], call_sid: &CallSid) -> Result<Option<CallEnd>, String> {
    let call: CallResource =
        serde_json::from_slice(body).map_err(|_| "an answer that is no call".to_owned())?;
    if call.sid != call_sid.as_str() {
        return Err("the answer is about another call".to_owned());
    }
    let status = CallStatus::parse(&call.status);
    Ok(status.is_terminal().then(|| CallEnd {
        event: StatusEvent {
            duration_seconds: call.duration.and_then(|seconds| seconds.parse().ok()),
            ..StatusEvent::of(status)
        },
        at: call.end_time.as_deref().and_then(Timestamp::parse_rfc2822),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sid() -> CallSid {
        CallSid::parse(&format!("CA{}", "1".repeat(32))).unwrap()
    }

    #[test]
    fn an_ended_call_tells_its_end_and_a_running_one_none() {
        let body = json!({"sid": sid().as_str(), "status": "completed", "duration": "37",
            "end_time": "Sun, 22 Nov 2026 10:06:01 +0000", "price": null});
        let end = call_end(body.to_string().as_bytes(), &sid()).unwrap().unwrap();
        assert_eq!(
            (end.event.status, end.event.duration_seconds),
            (CallStatus::Completed, Some(37))
        );
        assert_eq!(end.at, Timestamp::parse_rfc3339("2026-11-22T10:06:01Z"));
        for status in ["queued", "ringing", "in-progress", "a new word"] {
            let body = json!({"sid": sid().as_str(), "status": status}).to_string();
            assert_eq!(call_end(body.as_bytes(), &sid()), Ok(None), "{status}");
        }
    }

    #[test]
    fn what_is_not_this_call_is_an_error() {
        let other = json!({"sid": "CA2", "status": "completed"}).to_string();
        for body in ["", "<html>", "{}", "[]", other.as_str()] {
            assert!(call_end(body.as_bytes(), &sid()).is_err(), "{body}");
        }
    }
}
