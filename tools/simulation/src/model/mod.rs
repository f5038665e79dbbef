//! The simulated store: the port as plainly as it can be said, one atomic step an operation.
//!
//! It is held against the same contract as the real adapters (`tests/contract.rs`). Everything that
//! goes wrong on the way to a store is in [`faults`](crate::faults).

mod keys;
mod limits;
mod table;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::call::{CallId, CallRef, Fact, Intent, Observation, Timestamp};
use shared::store::{
    Answers, Calls, Claim, Dials, Lookup, Nonce, Observations, Observed, Record, StoreFuture,
};

use crate::judged::Judged;
use keys::KeyEntry;
use limits::Day;
use table::Table;

/// How many past states stale reads may come from.
const REMEMBERED: usize = 4;

/// A store in memory.
#[derive(Debug, Default)]
pub struct Model {
    state: Mutex<State>,
    retention_millis: i64,
    keeps_past: bool,
}

#[derive(Debug, Default)]
struct State {
    calls: Table,
    /// The calls as they were before each of the last writes, newest first.
    past: VecDeque<Table>,
    keys: BTreeMap<String, KeyEntry>,
    /// Window, then entry, then when it was taken.
    windows: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// Call, then the end of its lease.
    slots: BTreeMap<String, Timestamp>,
    days: BTreeMap<String, Day>,
}

impl Model {
    /// An empty store. `keeps_past`: whether stale reads will be asked for.
    #[must_use]
    pub fn new(retention_days: u32, keeps_past: bool) -> Self {
        let retention_millis = i64::from(retention_days) * 86_400_000;
        Self { state: Mutex::default(), retention_millis, keeps_past }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expiry(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add(self.retention_millis))
    }

    /// A write to the calls.
    fn write<T>(&self, write: impl FnOnce(&mut Table) -> T) -> T {
        let mut state = self.state();
        if self.keeps_past {
            let before = state.calls.clone();
            state.past.push_front(before);
            state.past.truncate(REMEMBERED);
        }
        write(&mut state.calls)
    }
}

impl Judged for Model {
    fn peek(&self, by: &Lookup, now: Timestamp) -> Option<Record> {
        self.stale(by, now, 0)
    }

    fn stale(&self, by: &Lookup, now: Timestamp, writes: usize) -> Option<Record> {
        let state = self.state();
        let past = writes.checked_sub(1).and_then(|at| state.past.get(at));
        past.unwrap_or(&state.calls).find(by, now)
    }

    fn holds_slot(&self, call_id: &CallId) -> bool {
        self.state().slots.contains_key(call_id.as_str())
    }
}

/// An operation that is done when it is first polled.
fn at_once<'a, T: Send + 'a>(operation: impl FnOnce() -> T + Send + 'a) -> StoreFuture<'a, T> {
    Box::pin(async move { Ok(operation()) })
}

impl Dials for Model {
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()> {
        let call = CallRef::Ours(intent.call_id.clone());
        let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
        at_once(move || {
            self.write(|calls| calls.observe(&call, &seen, "", now, self.expiry(now)));
        })
    }
}

impl Observations for Model {
    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        at_once(move || {
            self.write(|calls| calls.observe(call, seen, delivery.as_str(), now, self.expiry(now)))
        })
    }
}

impl Calls for Model {
    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        at_once(move || self.peek(by, now))
    }

    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        at_once(move || self.state().calls.newest(limit, now))
    }
}

impl Answers for Model {
    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim> {
        at_once(move || {
            self.write(|calls| calls.claim(call, nonce.as_str(), now, self.expiry(now)))
        })
    }

    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        at_once(move || {
            self.write(|calls| calls.answer(call, twiml, seen, now, self.expiry(now)));
        })
    }
}
