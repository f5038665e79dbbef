//! The store of a schedule, as those see it who judge.

use shared::call::{CallId, Timestamp};
use shared::store::{Lookup, Record, Store, StoreFuture};

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

/// What comes of an operation that waits for nothing: it is done when it is first polled.
pub(crate) fn done<T>(mut operation: StoreFuture<'_, T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match operation.as_mut().poll(&mut context) {
        std::task::Poll::Ready(outcome) => outcome.ok(),
        std::task::Poll::Pending => None,
    }
}
