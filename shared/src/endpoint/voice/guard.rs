//! Never a second conversation for one call: the claim that comes before the agent is asked.
//!
//! A webhook may come twice, and a captured one verifies for ever; `register-call` has a side effect.
//! While the store is down nobody can claim anything: the call is connected all the same, the log
//! says so, and this process remembers for itself.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use crate::call::CallSid;
use crate::endpoint::App;
use crate::store::{Claim, Nonce, Record, StoreError};
use crate::twilio::VoiceRequest;

use super::Time;

/// How often a repeated webhook looks whether the first one has its answer.
const POLL: Duration = Duration::from_millis(100);

/// What the guard decided.
pub(super) enum Guard {
    /// This was answered already; the same TwiML again.
    Answered(String),
    /// The answer is ours to give.
    Ours(Known),
    /// The first webhook of this call is still at it, and our time is up.
    Busy,
}

/// What is known of the call when the agent is connected.
pub(super) enum Known {
    /// Everything on record.
    Record(Record),
    /// Nothing: the store did not answer.
    StoreDown,
}

/// Claims the call, or waits for whoever has.
pub(super) async fn claim(app: &App, voice: &VoiceRequest, time: Time) -> Guard {
    let nonce = Nonce::new(app.random.bits128());
    let ask = || {
        timeout_at(
            time.claimed.max(Instant::now()),
            app.store.claim(&voice.call, &nonce, app.clock.now()),
        )
    };
    let mut reply = ask().await;
    loop {
        match reply {
            Ok(Ok(Claim::First(record))) => return Guard::Ours(Known::Record(record)),
            Ok(Ok(Claim::Answered(twiml))) => return Guard::Answered(twiml),
            Ok(Ok(Claim::Pending)) if Instant::now() + POLL >= time.connected => {
                return Guard::Busy;
            }
            Ok(Ok(Claim::Pending)) => {
                sleep(POLL).await;
                let poll = app.store.claim(&voice.call, &nonce, app.clock.now());
                reply = timeout_at(time.connected, poll).await;
            }
            Ok(Err(error)) => return store_down(app, voice, &error),
            Err(_) => return store_down(app, voice, &StoreError::new("timeout")),
        }
    }
}

fn store_down(app: &App, voice: &VoiceRequest, error: &StoreError) -> Guard {
    if let Some(twiml) = app.unguarded.recall(&voice.call_sid) {
        return Guard::Answered(twiml);
    }
    let call_id = super::call_id(voice);
    warn!(service = "store", status = "down", %error, callSid = %voice.call_sid, callId = call_id,
        "connecting without the guard against a second registration");
    Guard::Ours(Known::StoreDown)
}

/// What this process answered while the store was down. A warm instance catches repeats with it; a
/// cold one cannot.
#[derive(Debug, Default)]
pub(crate) struct Unguarded(Mutex<VecDeque<(CallSid, String)>>);

/// Calls remembered at most: enough for the minutes a webhook may be repeated in.
const REMEMBERED: usize = 256;

impl Unguarded {
    pub(super) fn remember(&self, call_sid: &CallSid, twiml: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back((call_sid.clone(), twiml.to_owned()));
    }

    fn recall(&self, call_sid: &CallSid) -> Option<String> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().find(|(known, _)| known == call_sid).map(|(_, twiml)| twiml.clone())
    }
}
