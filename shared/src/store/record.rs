//! What goes into a store and what comes out.

use std::fmt;

use crate::call::hex;
use crate::call::{Call, CallId, CallSid, Fact, Intent, Observation};

/// By which of its names a call is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By our id.
    CallId(CallId),
    /// By Twilio's SID.
    CallSid(CallSid),
}

/// Everything the store knows of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Our id; a call that rang us has none.
    pub call_id: Option<CallId>,
    /// Twilio's SID, once it is known.
    pub call_sid: Option<CallSid>,
    /// The set, in key order.
    pub observations: Vec<Observation>,
}

impl Record {
    /// What the set says.
    #[must_use]
    pub fn fold(&self) -> Call {
        Call::fold(self.call_id.clone(), self.call_sid.clone(), &self.observations)
    }

    /// The intent, if the call was ours and its record is not lost.
    #[must_use]
    pub fn intent(&self) -> Option<&Intent> {
        self.observations.iter().find_map(|seen| match &seen.fact {
            Fact::Intended(intent) => Some(intent),
            _ => None,
        })
    }
}

/// The reply of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The call as it was before this write.
    pub before: Record,
    /// Whether the observation was not there yet.
    pub is_new: bool,
}

impl Observed {
    /// Whether this very write ended the call. True for one delivery of all.
    #[must_use]
    pub fn ended_the_call(&self, seen: &Observation) -> bool {
        if !self.is_new || self.before.fold().is_over() {
            return false;
        }
        let mut after = self.before.clone();
        after.observations.push(seen.clone());
        after.fold().is_over()
    }
}

/// 128 random bits that tell one request's claim from another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// From 128 random bits.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex(&random))
    }

    /// As a store gives it back.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// 32 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The reply of [`Store::claim`](super::Store::claim).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The right to answer is ours; this is what is known of the call.
    First(Record),
    /// Another request is registering the conversation now.
    Pending,
    /// The call was answered with this TwiML.
    Answered(String),
}

/// Why a store could not do it. The text is for the log and names neither keys nor contents.
#[derive(Debug)]
pub struct StoreError(String);

impl StoreError {
    /// What happened, for the log.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}
