//! What stands between a request that is all right and the phone: each limit one atomic operation in
//! the store, and what a dial took given back if it comes to nothing.
//!
//! The order: the key, then window, destination, slot, day. The window of the client stays spent; the
//! rest belongs to the dial and ends with it.

use std::time::Duration;

use http::{HeaderValue, header};
use tracing::warn;

use crate::call::{Intent, Timestamp};
use crate::endpoint::App;
use crate::endpoint::refusal::{Reason, Refusal};
use crate::store::keys::claim;
use crate::store::{KeyClaim, KeyState, Nonce, StoreError, Taken, Window, timely};

use super::idempotency::digest_of;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The name under which all dials of any 24 hours are counted.
const EVERY_DIAL: &str = "day";

/// How long after the last moment it can last a call still holds its slot, should no callback free it.
const LEASE_MARGIN: Duration = Duration::from_secs(60);

/// What one request has taken, or may have: a reply can be lost after the write.
pub(super) struct Admission<'a> {
    app: &'a App,
    intent: &'a Intent,
    /// The hash of who asks; nobody where the token was shown.
    client: Option<&'a str>,
    key: Option<KeyClaim>,
    entry: Nonce,
    destination: String,
    has_destination: bool,
    has_slot: bool,
    has_day: bool,
}

impl<'a> Admission<'a> {
    pub(super) fn new(
        app: &'a App,
        intent: &'a Intent,
        client: Option<&'a str>,
        key: Option<KeyClaim>,
        entry: Nonce,
    ) -> Self {
        let destination = digest_of(&["destination", intent.to.as_str()]);
        Self {
            app,
            intent,
            client,
            key,
            entry,
            destination,
            has_destination: false,
            has_slot: false,
            has_day: false,
        }
    }

    /// Claims the key, if there is one. What an earlier request did with it is not ours to give back.
    pub(super) async fn claim_key(&mut self) -> Result<KeyState, Refusal> {
        let Some(key) = &self.key else { return Ok(KeyState::Claimed) };
        let now = self.app.clock.now();
        let state = timely(Box::pin(claim(&*self.app.store, key, now))).await;
        match state {
            Ok(KeyState::Claimed) => Ok(KeyState::Claimed),
            Ok(earlier) => {
                self.key = None;
                Ok(earlier)
            }
            Err(error) => Err(self.store_failed(&error).await),
        }
    }

    /// Takes what every dial takes, or gives it all back and says what stood in the way.
    pub(super) async fn admit(&mut self) -> Result<(), Refusal> {
        let limits = &self.app.settings.limits;
        let (store, now) = (&self.app.store, self.app.clock.now());
        if let Some(client) = self.client {
            let (limit, spacing) = (limits.rate_per_client, Duration::ZERO);
            let window = Window { limit, length: HOUR, spacing };
            let taken = timely(store.take_window(client, window, &self.entry, now)).await;
            let full = self.passes(taken, Reason::RateLimited, Reason::RateLimited).await;
            if let Err((refusal, free_at)) = full {
                if let Some(free_at) = free_at {
                    self.app.denials.remember(client, free_at, now);
                }
                return Err(refusal);
            }
        }
        self.has_destination = true;
        let window = self.destination_window();
        let taken = timely(store.take_window(&self.destination, window, &self.entry, now)).await;
        let (full, soon) = (Reason::DestinationDailyLimit, Reason::DestinationCooldown);
        if matches!(taken, Ok(Taken::No { .. } | Taken::TooSoon { .. })) {
            self.has_destination = false;
        }
        self.passes(taken, full, soon).await.map_err(|(refusal, _)| refusal)?;

        self.has_slot = true;
        let lease_end = now.plus(self.intent.longest()).plus(LEASE_MARGIN);
        let call_id = &self.intent.call_id;
        let taken = timely(store.take_slot(call_id, limits.max_concurrent, lease_end, now)).await;
        if matches!(taken, Ok(Taken::No { .. } | Taken::TooSoon { .. })) {
            self.has_slot = false;
        }
        let reason = Reason::ConcurrencyLimit;
        self.passes(taken, reason, reason).await.map_err(|(refusal, _)| refusal)?;

        self.has_day = true;
        let taken = timely(store.take_day(EVERY_DIAL, limits.max_per_day, &self.entry, now)).await;
        if matches!(taken, Ok(Taken::No { .. } | Taken::TooSoon { .. })) {
            self.has_day = false;
        }
        let reason = Reason::DailyLimit;
        self.passes(taken, reason, reason).await.map_err(|(refusal, _)| refusal)
    }

    /// Nothing was dialled and nothing will be: everything that belongs to the dial goes back. What
    /// cannot be given back ends by itself, but the key, which then stays unknown: no second dial.
    pub(super) async fn give_back(&mut self) {
        let store = &self.app.store;
        let mut failed = Vec::new();
        if std::mem::take(&mut self.has_day) {
            let now = self.app.clock.now();
            failed.extend(timely(store.give_day_back(EVERY_DIAL, &self.entry, now)).await.err());
        }
        if std::mem::take(&mut self.has_slot) {
            failed.extend(timely(store.free_slot(&self.intent.call_id)).await.err());
        }
        if std::mem::take(&mut self.has_destination) {
            let window = self.destination_window();
            let back = store.give_window_back(&self.destination, window, &self.entry);
            failed.extend(timely(back).await.err());
        }
        if let Some(key) = self.key.take() {
            failed.extend(timely(store.release_key(&key)).await.err());
        }
        for error in failed {
            warn!(service = "store", %error, callId = %self.intent.call_id, "what a dial took was not given back");
        }
    }

    /// Nobody knows whether the phone rings: everything stays taken, and the key says so.
    pub(super) async fn doubt(&mut self) {
        let Some(key) = self.key.take() else { return };
        let now = self.app.clock.now();
        if let Err(error) = timely(self.app.store.doubt_key(&key, now)).await {
            // Once the dial budget is over the key reads as unknown by itself.
            warn!(service = "store", %error, callId = %self.intent.call_id, "the key of an unknown dial was not marked");
        }
    }

    /// The store failed before anything was dialled.
    pub(super) async fn store_failed(&mut self, error: &StoreError) -> Refusal {
        tracing::error!(service = "store", %error, callId = %self.intent.call_id, "nothing was dialled: the store failed");
        self.give_back().await;
        Refusal::new(Reason::StoreUnavailable, "Nothing was dialled. Try again in a moment.")
    }

    fn destination_window(&self) -> Window {
        let limits = &self.app.settings.limits;
        Window { limit: limits.per_destination_per_day, length: DAY, spacing: limits.cooldown }
    }

    /// Whether a limit lets the dial pass; if not, until when it does not.
    async fn passes(
        &mut self,
        taken: Result<Taken, StoreError>,
        full: Reason,
        soon: Reason,
    ) -> Result<(), (Refusal, Option<Timestamp>)> {
        let (reason, free_at) = match taken {
            Ok(Taken::Yes) => return Ok(()),
            Ok(Taken::No { free_at }) => (full, free_at),
            Ok(Taken::TooSoon { free_at }) => (soon, free_at),
            Err(error) => return Err((self.store_failed(&error).await, None)),
        };
        self.give_back().await;
        Err((over(reason, free_at, self.app.clock.now()), Some(free_at)))
    }
}

/// A limit's refusal, with when to come again.
pub(super) fn over(reason: Reason, free_at: Timestamp, now: Timestamp) -> Refusal {
    let left = free_at.as_millis().saturating_sub(now.as_millis()).max(0);
    let seconds = left.saturating_add(999).saturating_div(1000).max(1);
    Refusal::new(reason, format!("Nothing was dialled. Dial again in {seconds} s."))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_at_the_time_that_was_named_is_not_too_early() {
        let refusal =
            over(Reason::DailyLimit, Timestamp::from_millis(1001), Timestamp::from_millis(0));
        let response: http::Response<bytes::Bytes> = refusal.into();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
