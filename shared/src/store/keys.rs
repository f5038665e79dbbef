//! Idempotency keys: the same dial asked twice rings once.
//!
//! A key is claimed before anything else is written. An outcome that is not known keeps the claim, so that
//! it is never dialled again; the first callback names the call and thereby resolves it.

use std::time::Duration;

use super::{Lookup, Nonce, Put, Record, Row, RowKey, Store, StoreError, Table, When, Written};
use crate::call::{CallId, CallSid, Timestamp};

/// How long a claim without an outcome counts as being worked on. A function that was still waiting
/// for Twilio would have given up by then.
pub const IN_FLIGHT: Duration = crate::call::DIAL_BUDGET;

/// A claim on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// Hash of who asks and of the key they sent, so that no caller replays another's answer.
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

/// Claims a key and tells what the request may do.
pub async fn claim<S: Store + ?Sized>(
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
pub async fn find<S: Store + ?Sized>(
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
async fn state<S: Store + ?Sized>(
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

const FINGERPRINT: &str = "fingerprint";
pub(super) const OWNER: &str = "owner";
const CALL_ID: &str = "call_id";
const CLAIMED_AT: &str = "claimed_at";
const UNKNOWN: &str = "unknown";

fn row_of(key: &str) -> RowKey {
    RowKey::Key(key.to_owned())
}

/// Reads the row of a key. If it is malformed, each request with this key fails and nothing is
/// dialled.
fn decode(key: &str, row: &Row) -> Result<KeyRow, StoreError> {
    let known = |field| row.get(field).unwrap_or_default();
    let call_id = CallId::parse(known(CALL_ID)).ok();
    let claimed_at = row.get(CLAIMED_AT).and_then(|millis| millis.parse().ok());
    let (call_id, claimed_at) =
        call_id.zip(claimed_at).ok_or_else(|| StoreError::new("the row of a key is malformed"))?;
    Ok(KeyRow {
        claim: KeyClaim {
            key: key.to_owned(),
            fingerprint: known(FINGERPRINT).to_owned(),
            owner: Nonce::from_text(known(OWNER)),
            call_id,
        },
        claimed_at: Timestamp::from_millis(claimed_at),
        is_unknown: row.get(UNKNOWN).is_some(),
    })
}

pub(super) async fn claim_key(
    table: &dyn Table,
    claim: &KeyClaim,
    now: Timestamp,
) -> Result<KeyRow, StoreError> {
    table.ready_to_dial().await?;
    let put = Put::to(row_of(&claim.key))
        .set(FINGERPRINT, &*claim.fingerprint)
        .set(OWNER, claim.owner.as_str())
        .set(CALL_ID, claim.call_id.as_str())
        .set(CLAIMED_AT, now.as_millis());
    let expires_at = Some(now.plus(table.retention()));
    let put = Put { is_new: true, remove: vec![UNKNOWN], expires_at, ..put };
    match table.put(put, now).await? {
        Written { is_done: true, .. } => {
            Ok(KeyRow { claim: claim.clone(), claimed_at: now, is_unknown: false })
        }
        Written { before, .. } => decode(&claim.key, &before),
    }
}

pub(super) async fn find_key(
    table: &dyn Table,
    key: &str,
    now: Timestamp,
) -> Result<Option<KeyRow>, StoreError> {
    let row = table.read(vec![row_of(key)], now).await?.pop().flatten();
    row.map(|row| decode(key, &row)).transpose()
}

pub(super) async fn mark_unknown(
    table: &dyn Table,
    claim: &KeyClaim,
    now: Timestamp,
) -> Result<(), StoreError> {
    let put = Put::to(row_of(&claim.key)).set(UNKNOWN, 1);
    let put = put.when(OWNER, When::Is(claim.owner.as_str().into()));
    table.put(put, now).await.map(|_| ())
}

pub(super) async fn release_key(table: &dyn Table, claim: &KeyClaim) -> Result<(), StoreError> {
    table.delete(row_of(&claim.key), OWNER, claim.owner.as_str().to_owned()).await
}
