//! Idempotency keys.

use shared::call::Timestamp;
use shared::store::{KeyClaim, KeyRow, Keys, StoreFuture};

use super::{Model, at_once};

#[derive(Debug)]
pub(super) struct KeyEntry {
    row: KeyRow,
    expires_at: Timestamp,
}

impl Model {
    /// Changes the row of a key if it is still this owner's.
    fn if_owned(&self, claim: &KeyClaim, change: impl FnOnce(KeyEntry) -> Option<KeyEntry>) {
        let keys = &mut self.state().keys;
        if let Some(entry) = keys.remove(&claim.key) {
            let is_owned = entry.row.claim.owner == claim.owner;
            let entry = if is_owned { change(entry) } else { Some(entry) };
            keys.extend(entry.map(|entry| (claim.key.clone(), entry)));
        }
    }

    /// The row of a key, at once: for those who judge.
    #[must_use]
    pub fn peek_key(&self, key: &str, now: Timestamp) -> Option<KeyRow> {
        let state = self.state();
        state.keys.get(key).filter(|entry| entry.expires_at > now).map(|entry| entry.row.clone())
    }
}

impl Keys for Model {
    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow> {
        at_once(move || {
            let expires_at = self.expiry(now);
            let keys = &mut self.state().keys;
            keys.retain(|_, entry| entry.expires_at > now);
            let entry = keys.entry(claim.key.clone()).or_insert_with(|| KeyEntry {
                row: KeyRow { claim: claim.clone(), claimed_at: now, is_unknown: false },
                expires_at,
            });
            entry.row.clone()
        })
    }

    fn find_key<'a>(&'a self, key: &'a str, now: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        at_once(move || self.peek_key(key, now))
    }

    fn doubt_key<'a>(&'a self, claim: &'a KeyClaim, _: Timestamp) -> StoreFuture<'a, ()> {
        at_once(move || {
            self.if_owned(claim, |mut entry| {
                entry.row.is_unknown = true;
                Some(entry)
            });
        })
    }

    fn release_key<'a>(&'a self, claim: &'a KeyClaim) -> StoreFuture<'a, ()> {
        at_once(move || self.if_owned(claim, |_| None))
    }
}
