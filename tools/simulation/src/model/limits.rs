//! Windows, slots, counters.

use shared::call::{CallId, Timestamp};
use shared::store::{Limits, Nonce, StoreFuture, Taken, Window};

use super::{Model, at_once};

impl Model {
    /// How far a counter is, at once.
    #[must_use]
    pub fn counted(&self, counter: &str, now: Timestamp) -> u32 {
        let state = self.state();
        state.counters.get(counter).filter(|(_, until)| *until > now).map_or(0, |(count, _)| *count)
    }

    /// Sets a counter without asking: what no store does.
    pub fn set_counter(&self, counter: &str, count: u32, expires_at: Timestamp) {
        self.state().counters.insert(counter.to_owned(), (count, expires_at));
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

    fn count<'a>(
        &'a self,
        counter: &'a str,
        limit: u32,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        at_once(move || {
            let counters = &mut self.state().counters;
            let counted = counters.entry(counter.to_owned()).or_insert((0, expires_at));
            if counted.1 <= now {
                *counted = (0, expires_at);
            }
            if counted.0 >= limit {
                return Taken::No { free_at: counted.1 };
            }
            counted.0 += 1;
            Taken::Yes
        })
    }
}
