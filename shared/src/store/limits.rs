//! Limits on dialling, each one atomic operation: no request counts first and acts on it later.
//!
//! Names of clients and destinations are hashes by the time they come here: a store holds no number
//! and no address in a limit's row. Every operation is safe to repeat after a lost reply; where a
//! repetition cannot be told from a second request it may only over-count.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::OWNER;
use super::{Nonce, Put, RowKey, StoreError, Table, Written};
use crate::call::{CallId, Timestamp};

/// Whether a limit lets a dial pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It fitted, and is counted.
    Granted,
    /// It did not fit; nothing is counted. There may be room again at this time.
    Full {
        /// The earliest time at which asking again can succeed.
        free_at: Timestamp,
    },
    /// It would fit, but comes too soon after the one before; nothing is counted.
    CoolingDown {
        /// The earliest time at which asking again can succeed.
        free_at: Timestamp,
    },
}

/// A rolling window: at most `limit` entries in *any* span of `length`, and no two within
/// `spacing`. No count starts anew with the clock hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many fit: 1 to 1000.
    pub limit: u32,
    /// Its length. An entry made at `t` is free again at exactly `t + length`.
    pub length: Duration,
    /// The cool-down after each entry, at most `length`; zero for none.
    pub spacing: Duration,
}

/// Where leases are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// The calls at once.
    Slots,
    /// A window, by its name.
    Window(String),
}

/// A place asked for in a set.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The set.
    pub set: Set,
    /// Who holds the place: the same owner again takes no second.
    pub owner: String,
    /// How many places there are: up to 1000 in a window, up to 5000 for the calls at once.
    pub limit: u32,
    /// When the lease ends. It is free from then on, also where its owner never gave it back.
    pub until: Timestamp,
    /// How long after the newest lease was taken another may follow; zero for at any time. Leases of a set
    /// that has a spacing are all equally long.
    pub spacing: Duration,
}

impl Lease {
    /// When a lease may follow the newest one, which ends at `newest`.
    #[must_use]
    pub fn after(&self, newest: Timestamp, now: Timestamp) -> Timestamp {
        let length = self.until.as_millis().saturating_sub(now.as_millis());
        let taken = Timestamp::from_millis(newest.as_millis().saturating_sub(length));
        if self.spacing.is_zero() { now } else { taken.plus(self.spacing) }
    }

    /// Why a request gets no place: `taken` places are taken, the first of these leases ends at
    /// `first`, and the spacing is over at `after`. `None`: there is a place for it.
    #[must_use]
    pub fn refusal(
        &self,
        taken: u32,
        first: Timestamp,
        after: Timestamp,
        now: Timestamp,
    ) -> Option<Admission> {
        if taken >= self.limit {
            return Some(Admission::Full { free_at: first.max(after) });
        }
        (after > now).then_some(Admission::CoolingDown { free_at: after })
    }
}

async fn lease(table: &dyn Table, lease: Lease, now: Timestamp) -> Result<Admission, StoreError> {
    if lease.limit == 0 {
        return Ok(Admission::Full { free_at: lease.until });
    }
    table.lease(lease, now).await
}

pub(super) async fn acquire_window(
    table: &dyn Table,
    name: &str,
    window: Window,
    entry: &Nonce,
    now: Timestamp,
) -> Result<Admission, StoreError> {
    let set = Set::Window(name.to_owned());
    let (owner, until) = (entry.as_str().to_owned(), now.plus(window.length));
    let (limit, spacing) = (window.limit, window.spacing);
    lease(table, Lease { set, owner, limit, until, spacing }, now).await
}

pub(super) async fn release_window(
    table: &dyn Table,
    name: &str,
    window: Window,
    entry: &Nonce,
) -> Result<(), StoreError> {
    let (set, owner) = (Set::Window(name.to_owned()), entry.as_str().to_owned());
    table.release(set, owner, !window.spacing.is_zero()).await
}

pub(super) async fn acquire_slot(
    table: &dyn Table,
    call_id: &CallId,
    limit: u32,
    lease_end: Timestamp,
    now: Timestamp,
) -> Result<Admission, StoreError> {
    table.ready_to_dial().await?;
    let (set, owner, spacing) = (Set::Slots, call_id.to_string(), Duration::ZERO);
    lease(table, Lease { set, owner, limit, until: lease_end, spacing }, now).await
}

pub(super) async fn release_slot(table: &dyn Table, call_id: &CallId) -> Result<(), StoreError> {
    table.release(Set::Slots, call_id.to_string(), false).await
}

/// A row that expires when the turn is over, and is overwritten by the next.
pub(super) async fn acquire_turn(
    table: &dyn Table,
    name: &str,
    length: Duration,
    entry: &Nonce,
    now: Timestamp,
) -> Result<Admission, StoreError> {
    let put = Put::to(RowKey::Turn(name.to_owned())).set(OWNER, entry.as_str());
    let put = Put { is_new: true, expires_at: Some(now.plus(length)), ..put };
    let Written { is_done, before, .. } = table.put(put, now).await?;
    if is_done || before.get(OWNER) == Some(entry.as_str()) {
        return Ok(Admission::Granted);
    }
    Ok(Admission::Full { free_at: before.expires_at.unwrap_or(now) })
}

pub(super) async fn acquire_day(
    table: &dyn Table,
    name: &str,
    limit: u32,
    entry: &Nonce,
    now: Timestamp,
) -> Result<Admission, StoreError> {
    table.ready_to_dial().await?;
    table.add_to_day(name.to_owned(), limit, entry.clone(), now).await
}

pub(super) async fn release_day(
    table: &dyn Table,
    name: &str,
    entry: &Nonce,
    now: Timestamp,
) -> Result<(), StoreError> {
    table.remove_from_day(name.to_owned(), entry.clone(), now).await
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
