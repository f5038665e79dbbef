//! The limits on a dial. Each limit is one atomic operation of the store. A dial that places no
//! call gives back every place that it took.

use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use crate::call::{CallId, Intent, Timestamp};
use crate::endpoint::App;
use crate::endpoint::callers::over;
use crate::endpoint::refusal::{Reason, Refusal};
use crate::store::keys::claim;
use crate::store::{self, BUDGET, KeyClaim, KeyState, Nonce, StoreError, Window, with_timeout};

use super::idempotency::digest_of;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// If no callback frees a call's slot, the slot is free this long after the call must have ended.
const LEASE_MARGIN: Duration = Duration::from_secs(60);

/// How long giving all places back may take, where the store hangs.
pub(super) const GIVING_BACK: Duration = BUDGET.saturating_mul(3);

/// The places that one dial takes, in this order: those that are most often missing come first, so that
/// a refusal gives little back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// One of an anonymous client's dials in any hour.
    Client,
    /// One of a number's calls in any 24 hours, and its cool-down.
    Destination,
    /// One of all anonymous callers' calls at once.
    AnonymousCall,
    /// One of the calls at once.
    Call,
    /// One of all anonymous callers' calls in any 24 hours.
    AnonymousDay,
    /// One of the calls in any 24 hours.
    Day,
}

impl Place {
    const ALL: [Self; 6] = [
        Self::Client,
        Self::Destination,
        Self::AnonymousCall,
        Self::Call,
        Self::AnonymousDay,
        Self::Day,
    ];

    fn is_for_anonymous_callers(self) -> bool {
        matches!(self, Self::Client | Self::AnonymousCall | Self::AnonymousDay)
    }

    /// Why there is none: because all are taken, or because the last was taken a moment ago.
    fn reasons(self) -> (Reason, Reason) {
        match self {
            Self::Client => (Reason::RateLimited, Reason::RateLimited),
            Self::AnonymousCall | Self::Call => {
                (Reason::ConcurrencyLimit, Reason::ConcurrencyLimit)
            }
            Self::AnonymousDay | Self::Day => (Reason::DailyLimit, Reason::DailyLimit),
            Self::Destination => (Reason::DestinationDailyLimit, Reason::DestinationCooldown),
        }
    }
}

/// What one request has taken, or may have: a reply can be lost after the write.
pub(super) struct Admission<'a> {
    app: &'a App,
    intent: &'a Intent,
    /// The name of an anonymous caller's client; none where the token was shown.
    client: Option<&'a String>,
    key: Option<KeyClaim>,
    entry: Nonce,
    destination: String,
    taken: Vec<Place>,
}

impl<'a> Admission<'a> {
    pub(super) fn new(
        app: &'a App,
        intent: &'a Intent,
        client: Option<&'a String>,
        key: Option<KeyClaim>,
        entry: Nonce,
    ) -> Self {
        let destination = digest_of(&["destination", &intent.to.phone()]);
        Self { app, intent, client, key, entry, destination, taken: Vec::new() }
    }

    /// Claims the key, if there is one. What an earlier request did with it is not ours to give back.
    pub(super) async fn claim_key(&mut self) -> Result<KeyState, Refusal> {
        let Some(key) = &self.key else { return Ok(KeyState::Claimed) };
        let now = self.app.clock.now();
        let state = with_timeout(Box::pin(claim(&*self.app.store, key, now))).await;
        match state {
            Ok(KeyState::Claimed) => Ok(KeyState::Claimed),
            Ok(earlier) => {
                self.key = None;
                Ok(earlier)
            }
            Err(error) => Err(self.store_failed(&error).await),
        }
    }

    /// Takes every place that the dial needs, or gives all of them back and says which one was
    /// missing.
    pub(super) async fn admit(&mut self) -> Result<(), Refusal> {
        for place in Place::ALL {
            if self.client.is_none() && place.is_for_anonymous_callers() {
                continue;
            }
            // Before the request: it may be carried out and its reply lost.
            self.taken.push(place);
            let now = self.app.clock.now();
            let (reason, free_at) = match self.take(place, now).await {
                Ok(store::Admission::Granted) => continue,
                Ok(store::Admission::Full { free_at }) => (place.reasons().0, free_at),
                Ok(store::Admission::CoolingDown { free_at }) => (place.reasons().1, free_at),
                Err(error) => return Err(self.store_failed(&error).await),
            };
            self.taken.pop();
            self.give_back().await;
            return Err(over(reason, free_at, now));
        }
        Ok(())
    }

    async fn take(&self, place: Place, now: Timestamp) -> Result<store::Admission, StoreError> {
        let (store, limits) = (&self.app.store, &self.app.settings.limits);
        let anonymous = &self.app.settings.access.anonymous;
        let call_id = &self.intent.call_id;
        with_timeout(match place {
            Place::Client => store.acquire_window(self.client(), self.hour(), &self.entry, now),
            Place::AnonymousCall => {
                let window = anonymous_calls(self.app);
                return with_timeout(store.acquire_window(
                    ANONYMOUS_CALLS,
                    window,
                    &nonce(call_id),
                    now,
                ))
                .await;
            }
            Place::AnonymousDay => {
                store.acquire_day(ANONYMOUS_DAY, anonymous.max_per_day, &self.entry, now)
            }
            Place::Destination => {
                store.acquire_window(&self.destination, self.destination_window(), &self.entry, now)
            }
            Place::Call => {
                let lease_end = now.plus(self.intent.longest()).plus(LEASE_MARGIN);
                store.acquire_slot(call_id, limits.max_concurrent, lease_end, now)
            }
            Place::Day => store.acquire_day(ALL_DAY, limits.max_per_day, &self.entry, now),
        })
        .await
    }

    async fn give(&self, place: Place) -> Result<(), StoreError> {
        let (store, now) = (&self.app.store, self.app.clock.now());
        with_timeout(match place {
            Place::Client => store.release_window(self.client(), self.hour(), &self.entry),
            Place::AnonymousCall => {
                return free_anonymous_call(self.app, &self.intent.call_id).await;
            }
            Place::Destination => {
                let window = self.destination_window();
                store.release_window(&self.destination, window, &self.entry)
            }
            Place::Call => store.release_slot(&self.intent.call_id),
            Place::AnonymousDay => store.release_day(ANONYMOUS_DAY, &self.entry, now),
            Place::Day => store.release_day(ALL_DAY, &self.entry, now),
        })
        .await
    }

    /// Gives back every place, because this request places no call. A place that cannot be given
    /// back expires. A key that cannot be released reads as unknown and is not dialled again.
    pub(super) async fn give_back(&mut self) {
        let call_id = self.intent.call_id.clone();
        if timeout(GIVING_BACK, self.give_all_back()).await.is_err() {
            warn!(service = "store", error = "timeout", callId = %call_id, "the places of a dial were not given back");
        }
    }

    /// Gives the places back one by one and forgets each when that is done: a time-out may stop it.
    async fn give_all_back(&mut self) {
        let mut failed = Vec::new();
        while let Some(place) = self.taken.last().copied() {
            failed.extend(self.give(place).await.err());
            self.taken.pop();
        }
        if let Some(key) = &self.key {
            failed.extend(with_timeout(self.app.store.release_key(key)).await.err());
            self.key = None;
        }
        for error in failed {
            warn!(service = "store", %error, callId = %self.intent.call_id, "a place of a dial was not given back");
        }
    }

    /// The phone may be ringing: every place stays taken, and the key says so.
    pub(super) async fn mark_unknown(&mut self) {
        let Some(key) = self.key.take() else { return };
        let now = self.app.clock.now();
        if let Err(error) = with_timeout(self.app.store.mark_unknown(&key, now)).await {
            // Once the dial budget is over the key reads as unknown by itself.
            warn!(service = "store", %error, callId = %self.intent.call_id, "the key of an unknown dial was not marked");
        }
    }

    /// The store failed before anything was dialled.
    pub(super) async fn store_failed(&mut self, error: &StoreError) -> Refusal {
        self.give_back().await;
        Refusal::new(Reason::StoreUnavailable, "Nothing was dialled. Try again in a moment.")
            .because("store", error)
    }

    fn client(&self) -> &str {
        self.client.map_or("", String::as_str)
    }

    fn hour(&self) -> Window {
        let limit = self.app.settings.limits.rate_per_client;
        Window { limit, length: HOUR, spacing: Duration::ZERO }
    }

    fn destination_window(&self) -> Window {
        let limits = &self.app.settings.limits;
        Window { limit: limits.per_destination_per_day, length: DAY, spacing: limits.cooldown }
    }
}

/// The name of a day in the store.
const ALL_DAY: &str = "day";
const ANONYMOUS_DAY: &str = "anonymous day";
const ANONYMOUS_CALLS: &str = "anonymous calls";

/// A place in it is a lease: it is given back when the call ends, and else it ends by itself.
fn anonymous_calls(app: &App) -> Window {
    let anonymous = &app.settings.access.anonymous;
    Window { limit: anonymous.max_concurrent, length: anonymous.lease(), spacing: Duration::ZERO }
}

/// The call's own name, so that its last callback can give its place back.
fn nonce(call_id: &CallId) -> Nonce {
    Nonce::from_text(call_id.as_str().trim_end_matches('v'))
}

/// An anonymous caller's call no longer counts as one of those in progress.
pub(in crate::endpoint) async fn free_anonymous_call(
    app: &App,
    call_id: &CallId,
) -> Result<(), StoreError> {
    let (window, entry) = (anonymous_calls(app), nonce(call_id));
    with_timeout(app.store.release_window(ANONYMOUS_CALLS, window, &entry)).await
}
