//! Stores that hang, and stores that fail on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::call::{CallRef, Intent, Observation, Timestamp};
use shared::store::{
    Answers, CallStore, Calls, Claim, Dials, Lookup, Nonce, Observations, Observed, Record,
    StoreError, StoreFuture,
};

/// Takes every request and never answers.
pub(crate) struct Hanging;

impl Dials for Hanging {
    fn begin<'a>(&'a self, _: &'a Intent, _: Timestamp) -> StoreFuture<'a, ()> {
        Box::pin(std::future::pending())
    }
}

impl Observations for Hanging {
    fn observe<'a>(
        &'a self,
        _: &'a CallRef,
        _: &'a Observation,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(std::future::pending())
    }
}

impl Calls for Hanging {
    fn load<'a>(&'a self, _: &'a Lookup, _: Timestamp) -> StoreFuture<'a, Option<Record>> {
        Box::pin(std::future::pending())
    }
    fn recent(&self, _: u32, _: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(std::future::pending())
    }
}

impl Answers for Hanging {
    fn claim<'a>(&'a self, _: &'a CallRef, _: &'a Nonce, _: Timestamp) -> StoreFuture<'a, Claim> {
        Box::pin(std::future::pending())
    }
    fn answer<'a>(
        &'a self,
        _: &'a CallRef,
        _: &'a str,
        _: &'a Observation,
        _: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(std::future::pending())
    }
}

/// A real store whose voice operations can be made to fail.
pub(crate) struct Switch {
    inner: Arc<dyn CallStore>,
    claims_fail: AtomicBool,
    answers_fail: AtomicBool,
}

impl Switch {
    pub(crate) fn new(inner: Arc<dyn CallStore>) -> Self {
        Self { inner, claims_fail: AtomicBool::new(false), answers_fail: AtomicBool::new(false) }
    }

    pub(crate) fn set_down(&self, claims: bool, answers: bool) {
        self.claims_fail.store(claims, Ordering::SeqCst);
        self.answers_fail.store(answers, Ordering::SeqCst);
    }
}

fn fail<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(StoreError::new("switched off"))))
}

impl Dials for Switch {
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()> {
        self.inner.begin(intent, now)
    }
}

impl Observations for Switch {
    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        self.inner.observe(call, seen, delivery, now)
    }
}

impl Calls for Switch {
    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        self.inner.load(by, now)
    }
    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        self.inner.recent(limit, now)
    }
}

impl Answers for Switch {
    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim> {
        if self.claims_fail.load(Ordering::SeqCst) {
            return fail();
        }
        self.inner.claim(call, nonce, now)
    }
    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        if self.answers_fail.load(Ordering::SeqCst) {
            return fail();
        }
        self.inner.answer(call, twiml, seen, now)
    }
}
