//! Never a second conversation for one call: the claim that comes before the agent is asked.
//!
//! A webhook may come twice, and a captured one verifies for ever; `register-call` has a side effect.
//! While the store is down nobody can claim anything: the call is connected all the same, the log
//! says so, and this process remembers for itself.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use crate::call::{AgentAnswer, CallSid};
use crate::endpoint::App;
use crate::endpoint::recent::Recent;
use crate::store::{Claim, Nonce, Record, StoreError};
use crate::twilio::VoiceRequest;

use super::Time;

/// How often a repeated webhook looks whether the first one has its answer.
const POLL: Duration = Duration::from_millis(100);

/// What the guard decided.
pub(super) enum Guard {
    /// This was answered already; the same TwiML again.
    Answered(String),
    /// The first webhook of this call is still at it, and our time is up.
    Busy,
    /// The answer is ours to give.
    Ours(Known),
    /// This process answered it and could not write that down: the same TwiML again, and another try.
    Remembered(Remembered),
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
    if let Some(remembered) = app.unguarded.recall(&voice.call_sid) {
        return Guard::Remembered(remembered);
    }
    let nonce = Nonce::new(app.random.random_bytes());
    let ask =
        |deadline| timeout_at(deadline, app.store.claim(&voice.call, &nonce, app.clock.now()));
    let mut reply = match ask(time.claimed).await {
        Ok(Ok(claim)) => claim,
        Ok(Err(error)) => return store_down(voice, &error),
        Err(_) => return store_down(voice, &StoreError::new("timeout")),
    };
    loop {
        match reply {
            Claim::First(record) => return Guard::Ours(Known::Record(record)),
            Claim::Answered(twiml) => return Guard::Answered(twiml),
            Claim::Pending if Instant::now() + POLL >= time.connected => return Guard::Busy,
            Claim::Pending => sleep(POLL).await,
        }
        // Somebody holds the claim: whatever the store does now, the answer is not ours to give.
        reply = match ask(time.connected).await {
            Ok(Ok(claim)) => claim,
            Ok(Err(_)) => Claim::Pending,
            Err(_) => return Guard::Busy,
        };
    }
}

fn store_down(voice: &VoiceRequest, error: &StoreError) -> Guard {
    let call_id = super::call_id(voice);
    warn!(service = "store", status = "down", %error, callSid = %voice.call_sid, callId = call_id,
        "connecting without the guard against a second registration");
    Guard::Ours(Known::StoreDown)
}

/// An answer that was given and could not be written down.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(super) twiml: String,
    pub(super) answer: AgentAnswer,
}

/// What this process answered and the store does not know. A warm instance catches repeats with it;
/// a cold one cannot.
#[derive(Debug)]
pub(crate) struct Unguarded(Recent<CallSid, Remembered>);

/// Calls remembered at most: enough for the minutes a webhook may be repeated in.
const REMEMBERED: usize = 256;

impl Default for Unguarded {
    fn default() -> Self {
        Self(Recent::new(REMEMBERED))
    }
}

impl Unguarded {
    /// The first answer stays.
    pub(super) fn remember(&self, call_sid: &CallSid, remembered: Remembered) {
        self.0.update(call_sid, |known| known.unwrap_or(remembered));
    }

    pub(super) fn forget(&self, call_sid: &CallSid) {
        self.0.forget(call_sid);
    }

    fn recall(&self, call_sid: &CallSid) -> Option<Remembered> {
        self.0.recall(call_sid)
    }
}
