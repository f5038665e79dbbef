//! The store of a schedule, as those see it who judge.

use shared::call::{CallId, Timestamp};
use shared::store::{Lookup, Record, Store};

/// A store that shows what is in it, at once and without faults.
pub trait Judged: Store {
    /// The call as it is.
    fn peek(&self, by: &Lookup, now: Timestamp) -> Option<Record>;

    /// What a read may find that missed the last `writes`.
    fn stale(&self, by: &Lookup, now: Timestamp, _writes: usize) -> Option<Record> {
        self.peek(by, now)
    }

    /// Whether the call is known to hold a slot, whatever the time.
    fn holds_slot(&self, _call_id: &CallId) -> bool {
        false
    }

    /// From now on nothing goes wrong on the way.
    fn calm_down(&self) {}
}
