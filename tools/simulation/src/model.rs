//! The simulated store: a table in memory, one atomic step an operation, under the shipped layer that says
//! how calls, keys and limits are made of rows.
//!
//! It is held against the same contract as the real stores (`tests/contract.rs`). Everything that goes wrong
//! on the way to a store is in [`faults`](crate::faults).

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::call::{CallId, Timestamp};
use shared::store::{
    Admission, KeyRow, Lease, Listing, Lookup, Nonce, Put, Record, Row, RowKey, Set, Store,
    StoreFuture, Table, Written,
};

use crate::judged::{Judged, done};

/// How many past states stale reads may come from.
const REMEMBERED: usize = 4;

/// A store in memory.
#[derive(Debug, Default)]
pub struct Model {
    state: Mutex<State>,
    retention: Duration,
    keeps_past: bool,
}

type Rows = BTreeMap<RowKey, Entry>;

#[derive(Clone, Debug, Default)]
struct Entry {
    row: Row,
    is_listed: bool,
}

#[derive(Debug, Default)]
struct State {
    rows: Rows,
    /// The rows as they were before each of the last writes, newest first.
    past: VecDeque<Rows>,
    slots: BTreeMap<String, Timestamp>,
    /// Window, then owner, then the end of the lease.
    windows: BTreeMap<String, BTreeMap<String, Timestamp>>,
    days: BTreeMap<String, Day>,
}

impl State {
    fn leases(&mut self, set: Set) -> &mut BTreeMap<String, Timestamp> {
        match set {
            Set::Slots => &mut self.slots,
            Set::Window(name) => self.windows.entry(name).or_default(),
        }
    }
}

fn alive<'a>(rows: &'a Rows, key: &RowKey, now: Timestamp) -> Option<&'a Row> {
    let is_alive = |row: &&Row| row.expires_at.is_none_or(|expires| expires > now);
    rows.get(key).map(|entry| &entry.row).filter(is_alive)
}

impl Entry {
    fn change(&mut self, put: Put) {
        let fields = &mut self.row.fields;
        for (field, value) in put.once {
            fields.entry(field).or_insert_with(|| value.to_text());
        }
        fields
            .extend(put.set.into_iter().map(|(field, value)| (field.to_owned(), value.to_text())));
        fields.retain(|field, _| !put.remove.contains(&field.as_str()));
        self.row.expires_at = self.row.expires_at.or(put.expires_at);
        match put.listing {
            Listing::Unchanged => {}
            Listing::Unlisted => self.is_listed = false,
            Listing::Listed(at) => {
                self.is_listed = true;
                self.row.created_at = self.row.created_at.or(Some(at));
            }
            Listing::Older(at, until) => {
                self.is_listed = true;
                (self.row.created_at, self.row.expires_at) = (Some(at), Some(until));
            }
        }
    }
}

impl Model {
    /// An empty store. `keeps_past`: whether stale reads will be asked for.
    #[must_use]
    pub fn new(retention_days: u32, keeps_past: bool) -> Self {
        let retention = Duration::from_secs(u64::from(retention_days) * 86_400);
        Self { state: Mutex::default(), retention, keeps_past }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a key, at once: for those who judge.
    #[must_use]
    pub fn peek_key(&self, key: &str, now: Timestamp) -> Option<KeyRow> {
        done(self.find_key(key, now)).flatten()
    }

    /// How many a day has, at once.
    #[must_use]
    pub fn counted(&self, name: &str, now: Timestamp) -> u32 {
        self.state().days.get(name).map_or(0, |day| day.total(now))
    }

    /// Takes a place without asking: what no store does.
    pub fn count_anyway(&self, name: &str, entry: &Nonce, now: Timestamp) {
        self.state().days.entry(name.to_owned()).or_default().take(entry, now);
    }
}

impl Judged for Model {
    fn peek(&self, by: &Lookup, now: Timestamp) -> Option<Record> {
        done(self.load(by, now)).flatten()
    }

    fn stale(&self, by: &Lookup, now: Timestamp, writes: usize) -> Option<Record> {
        let past = writes.checked_sub(1).and_then(|at| self.state().past.get(at).cloned());
        let Some(rows) = past else { return self.peek(by, now) };
        let past = Self { state: Mutex::default(), retention: self.retention, keeps_past: false };
        past.state().rows = rows;
        past.peek(by, now)
    }

    fn holds_slot(&self, call_id: &CallId) -> bool {
        self.state().slots.contains_key(call_id.as_str())
    }
}

/// An operation that is done when it is first polled.
fn at_once<'a, T: Send + 'a>(operation: impl FnOnce() -> T + Send + 'a) -> StoreFuture<'a, T> {
    Box::pin(async move { Ok(operation()) })
}

impl Table for Model {
    fn retention(&self) -> Duration {
        self.retention
    }

    fn put(&self, put: Put, now: Timestamp) -> StoreFuture<'_, Written> {
        at_once(move || {
            let state = &mut *self.state();
            if self.keeps_past {
                state.past.push_front(state.rows.clone());
                state.past.truncate(REMEMBERED);
            }
            if alive(&state.rows, &put.row, now).is_none() {
                state.rows.remove(&put.row);
            }
            let found = alive(&state.rows, &put.row, now).cloned();
            let beside = put.beside.as_ref();
            let beside =
                beside.map(|key| alive(&state.rows, key, now).cloned().unwrap_or_default());
            let is_done = put.is_allowed(found.as_ref());
            if is_done {
                state.rows.entry(put.row.clone()).or_default().change(put);
            }
            Written { is_done, before: found.unwrap_or_default(), beside }
        })
    }

    fn delete(&self, row: RowKey, field: &'static str, value: String) -> StoreFuture<'_, ()> {
        at_once(move || {
            let is_it = |entry: &Entry| entry.row.get(field) == Some(&value);
            self.state().rows.retain(|key, entry| *key != row || !is_it(entry));
        })
    }

    fn read(&self, rows: Vec<RowKey>, now: Timestamp) -> StoreFuture<'_, Vec<Option<Row>>> {
        at_once(move || {
            let state = self.state();
            rows.iter().map(|key| alive(&state.rows, key, now).cloned()).collect()
        })
    }

    fn newest(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<(String, Row)>> {
        at_once(move || {
            let state = self.state();
            let listed = state.rows.iter().filter(|(_, entry)| entry.is_listed);
            let mut listed: Vec<_> = listed
                .filter_map(|(key, _)| match key {
                    RowKey::Call(name) => {
                        Some((name.clone(), alive(&state.rows, key, now)?.clone()))
                    }
                    _ => None,
                })
                .collect();
            listed.sort_by_key(|(name, row)| Reverse((row.created_at, name.clone())));
            listed.truncate(limit as usize);
            listed
        })
    }

    fn lease(&self, lease: Lease, now: Timestamp) -> StoreFuture<'_, Admission> {
        at_once(move || {
            let mut state = self.state();
            let leases = state.leases(lease.set.clone());
            leases.retain(|_, until| *until > now);
            if leases.contains_key(&lease.owner) {
                return Admission::Granted;
            }
            let taken = u32::try_from(leases.len()).unwrap_or(u32::MAX);
            let first = leases.values().min().copied().unwrap_or(now);
            let newest = leases.values().max();
            let after = newest.map_or(now, |newest| lease.after(*newest, now));
            let refusal = lease.refusal(taken, first, after, now);
            if refusal.is_none() {
                leases.insert(lease.owner, lease.until);
            }
            refusal.unwrap_or(Admission::Granted)
        })
    }

    fn release(&self, set: Set, owner: String, _: bool) -> StoreFuture<'_, ()> {
        at_once(move || {
            self.state().leases(set).remove(&owner);
        })
    }

    fn add_to_day(
        &self,
        name: String,
        limit: u32,
        entry: Nonce,
        now: Timestamp,
    ) -> StoreFuture<'_, Admission> {
        at_once(move || {
            let days = &mut self.state().days;
            let day = days.entry(name).or_default();
            if day.entries.contains_key(entry.as_str()) {
                return Admission::Granted;
            }
            if day.total(now) >= limit {
                return Admission::Full { free_at: day.free_at(limit, now) };
            }
            day.take(&entry, now);
            Admission::Granted
        })
    }

    fn remove_from_day(&self, name: String, entry: Nonce, _: Timestamp) -> StoreFuture<'_, ()> {
        at_once(move || {
            let mut state = self.state();
            let Some(day) = state.days.get_mut(&name) else { return };
            let hour = day.entries.remove(entry.as_str());
            if let Some(count) = hour.and_then(|hour| day.hours.get_mut(&hour)) {
                *count -= 1;
            }
        })
    }
}

/// How long an hour is, and until when after its beginning it counts, milliseconds.
const HOUR: i64 = 3_600_000;
const COUNTS: i64 = 25 * HOUR;

/// A rolling day: when each hour began, and how many came in it; and every entry that came.
#[derive(Debug, Default)]
struct Day {
    hours: BTreeMap<i64, u32>,
    entries: BTreeMap<String, i64>,
}

impl Day {
    fn hour(now: Timestamp) -> i64 {
        now.as_millis() - now.as_millis().rem_euclid(HOUR)
    }

    fn total(&self, now: Timestamp) -> u32 {
        self.hours
            .iter()
            .filter(|(hour, _)| **hour + COUNTS > now.as_millis())
            .map(|(_, n)| n)
            .sum()
    }

    fn take(&mut self, entry: &Nonce, now: Timestamp) {
        *self.hours.entry(Self::hour(now)).or_default() += 1;
        self.entries.insert(entry.as_str().to_owned(), Self::hour(now));
    }

    /// The first hour after whose end there is room.
    fn free_at(&self, limit: u32, now: Timestamp) -> Timestamp {
        let ends = self.hours.keys().map(|hour| Timestamp::from_millis(hour + COUNTS));
        let room = ends.into_iter().find(|end| self.total(*end) < limit);
        room.unwrap_or_else(|| now.plus(Duration::from_secs(86_400)))
    }
}
