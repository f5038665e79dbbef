//! Limits on dialling, each one atomic operation: nobody counts first and acts on it later.
//!
//! Names of clients and destinations are hashes by the time they come here: a store holds no number
//! and no address in a limit's row. Every operation is safe to repeat after a lost reply; where a
//! repetition cannot be told from a second request it may only over-count.

use std::time::Duration;

use super::{Nonce, StoreFuture};
use crate::call::{CallId, Timestamp};

/// Whether a limit lets a dial pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It fitted, and is counted.
    Yes,
    /// It did not fit; nothing is counted. There may be room again at this time.
    No {
        /// The earliest time at which asking again can succeed.
        free_at: Timestamp,
    },
    /// It would fit, but comes too soon after the one before; nothing is counted.
    TooSoon {
        /// The earliest time at which asking again can succeed.
        free_at: Timestamp,
    },
}

/// A rolling window: never more than `limit` in *any* `length`, not so many a clock hour, and no two
/// within `spacing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many fit: 1 to 1000.
    pub limit: u32,
    /// Its length. An entry made at `t` is free again at exactly `t + length`.
    pub length: Duration,
    /// The cool-down after each entry, at most `length`; zero for none.
    pub spacing: Duration,
}

impl Window {
    /// When an entry may follow one made at `newest`.
    #[cfg(any(feature = "dynamodb", feature = "sqlite"))]
    pub(super) fn after(self, newest: Timestamp) -> Timestamp {
        newest.plus(self.spacing)
    }
}

/// Limits on dialling.
pub trait Limits: Send + Sync {
    /// Takes a place in the rolling window called `name`: a client's or a destination's. `entry`
    /// tells this request from others: the same entry again takes no second place.
    fn take_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken>;

    /// Gives the entry's place back, cool-down included: its dial came to nothing. One that is not
    /// there is no error. `window` is the one it was taken from.
    fn give_window_back<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()>;

    /// Leases one of `limit` slots for a call until `lease_end`. A lease that has ended is free
    /// whoever held it, so a function that crashed cannot leak one. The same call again keeps its
    /// slot and takes no second.
    fn take_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken>;

    /// Frees the call's slot; any number of times, counted once.
    fn free_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()>;

    /// Counts one more under a name that ends with its day, unless `limit` is reached. The counter
    /// is forgotten at `expires_at`, and `free_at` of a refusal is that time.
    fn count<'a>(
        &'a self,
        counter: &'a str,
        limit: u32,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken>;
}
