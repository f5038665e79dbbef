//! Idempotency keys: the same dial asked twice rings once (`stores.md` 6).
//!
//! A key is claimed before anything else is written. An outcome that is not known keeps the claim,
//! so that it is never dialled again; the first callback names the call and thereby resolves it.

use std::time::Duration;

use super::{Calls, Lookup, Nonce, Record, StoreError, StoreFuture};
use crate::call::{CallId, CallSid, Timestamp};

/// How long a claim without an outcome counts as being worked on. A function that was still waiting
/// for Twilio would have given up by then.
pub const IN_FLIGHT: Duration = crate::call::DIAL_BUDGET;

/// A claim on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// Hash of who asks and of the key they sent: nobody replays another's answer.
    pub key: String,
    /// Hash of the parsed request.
    pub fingerprint: String,
    /// Tells this request from another with the same key.
    pub owner: Nonce,
    /// The call it would place.
    pub call_id: CallId,
}

/// What stands in the row of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The claim that came first.
    pub claim: KeyClaim,
    /// When it came.
    pub claimed_at: Timestamp,
    /// Whether Twilio's answer was lost.
    pub is_unknown: bool,
}

/// What a request with a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// The key is ours: dial.
    Claimed,
    /// Another request is dialling with it right now.
    InFlight {
        /// By which the call can be followed.
        call_id: CallId,
    },
    /// It was used for a different request.
    Reused,
    /// The dial's outcome is not known: never dial again under this key.
    Unknown {
        /// By which the call can be followed.
        call_id: CallId,
    },
    /// The dial was made: give the same answer again.
    Done {
        /// Twilio's name of the call.
        call_sid: CallSid,
        /// What is known of it.
        record: Box<Record>,
    },
}

/// Rows of keys.
pub trait Keys: Send + Sync {
    /// Writes the claim if no claim is there that has not expired, and gives the row that is there
    /// now: ours or an earlier one. The same owner again finds its own claim.
    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow>;

    /// The row of a key, if a claim is there that has not expired. Writes nothing.
    fn find_key<'a>(&'a self, key: &'a str, now: Timestamp) -> StoreFuture<'a, Option<KeyRow>>;

    /// Remembers that the outcome is not known. Only the owner's claim is touched.
    fn doubt_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, ()>;

    /// Gives the key back after a definite refusal. Only the owner's claim is touched.
    fn release_key<'a>(&'a self, claim: &'a KeyClaim) -> StoreFuture<'a, ()>;
}

/// Claims a key and tells what the request may do.
pub async fn claim<S: Keys + Calls + ?Sized>(
    store: &S,
    claim: &KeyClaim,
    now: Timestamp,
) -> Result<KeyState, StoreError> {
    let row = store.claim_key(claim, now).await?;
    if row.claim.owner == claim.owner && row.claim.call_id == claim.call_id {
        return Ok(KeyState::Claimed);
    }
    state(store, row, &claim.fingerprint, now).await
}

/// What a request with this key and fingerprint is told that claims nothing; `None` if no request has
/// claimed the key.
pub async fn find<S: Keys + Calls + ?Sized>(
    store: &S,
    key: &str,
    fingerprint: &str,
    now: Timestamp,
) -> Result<Option<KeyState>, StoreError> {
    match store.find_key(key, now).await? {
        Some(row) => state(store, row, fingerprint, now).await.map(Some),
        None => Ok(None),
    }
}

/// What another request's claim means. A dial is complete once its call has a name, whether Twilio's
/// answer or the first callback brought it; no row has to be repaired for that.
async fn state<S: Calls + ?Sized>(
    store: &S,
    row: KeyRow,
    fingerprint: &str,
    now: Timestamp,
) -> Result<KeyState, StoreError> {
    if row.claim.fingerprint != fingerprint {
        return Ok(KeyState::Reused);
    }
    let call_id = row.claim.call_id;
    let call = store.load(&Lookup::CallId(call_id.clone()), now).await?;
    let named = call.and_then(|record| Some((record.call_sid.clone()?, record)));
    Ok(match named {
        Some((call_sid, record)) => KeyState::Done { call_sid, record: Box::new(record) },
        None if !row.is_unknown && now < row.claimed_at.plus(IN_FLIGHT) => {
            KeyState::InFlight { call_id }
        }
        None => KeyState::Unknown { call_id },
    })
}
