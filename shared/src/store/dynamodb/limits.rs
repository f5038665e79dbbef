//! Limits: windows, slots and days have files of their own.

use super::DynamoDb;
use crate::call::{CallId, Timestamp};
use crate::store::{Limits, Nonce, StoreFuture, Taken, Window};

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

    fn take_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(self.take_of_day(name, limit, entry, now))
    }

    fn give_day_back<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(self.give_back_of_day(name, entry, now))
    }
}
