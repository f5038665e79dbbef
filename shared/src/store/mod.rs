//! The store as a narrow port: what the functions need to remember, as single atomic operations.
//!
//! Every operation is one idempotent upsert or one read, so that DynamoDB can do each in one
//! unconditional `UpdateItem`, Redis in one `MULTI` and SQLite in one `BEGIN IMMEDIATE`
//! (`stores.md`). What an endpoint decides, it decides from the reply of the write, never from a
//! read after it. Every clock is the caller's: `now` is passed in, and each read compares the
//! expiry itself.

mod absent;
#[cfg(feature = "dynamodb")]
mod dynamodb;
pub mod keys;
mod limits;
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::pin::Pin;
use std::time::Duration;

pub use absent::Absent;
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDb;
pub use keys::{KeyClaim, KeyRow, KeyState, Keys};
pub use limits::{DAY_ENTRY_KEPT, DayHours, Limits, Taken, Window};
pub use record::{Claim, Lookup, Nonce, Observed, Record, StoreError};
#[cfg(feature = "redis")]
pub use redis::Redis;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

use crate::call::{CallRef, CallSid, Intent, Observation, Timestamp};

/// What every operation returns: boxed, so that a store can be chosen at run time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// How long an endpoint waits for one operation. A webhook that is answered late is answered wrong,
/// and a phone that rings long after the click is dialled twice.
pub const BUDGET: Duration = Duration::from_secs(3);

/// An operation within [`BUDGET`].
pub async fn timely<T>(operation: StoreFuture<'_, T>) -> Result<T, StoreError> {
    let in_time = tokio::time::timeout(BUDGET, operation).await;
    in_time.unwrap_or_else(|_| Err(StoreError::new("timeout")))
}

/// Dialling: the intent is on record before a phone can ring.
pub trait Dials: Observations {
    /// Writes the intent under its `callId`. Twilio is asked only after this returned `Ok`.
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()>;

    /// Adds Twilio's answer to the dial: an [`observe`](Observations::observe) by who still has the
    /// intent at hand, which a store may leave where voice will look for it.
    fn placed<'a>(
        &'a self,
        intent: &'a Intent,
        call_sid: &'a CallSid,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(async move {
            let (call_sid, call_id) = (call_sid.clone(), Some(intent.call_id.clone()));
            self.observe(&CallRef::Named { call_sid, call_id }, seen, delivery, now).await
        })
    }
}

/// Recording what happened.
pub trait Observations: Send + Sync {
    /// Adds one observation to a call, creating the call if need be, and links the call's two
    /// names if both are given: after this a load by either finds it.
    ///
    /// Idempotent: the first body under a key wins. The answer tells what was there before; an
    /// intent in it may lack its dynamic variables, which say nothing about how far the call is.
    /// `delivery` names this very request: a client that sends it again because the reply was lost
    /// meets its own write, and must still be told that it is new.
    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed>;
}

/// Reading calls back.
pub trait Calls: Send + Sync {
    /// The call by either of its names, consistently: a write that was answered is seen.
    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>>;

    /// The newest calls first, at most `limit` of them.
    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>>;
}

/// Voice's guard against a second registered conversation for one `CallSid`.
pub trait Answers: Send + Sync {
    /// Claims the right to answer, or tells what was answered. Asked again with the same nonce
    /// (a lost reply) the answer is the same.
    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim>;

    /// Keeps the TwiML that every repeated webhook will get, and adds the observation of it.
    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()>;
}

/// What follows a call.
pub trait CallStore: Dials + Observations + Calls + Answers {}
impl<T: Dials + Observations + Calls + Answers> CallStore for T {}

/// Everything a store can do.
pub trait Store: CallStore + Keys + Limits {}
impl<T: CallStore + Keys + Limits> Store for T {}
