//! Cool-downs and counters, 1 request each; windows and slots have files of their own.

use std::time::Duration;

use super::DynamoDb;
use super::item::{TTL, UNTIL, get_text, get_time, millis, number, text, ttl_seconds};
use super::request::Written;
use super::update::Update;
use crate::call::{CallId, Timestamp};
use crate::store::{Limits, Nonce, StoreFuture, Taken, Window};

const OWNER: &str = "owner";
const COUNT: &str = "n";

fn cooldown_key(destination: &str) -> String {
    format!("CD#{destination}")
}

impl Limits for DynamoDb {
    fn take_window<'a>(
        &'a self,
        client: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(self.take_place(client, window, entry, now))
    }

    fn take_cooldown<'a>(
        &'a self,
        destination: &'a str,
        length: Duration,
        owner: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            let until = now.plus(length);
            let update = Update::of(cooldown_key(destination))
                .set(OWNER, text(owner.as_str()))
                .set(UNTIL, millis(until))
                .set(TTL, ttl_seconds(until))
                .when("attribute_not_exists(@) OR @ <= ?", UNTIL, millis(now));
            Ok(match self.update(&update, now).await? {
                Written::Done(_) => Taken::Yes,
                Written::Refused(found) if get_text(&found, OWNER) == Some(owner.as_str()) => {
                    Taken::Yes
                }
                Written::Refused(found) => {
                    Taken::No { free_at: get_time(&found, UNTIL).unwrap_or(until) }
                }
            })
        })
    }

    fn give_cooldown_back<'a>(
        &'a self,
        destination: &'a str,
        owner: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let row = Update::of(cooldown_key(destination));
            self.delete(&row.when("@ = ?", OWNER, text(owner.as_str()))).await
        })
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
