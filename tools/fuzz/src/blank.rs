//! A store that takes everything and always holds the same call.

use std::time::Duration;

use shared::call::{CallId, CallRef, CallSid, Intent, Observation, Timestamp};
use shared::store::{
    Admission, Claim, KeyClaim, KeyRow, Lookup, Nonce, Observed, Record, Store, StoreFuture, Window,
};

/// With this one call in it.
pub(crate) struct Blank(pub(crate) Record);

fn done<T: Send + 'static>(value: T) -> StoreFuture<'static, T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Store for Blank {
    fn begin<'a>(&'a self, _: &'a Intent, _: Timestamp) -> StoreFuture<'a, ()> {
        done(())
    }

    fn placed<'a>(
        &'a self,
        _: &'a Intent,
        _: &'a CallSid,
        _: &'a Observation,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        done(Observed { before: self.0.clone(), is_new: true })
    }

    fn observe<'a>(
        &'a self,
        _: &'a CallRef,
        _: &'a Observation,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        done(Observed { before: self.0.clone(), is_new: true })
    }

    fn load<'a>(&'a self, _: &'a Lookup, _: Timestamp) -> StoreFuture<'a, Option<Record>> {
        done(Some(self.0.clone()))
    }

    fn recent(&self, _: u32, _: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        done(vec![self.0.clone()])
    }

    fn claim<'a>(&'a self, _: &'a CallRef, _: &'a Nonce, _: Timestamp) -> StoreFuture<'a, Claim> {
        done(Claim::First(self.0.clone()))
    }

    fn answer<'a>(
        &'a self,
        _: &'a CallRef,
        _: &'a str,
        _: &'a Observation,
        _: Timestamp,
    ) -> StoreFuture<'a, ()> {
        done(())
    }

    /// Another caller's, so that the call in here is the answer to every key.
    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow> {
        let claim = KeyClaim { owner: Nonce::new([0; 16]), ..claim.clone() };
        done(KeyRow { claim, claimed_at: now, is_unknown: false })
    }

    fn find_key<'a>(&'a self, _: &'a str, _: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        done(None)
    }

    fn mark_unknown<'a>(&'a self, _: &'a KeyClaim, _: Timestamp) -> StoreFuture<'a, ()> {
        done(())
    }

    fn release_key<'a>(&'a self, _: &'a KeyClaim) -> StoreFuture<'a, ()> {
        done(())
    }

    fn acquire_window<'a>(
        &'a self,
        _: &'a str,
        _: Window,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        done(Admission::Granted)
    }

    fn release_window<'a>(&'a self, _: &'a str, _: Window, _: &'a Nonce) -> StoreFuture<'a, ()> {
        done(())
    }

    fn acquire_turn<'a>(
        &'a self,
        _: &'a str,
        _: Duration,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        done(Admission::Granted)
    }

    fn acquire_slot<'a>(
        &'a self,
        _: &'a CallId,
        _: u32,
        _: Timestamp,
        _: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        done(Admission::Granted)
    }

    fn release_slot<'a>(&'a self, _: &'a CallId) -> StoreFuture<'a, ()> {
        done(())
    }

    fn acquire_day<'a>(
        &'a self,
        _: &'a str,
        _: u32,
        _: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        done(Admission::Granted)
    }

    fn release_day<'a>(&'a self, _: &'a str, _: &'a Nonce, _: Timestamp) -> StoreFuture<'a, ()> {
        done(())
    }
}
