//! Counters, 1 request each; windows and slots have files of their own.

use super::DynamoDb;
use super::item::number;
use super::request::Written;
use super::update::Update;
use crate::call::{CallId, Timestamp};
use crate::store::{Limits, Nonce, StoreFuture, Taken, Window};

const COUNT: &str = "n";

impl Limits for DynamoDb {
    fn take_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(self.take_place(name, window, entry, now))
    }

    fn give_window_back<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        Box::pin(self.give_place_back(name, window, entry))
    }

    fn take_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(self.lease_slot(call_id, limit, lease_end, now))
    }

    fn free_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()> {
        Box::pin(self.end_lease(call_id))
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        limit: u32,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            let full = Taken::No { free_at: expires_at };
            // A counter that is not there yet passes every comparison.
            if limit == 0 {
                return Ok(full);
            }
            let update = Update::of(format!("CNT#{counter}"))
                .add(COUNT, 1)
                .living_until(expires_at)
                .when("attribute_not_exists(@) OR @ < ?", COUNT, number(limit.into()))
                .unless_expired(now);
            Ok(match self.update(&update, now).await? {
                Written::Done(_) => Taken::Yes,
                Written::Refused(_) => full,
            })
        })
    }
}
