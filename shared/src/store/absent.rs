//! No store: what a function has that is deployed without one. Every operation fails, so make-call
//! refuses to dial while voice still connects whoever is on the line.

use std::future::ready;

use super::{Answers, Calls, Claim, Dials, Lookup, Nonce, Observations, Observed, Record};
use super::{KeyClaim, KeyRow, Keys, Limits, StoreError, StoreFuture, Taken, Window};
use crate::call::{CallId, CallRef, Intent, Observation, Timestamp};

/// A store that could not be opened; the text says why.
#[derive(Clone, Debug)]
pub struct Absent(pub String);

impl Absent {
    fn fail<'a, T: Send + 'a>(&'a self) -> StoreFuture<'a, T> {
        Box::pin(ready(Err(StoreError::new(&self.0))))
    }
}

impl Dials for Absent {
    fn begin<'a>(&'a self, _: &'a Intent, _: Timestamp) -> StoreFuture<'a, ()> {
        self.fail()
    }
}

impl Observations for Absent {
    fn observe<'a>(
        &'a self,
        _: &'a CallRef,
        _: &'a Observation,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        self.fail()
    }
}

impl Calls for Absent {
    fn load<'a>(&'a self, _: &'a Lookup, _: Timestamp) -> StoreFuture<'a, Option<Record>> {
        self.fail()
    }

    fn recent(&self, _: u32, _: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        self.fail()
    }
}

impl Answers for Absent {
    fn claim<'a>(&'a self, _: &'a CallRef, _: &'a Nonce, _: Timestamp) -> StoreFuture<'a, Claim> {
        self.fail()
    }

    fn answer<'a>(
        &'a self,
        _: &'a CallRef,
        _: &'a str,
        _: &'a Observation,
        _: Timestamp,
    ) -> StoreFuture<'a, ()> {
        self.fail()
    }
}

impl Keys for Absent {
    fn claim_key<'a>(&'a self, _: &'a KeyClaim, _: Timestamp) -> StoreFuture<'a, KeyRow> {
        self.fail()
    }

    fn find_key<'a>(&'a self, _: &'a str, _: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        self.fail()
    }

    fn doubt_key<'a>(&'a self, _: &'a KeyClaim, _: Timestamp) -> StoreFuture<'a, ()> {
        self.fail()
    }

    fn release_key<'a>(&'a self, _: &'a KeyClaim) -> StoreFuture<'a, ()> {
        self.fail()
    }
}

impl Limits for Absent {
    fn take_window<'a>(
        &'a self,
        _: &'a str,
        _: Window,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        self.fail()
    }

    fn give_window_back<'a>(&'a self, _: &'a str, _: Window, _: &'a Nonce) -> StoreFuture<'a, ()> {
        self.fail()
    }

    fn take_slot<'a>(
        &'a self,
        _: &'a CallId,
        _: u32,
        _: Timestamp,
        _: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        self.fail()
    }

    fn free_slot<'a>(&'a self, _: &'a CallId) -> StoreFuture<'a, ()> {
        self.fail()
    }

    fn take_day<'a>(
        &'a self,
        _: &'a str,
        _: u32,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        self.fail()
    }

    fn give_day_back<'a>(&'a self, _: &'a str, _: &'a Nonce, _: Timestamp) -> StoreFuture<'a, ()> {
        self.fail()
    }
}
