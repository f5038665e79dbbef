//! The store: what the functions need to remember.
//!
//! [`Store`] is what an endpoint asks for: calls, idempotency keys, limits. One layer says how each of these
//! operations is made of writes to single rows (`calls.rs`, `keys.rs`, `limits.rs`), and a [`Table`] is what a
//! database must be able to do for it. DynamoDB, Redis and SQLite are tables, and know of none of the above.
//!
//! An endpoint decides from the reply of a write, never from a read after it. A store reads no
//! clock: `now` is passed in, and each read compares it with the expiry of the row.

mod calls;
#[cfg(feature = "dynamodb")]
mod dynamodb;
pub mod keys;
mod limits;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;
mod unavailable;

use std::pin::Pin;
use std::time::Duration;

#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDb;
pub use keys::{KeyClaim, KeyRow, KeyState};
pub use limits::{Admission, DAY_ENTRY_KEPT, DayHours, Lease, Set, Window};
pub use record::{Claim, Lookup, Nonce, Observed, Record, StoreError};
#[cfg(feature = "redis")]
pub use redis::Redis;
pub use row::{Listing, Put, Row, RowKey, Value, When, Written};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use unavailable::Unavailable;

use crate::call::{CallId, CallRef, CallSid, Intent, Observation, Timestamp};

/// What every operation returns: boxed, so that a store can be chosen at run time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// How long an endpoint waits for one operation. A webhook that is answered late is answered wrong,
/// and a phone that rings long after the click is dialled twice.
pub const BUDGET: Duration = Duration::from_secs(3);

/// An operation within [`BUDGET`].
pub async fn with_timeout<T>(operation: StoreFuture<'_, T>) -> Result<T, StoreError> {
    let in_time = tokio::time::timeout(BUDGET, operation).await;
    in_time.unwrap_or_else(|_| Err(StoreError::new("timeout")))
}

/// What a database must be able to do. Every operation is atomic and safe to repeat, and owns what it is
/// given.
pub trait Table: Send + Sync {
    /// How long calls and keys are kept, from their first write on.
    fn retention(&self) -> Duration;

    /// Whether each write is billed by the size of its row, and each row that is touched by itself. Rows are
    /// then kept small, and no row is read beside another.
    fn is_billed_by_size(&self) -> bool {
        false
    }

    /// Refuses where rows may be thrown away: a key that is gone is dialled again.
    fn ready_to_dial(&self) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Writes to one row.
    fn put(&self, put: Put, now: Timestamp) -> StoreFuture<'_, Written>;

    /// Deletes a row if the field has this value.
    fn delete(&self, row: RowKey, field: &'static str, value: String) -> StoreFuture<'_, ()>;

    /// Rows in the order of their names, consistently: a write that was answered is seen. One that has
    /// expired is not there. No name may come twice.
    fn read(&self, rows: Vec<RowKey>, now: Timestamp) -> StoreFuture<'_, Vec<Option<Row>>>;

    /// The rows of calls that are listed, the newest first, and their names.
    fn newest(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<(String, Row)>>;

    /// Takes one of the places of a set, unless all are taken or the newest was taken a moment ago.
    fn lease(&self, lease: Lease, now: Timestamp) -> StoreFuture<'_, Admission>;

    /// Gives a place back, and the spacing after it, where the set has one. One that is not there is no
    /// error.
    fn release(&self, set: Set, owner: String, is_spaced: bool) -> StoreFuture<'_, ()>;

    /// One more in this hour, unless `name` has as many in its 24 hours: see [`Store::acquire_day`].
    fn add_to_day(
        &self,
        name: String,
        limit: u32,
        entry: Nonce,
        now: Timestamp,
    ) -> StoreFuture<'_, Admission>;

    /// Takes the entry out again, if it is remembered: see [`Store::release_day`].
    fn remove_from_day(&self, name: String, entry: Nonce, now: Timestamp) -> StoreFuture<'_, ()>;
}

/// Calls `$callback! { module::operation<'a>(argument: type, ...) -> answer; ... }` with every operation of a
/// store and its documentation: for the trait, and for wrappers around it.
#[macro_export]
macro_rules! store_operations {
    ($callback:ident) => {
        $callback! {
            /// Writes the intent under its `callId`. Twilio is asked only after this returned `Ok`.
            calls::begin<'a>(intent: &'a Intent, now: Timestamp) -> ();

            /// Adds Twilio's answer to the dial: an [`observe`](Self::observe) by the request that still has
            /// the intent at hand, which a store may leave where voice will look for it.
            calls::placed<'a>(
                intent: &'a Intent, call_sid: &'a CallSid, seen: &'a Observation,
                delivery: &'a Nonce, now: Timestamp
            ) -> Observed;

            /// Adds one observation to a call, creating the call if need be, and links the call's two names
            /// if both are given: after this a load by either finds it.
            ///
            /// Idempotent: the first body under a key wins. The answer tells what was there before; an
            /// intent in it may lack its dynamic variables, which say nothing about how far the call is.
            /// `delivery` names this very request: a client that sends it again because the reply was lost
            /// meets its own write, and must still be told that it is new.
            calls::observe<'a>(
                call: &'a CallRef, seen: &'a Observation, delivery: &'a Nonce, now: Timestamp
            ) -> Observed;

            /// The call by either of its names, consistently: a write that was answered is seen.
            calls::load<'a>(by: &'a Lookup, now: Timestamp) -> Option<Record>;

            /// The newest calls first, at most `limit` of them.
            calls::recent<'a>(limit: u32, now: Timestamp) -> Vec<Record>;

            /// Voice's guard against a second registered conversation for one `CallSid`: claims the right to
            /// answer, or tells what was answered. Asked again with the same nonce (a lost reply) the answer
            /// is the same. The record of [`Claim::First`] has the intent if the call has dynamic variables.
            calls::claim<'a>(call: &'a CallRef, nonce: &'a Nonce, now: Timestamp) -> Claim;

            /// Keeps the TwiML that every repeated webhook will get, and adds the observation of it.
            calls::answer<'a>(
                call: &'a CallRef, twiml: &'a str, seen: &'a Observation, now: Timestamp
            ) -> ();

            /// Writes the claim if no claim is there that has not expired, and gives the row that is there
            /// now: ours or an earlier one. The same owner again finds its own claim.
            keys::claim_key<'a>(claim: &'a KeyClaim, now: Timestamp) -> KeyRow;

            /// The row of a key, if a claim is there that has not expired. Writes nothing.
            keys::find_key<'a>(key: &'a str, now: Timestamp) -> Option<KeyRow>;

            /// Remembers that the outcome is not known. Only the owner's claim is touched.
            keys::mark_unknown<'a>(claim: &'a KeyClaim, now: Timestamp) -> ();

            /// Gives the key back after a definite refusal. Only the owner's claim is touched.
            keys::release_key<'a>(claim: &'a KeyClaim) -> ();

            /// Takes a place in the rolling window called `name`: a client's or a destination's. `entry`
            /// tells this request from others: the same entry again takes no second place.
            limits::acquire_window<'a>(
                name: &'a str, window: Window, entry: &'a Nonce, now: Timestamp
            ) -> Admission;

            /// Gives the entry's place back, cool-down included: its dial came to nothing. One that is not
            /// there is no error. `window` is the one it was taken from.
            limits::release_window<'a>(name: &'a str, window: Window, entry: &'a Nonce) -> ();

            /// Leases one of `limit` slots for a call until `lease_end`. A lease that has ended is free
            /// again, so a function that crashed cannot leak one. The same call again keeps its
            /// slot and takes no second.
            limits::acquire_slot<'a>(
                call_id: &'a CallId, limit: u32, lease_end: Timestamp, now: Timestamp
            ) -> Admission;

            /// Frees the call's slot; any number of times, counted once.
            limits::release_slot<'a>(call_id: &'a CallId) -> ();

            /// Takes a turn at something that is done at most once in any `length`.
            limits::acquire_turn<'a>(
                name: &'a str, length: Duration, entry: &'a Nonce, now: Timestamp
            ) -> Admission;

            /// Takes one of the places that `name` has in any 24 hours. The same entry again takes no second
            /// place, for [`DAY_ENTRY_KEPT`] at least. Places are free again in the order of their hours: see
            /// [`DayHours`].
            limits::acquire_day<'a>(
                name: &'a str, limit: u32, entry: &'a Nonce, now: Timestamp
            ) -> Admission;

            /// Gives the entry's place back: its dial came to nothing. An entry that is not there, or was
            /// forgotten, gives nothing back. Repeated, it counts once.
            limits::release_day<'a>(name: &'a str, entry: &'a Nonce, now: Timestamp) -> ();
        }
    };
}

macro_rules! declare {
    ($($(#[$doc:meta])* $module:ident::$name:ident<$life:lifetime>(
        $($argument:ident: $type:ty),*
    ) -> $answer:ty;)*) => {
        /// Everything a store can do. Each operation is atomic, as far as another request can see, and safe
        /// to repeat after a lost reply; where a repetition cannot be told from a second request it may only
        /// over-count.
        pub trait Store: Send + Sync {
            $($(#[$doc])* fn $name<$life>(&$life self, $($argument: $type),*)
                -> StoreFuture<$life, $answer>;)*
        }

        impl<T: Table> Store for T {
            $(fn $name<$life>(&$life self, $($argument: $type),*) -> StoreFuture<$life, $answer> {
                Box::pin($module::$name(self, $($argument),*))
            })*
        }
    };
}

store_operations!(declare);
