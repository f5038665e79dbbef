//! What really happened, kept by those whom no function can deceive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shared::call::{CallId, CallSid};

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
    /// The store did not answer voice's claim.
    pub(crate) claim_failed: AtomicBool,
    /// Twilio's answer was lost, or said nothing.
    pub(crate) is_ambiguous: AtomicBool,
    /// It died, or whoever asked went away.
    pub(crate) is_gone: AtomicBool,
    /// What it told: a status and, if it refused, the reason.
    pub(crate) told: std::sync::Mutex<Option<(u16, String)>>,
}

/// What somebody wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) client: u8,
    pub(crate) key: Option<String>,
    pub(crate) to: String,
    pub(crate) ring: u64,
    pub(crate) limit: u64,
    pub(crate) has_variables: bool,
}

impl Invocation {
    pub(crate) fn ask(&self, now: u64) {
        let _ = self.asked.compare_exchange(0, now + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn asked_at(&self) -> u64 {
        self.asked.load(Ordering::Relaxed).saturating_sub(1)
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
    /// Voice webhooks, and the requests for them.
    pub(crate) voices: Vec<Arc<Invocation>>,
}

/// Everything the judge goes by.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) calls: Vec<RealCall>,
    pub(crate) dials: Vec<Arc<Invocation>>,
    /// By `callId`: the requests that registered a conversation.
    pub(crate) registrations: BTreeMap<String, Vec<Arc<Invocation>>>,
    /// By `callId`: the deliveries that were told they ended the call.
    pub(crate) ends: BTreeMap<String, BTreeSet<String>>,
    /// By `callId`: calls of which some write was not answered.
    pub(crate) unanswered: BTreeSet<String>,
    /// By `callId`: calls whose slot somebody tried to free, and got no reply.
    pub(crate) unfreed: BTreeSet<String>,
    /// By `callId`: calls of which some observation was sent again by the store's client.
    pub(crate) repeated: BTreeSet<String>,
    /// By `callId`: calls whose end was on record once.
    pub(crate) over: BTreeSet<String>,
}

impl Ledger {
    pub(crate) fn call(&mut self, sid: &CallSid) -> Option<&mut RealCall> {
        self.calls.iter_mut().find(|call| call.sid == *sid)
    }
}
