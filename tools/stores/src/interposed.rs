//! A store with something in between: faults, delays, a tally.

use std::sync::Arc;

use shared::call::{CallId, CallRef, CallSid, Intent, Observation, Timestamp};
use shared::store::{
    Answers, Calls, Claim, Dials, KeyClaim, KeyRow, Keys, Limits, Lookup, Nonce, Observations,
    Observed, Record, Store, StoreFuture, Taken, Window,
};

/// What stands in between.
pub trait Interpose: Send + Sync {
    /// Runs one operation, or does not, before or after something else. `inner` does nothing until it
    /// is polled.
    fn around<'a, T: Send + 'a>(
        &'a self,
        operation: &'static str,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T>;
}

/// A store behind something.
pub struct Interposed<I> {
    inner: Arc<dyn Store>,
    between: I,
}

impl<I: Interpose> Interposed<I> {
    /// Puts `between` in front of `inner`.
    pub fn new(inner: Arc<dyn Store>, between: I) -> Self {
        Self { inner, between }
    }

    /// What stands in between.
    pub fn between(&self) -> &I {
        &self.between
    }
}

/// Calls `$callback! { port { operation<'a>(argument: type, ...) -> answer; ... } ... }` for every
/// operation of a store.
#[macro_export]
macro_rules! store_ports {
    ($callback:ident) => {
        $callback! {
            Dials {
                begin<'a>(intent: &'a Intent, now: Timestamp) -> ();
                placed<'a>(
                    intent: &'a Intent, call_sid: &'a CallSid, seen: &'a Observation,
                    delivery: &'a Nonce, now: Timestamp
                ) -> Observed;
            }
            Observations {
                observe<'a>(
                    call: &'a CallRef, seen: &'a Observation, delivery: &'a Nonce, now: Timestamp
                ) -> Observed;
            }
            Calls {
                load<'a>(by: &'a Lookup, now: Timestamp) -> Option<Record>;
                recent<'a>(limit: u32, now: Timestamp) -> Vec<Record>;
            }
            Answers {
                claim<'a>(call: &'a CallRef, nonce: &'a Nonce, now: Timestamp) -> Claim;
                answer<'a>(
                    call: &'a CallRef, twiml: &'a str, seen: &'a Observation, now: Timestamp
                ) -> ();
            }
            Keys {
                claim_key<'a>(claim: &'a KeyClaim, now: Timestamp) -> KeyRow;
                find_key<'a>(key: &'a str, now: Timestamp) -> Option<KeyRow>;
                doubt_key<'a>(claim: &'a KeyClaim, now: Timestamp) -> ();
                release_key<'a>(claim: &'a KeyClaim) -> ();
            }
            Limits {
                take_window<'a>(
                    name: &'a str, window: Window, entry: &'a Nonce, now: Timestamp
                ) -> Taken;
                give_window_back<'a>(name: &'a str, window: Window, entry: &'a Nonce) -> ();
                take_slot<'a>(
                    call_id: &'a CallId, limit: u32, lease_end: Timestamp, now: Timestamp
                ) -> Taken;
                free_slot<'a>(call_id: &'a CallId) -> ();
                take_day<'a>(name: &'a str, limit: u32, entry: &'a Nonce, now: Timestamp) -> Taken;
                give_day_back<'a>(name: &'a str, entry: &'a Nonce, now: Timestamp) -> ();
            }
        }
    };
}

macro_rules! interpose {
    ($($port:ident { $($name:ident<$life:lifetime>($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        $(impl<I: Interpose> $port for Interposed<I> {
            $(fn $name<$life>(&$life self, $($argument: $type),*) -> StoreFuture<$life, $answer> {
                self.between.around(stringify!($name), self.inner.$name($($argument),*))
            })*
        })*
    };
}

store_ports!(interpose);
