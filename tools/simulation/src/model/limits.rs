//! Windows, slots, days.

use std::collections::BTreeMap;

use shared::call::{CallId, Timestamp};
use shared::store::{Limits, Nonce, StoreFuture, Taken, Window};

use super::{Model, at_once};

/// How long an hour is, and until when after its beginning it counts, milliseconds.
const HOUR: i64 = 3_600_000;
const COUNTS: i64 = 25 * HOUR;

/// A rolling day: when each hour began, and how many came in it; and every entry that came.
#[derive(Debug, Default)]
pub(super) struct Day {
    hours: BTreeMap<i64, u32>,
    entries: BTreeMap<String, i64>,
}

impl Day {
    fn hour(now: Timestamp) -> i64 {
        now.as_millis() - now.as_millis().rem_euclid(HOUR)
    }

    fn total(&self, now: Timestamp) -> u32 {
        self.hours
            .iter()
            .filter(|(hour, _)| **hour + COUNTS > now.as_millis())
            .map(|(_, n)| n)
            .sum()
    }

    fn take(&mut self, entry: &Nonce, now: Timestamp) {
        *self.hours.entry(Self::hour(now)).or_default() += 1;
        self.entries.insert(entry.as_str().to_owned(), Self::hour(now));
    }

    /// The first hour after whose end there is room.
    fn free_at(&self, limit: u32, now: Timestamp) -> Timestamp {
        let ends = self.hours.keys().map(|hour| Timestamp::from_millis(hour + COUNTS));
        let room = ends.into_iter().find(|end| self.total(*end) < limit);
        room.unwrap_or_else(|| now.plus(std::time::Duration::from_secs(86_400)))
    }
}

impl Model {
    /// How many a day has, at once.
    #[must_use]
    pub fn counted(&self, name: &str, now: Timestamp) -> u32 {
        self.state().days.get(name).map_or(0, |day| day.total(now))
    }

    /// Takes a place without asking: what no store does.
    pub fn count_anyway(&self, name: &str, entry: &Nonce, now: Timestamp) {
        self.state().days.entry(name.to_owned()).or_default().take(entry, now);
    }
}

impl Limits for Model {
    fn take_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        at_once(move || {
            let mut state = self.state();
            let entries = state.windows.entry(name.to_owned()).or_default();
            entries.retain(|_, taken| taken.plus(window.length) > now);
            if entries.contains_key(entry.as_str()) {
                return Taken::Yes;
            }
            let newest = entries.values().max().map(|taken| taken.plus(window.spacing));
            let soon = newest.filter(|free_at| !window.spacing.is_zero() && *free_at > now);
            let first = entries.values().min().map(|taken| taken.plus(window.length));
            let is_full = entries.len() >= window.limit as usize;
            match (soon, first.filter(|_| is_full)) {
                (soon, Some(first)) => {
                    Taken::No { free_at: soon.map_or(first, |at| at.max(first)) }
                }
                (Some(free_at), None) => Taken::TooSoon { free_at },
                (None, None) => {
                    entries.insert(entry.as_str().to_owned(), now);
                    Taken::Yes
                }
            }
        })
    }

    fn give_window_back<'a>(
        &'a self,
        name: &'a str,
        _: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        at_once(move || {
            if let Some(entries) = self.state().windows.get_mut(name) {
                entries.remove(entry.as_str());
            }
        })
    }

    fn take_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        at_once(move || {
            let slots = &mut self.state().slots;
            slots.retain(|_, until| *until > now);
            if slots.contains_key(call_id.as_str()) {
                return Taken::Yes;
            }
            if slots.len() >= limit as usize {
                return Taken::No { free_at: slots.values().min().copied().unwrap_or(now) };
            }
            slots.insert(call_id.as_str().to_owned(), lease_end);
            Taken::Yes
        })
    }

    fn free_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()> {
        at_once(move || {
            self.state().slots.remove(call_id.as_str());
        })
    }

    fn take_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        at_once(move || {
            let days = &mut self.state().days;
            let day = days.entry(name.to_owned()).or_default();
            if day.entries.contains_key(entry.as_str()) {
                return Taken::Yes;
            }
            if day.total(now) >= limit {
                return Taken::No { free_at: day.free_at(limit, now) };
            }
            day.take(entry, now);
            Taken::Yes
        })
    }

    fn give_day_back<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, ()> {
        at_once(move || {
            let mut state = self.state();
            let Some(day) = state.days.get_mut(name) else { return };
            let hour = day.entries.remove(entry.as_str());
            if let Some(count) = hour.and_then(|hour| day.hours.get_mut(&hour)) {
                *count -= 1;
            }
        })
    }
}
