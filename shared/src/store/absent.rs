//! No store: what a function has that is deployed without one. Every operation fails, so make-call
//! refuses to dial while voice still connects whoever is on the line.

use std::future::ready;

use super::{Answers, Calls, Claim, Dials, Lookup, Nonce, Observations, Observed, Record};
use super::{StoreError, StoreFuture};
use crate::call::{CallRef, Intent, Observation, Timestamp};

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
