//! Limits on dialling, each one atomic operation: nobody counts first and acts on it later.
//!
//! Names of clients and destinations are hashes by the time they come here: a store holds no number
//! and no address in a limit's row. Every operation is safe to repeat after a lost reply; where a
//! repetition cannot be told from a second request it may only over-count.

use std::collections::BTreeMap;
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

    /// Takes one of the places that `name` has in any 24 hours. The same entry again takes no second
    /// place, for [`DAY_ENTRY_KEPT`] at least. Places are free again in the order of their hours: see
    /// [`DayHours`].
    fn take_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken>;

    /// Gives the entry's place back: its dial came to nothing. An entry that is not there, or was
    /// forgotten, gives nothing back. Repeated, it counts once.
    fn give_day_back<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, ()>;
}

/// How long the entries of a day are remembered one by one: longer than a dial takes, by clocks that
/// disagree by minutes. After that only their number counts.
pub const DAY_ENTRY_KEPT: Duration = Duration::from_secs(5 * 60);

/// How many entries a day remembers at most. In a rush the oldest are forgotten sooner.
#[cfg(any(feature = "dynamodb", feature = "redis"))]
pub(super) const DAY_ENTRIES: usize = 256;

/// A rolling day as hours and their counts: ten million dials are 25 numbers.
///
/// An hour counts until 24 hours after its end, so never more than the limit pass in any 24 hours,
/// and a place is free again at most an hour late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayHours(BTreeMap<i64, i64>);

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

impl DayHours {
    /// The hour of a time.
    #[must_use]
    pub fn of(now: Timestamp) -> i64 {
        now.as_millis().div_euclid(HOUR_MILLIS)
    }

    /// The oldest hour that still counts.
    #[must_use]
    pub fn oldest(now: Timestamp) -> i64 {
        Self::of(now).saturating_sub(24)
    }

    /// Those of these hours that still count.
    #[must_use]
    pub fn new(hours: impl IntoIterator<Item = (i64, i64)>, now: Timestamp) -> Self {
        let oldest = Self::oldest(now);
        Self(hours.into_iter().filter(|(hour, _)| *hour >= oldest).collect())
    }

    /// How many places are taken.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.values().sum()
    }

    /// The first hour in which there are any.
    #[must_use]
    pub fn first(&self) -> Option<i64> {
        self.0.first_key_value().map(|(hour, _)| *hour)
    }

    /// When there is room again, if there is none now.
    #[must_use]
    pub fn full(&self, limit: u32, now: Timestamp) -> Option<Timestamp> {
        let (mut left, limit) = (self.total(), i64::from(limit));
        if left < limit {
            return None;
        }
        let ends = |hour: i64| Timestamp::from_millis(hour.saturating_add(25) * HOUR_MILLIS);
        let freed = self.0.iter().find_map(|(hour, count)| {
            left -= count;
            (left < limit).then(|| ends(*hour))
        });
        // Of none there is never one.
        Some(freed.unwrap_or_else(|| now.plus(Duration::from_secs(24 * 60 * 60))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_counts_until_24_hours_after_its_end() {
        let at = |hour: i64, millis: i64| Timestamp::from_millis(hour * HOUR_MILLIS + millis);
        let hours = |now| DayHours::new([(100, 3), (101, 1)], now);
        assert_eq!((hours(at(125, -1)).total(), hours(at(125, 0)).total()), (4, 1));
        assert_eq!(hours(at(101, 0)).full(5, at(101, 0)), None);
        assert_eq!(hours(at(101, 0)).full(4, at(101, 0)), Some(at(125, 0)));
        // The limit was lowered: only the second hour makes room.
        assert_eq!(hours(at(101, 0)).full(1, at(101, 0)), Some(at(126, 0)));
        assert_eq!(hours(at(101, 0)).full(0, at(101, 7)), Some(at(125, 7)));
    }
}
