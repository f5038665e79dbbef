//! What really happened, kept by those whom no function can deceive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use shared::call::{CallId, CallSid};

use crate::budgets::{Budget, Place};
use crate::world::lock;

/// One request to one function, from its arrival to its end.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    /// Milliseconds since the start.
    pub(crate) arrived: u64,
    /// Who dialled, if it was a dial.
    pub(crate) dial: Option<Dial>,
    /// When it first asked Twilio to dial, plus one; 0: never.
    pub(crate) asked: AtomicU64,
    /// The store did not answer one of its operations, or an old copy of one may still come.
    pub(crate) store_failed: AtomicBool,
    /// The store did not answer when it gave a place back. Giving back has an end, so other places may
    /// stay taken too.
    pub(crate) give_failed: AtomicBool,
    /// The store did not answer voice's claim.
    pub(crate) claim_failed: AtomicBool,
    /// Twilio's answer was lost, or said nothing.
    pub(crate) is_ambiguous: AtomicBool,
    /// It died, or the asking side went away.
    pub(crate) is_gone: AtomicBool,
    /// It is a callback of another leg than the call whose id it names.
    pub(crate) is_of_another_leg: bool,
    /// What it told: a status and, if it refused, the reason.
    pub(crate) told: std::sync::Mutex<Option<(u16, String)>>,
}

/// What a user wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) client: u8,
    pub(crate) has_token: bool,
    pub(crate) key: Option<String>,
    pub(crate) to: String,
    pub(crate) ring: u64,
    pub(crate) limit: u64,
    pub(crate) has_variables: bool,
}

impl Dial {
    /// The key among those of its caller: callers with the token share one scope, those of our page
    /// another.
    pub(crate) fn scoped_key(&self) -> Option<(bool, &str)> {
        Some((self.has_token, self.key.as_deref()?))
    }

    /// Whether the other request says the same, from any sender.
    pub(crate) fn has_body_of(&self, other: &Self) -> bool {
        let body = |of: &Self| (of.to.clone(), of.ring, of.limit, of.has_variables);
        body(self) == body(other)
    }
}

impl Invocation {
    pub(crate) fn ask(&self, now: u64) {
        let _ = self.asked.compare_exchange(0, now + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether it asked Twilio to dial.
    pub(crate) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn asked_at(&self) -> u64 {
        self.asked.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// The reason that it told, or the `callSid`.
    pub(crate) fn word(&self) -> Option<String> {
        lock(&self.told).as_ref().map(|(_, word)| word.clone())
    }

    pub(crate) fn set(flag: &AtomicBool) {
        flag.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }
}

tokio::task_local! {
    /// The request that the running code works for.
    pub(crate) static CURRENT: Arc<Invocation>;
}

/// The request that the running code works for.
pub(crate) fn current() -> Option<Arc<Invocation>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// A call at Twilio.
#[derive(Debug)]
pub(crate) struct RealCall {
    pub(crate) sid: CallSid,
    pub(crate) call_id: CallId,
    /// The request that made it.
    pub(crate) invocation: Arc<Invocation>,
    /// What that request wanted.
    pub(crate) dial: Dial,
    pub(crate) created: u64,
    pub(crate) ended: Option<u64>,
    /// Twilio's word for what it is now.
    pub(crate) status: &'static str,
    /// Where Twilio asks for TwiML, and where it tells.
    pub(crate) urls: [String; 2],
    /// Keys of all observations that Twilio ever sent, and of those that were acknowledged.
    pub(crate) sent: BTreeSet<String>,
    pub(crate) acknowledged: BTreeSet<String>,
    /// Every TwiML that was given.
    pub(crate) twiml: Vec<String>,
    /// The body of the first answer that told of it.
    pub(crate) answer: Option<Value>,
    /// Voice webhooks, and the requests for them.
    pub(crate) voices: Vec<Arc<Invocation>>,
}

impl RealCall {
    /// Whether Twilio told of its end and was thanked for it.
    pub(crate) fn is_end_heard(&self) -> bool {
        self.acknowledged.iter().any(|key| {
            let status = key.rsplit('#').next().unwrap_or_default();
            key.starts_with("e#") && ["completed", "busy", "failed", "no-answer"].contains(&status)
        })
    }

    /// Whether the store was told by something of this call's own what Twilio calls it.
    pub(crate) fn is_named(&self) -> bool {
        self.acknowledged.len() > 1
    }
}

/// Everything the judge goes by.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) calls: Vec<RealCall>,
    pub(crate) dials: Vec<Arc<Invocation>>,
    /// By `callId`: the requests that registered a conversation.
    pub(crate) registrations: BTreeMap<String, Vec<Arc<Invocation>>>,
    /// By conversation: the requests that asked ElevenLabs for it.
    pub(crate) questions: BTreeMap<String, Vec<Arc<Invocation>>>,
    /// By `callId`: the deliveries that were told they ended the call.
    pub(crate) ends: BTreeMap<String, BTreeSet<String>>,
    /// By `callId`: calls of which some write was not answered.
    pub(crate) unanswered: BTreeSet<String>,
    /// Every place that was ever asked for: of which budget, under which name, by which entry.
    pub(crate) places: BTreeMap<(Budget, String), BTreeMap<String, Place>>,
    /// By `callId`: calls of which some observation was sent again by the store's client.
    pub(crate) repeated: BTreeSet<String>,
    /// By `callId`: calls whose end was on record once.
    pub(crate) over: BTreeSet<String>,
}

impl Ledger {
    /// The call that a request made.
    pub(crate) fn call_of(&self, asked: &Arc<Invocation>) -> Option<&RealCall> {
        self.calls.iter().find(|call| Arc::ptr_eq(&call.invocation, asked))
    }

    pub(crate) fn call(&mut self, sid: &CallSid) -> Option<&mut RealCall> {
        self.calls.iter_mut().find(|call| call.sid == *sid)
    }
}
