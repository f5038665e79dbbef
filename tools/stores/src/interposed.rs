//! A store with something in between: faults, delays, a tally.

use std::sync::Arc;
use std::time::Duration;

use shared::call::{CallId, CallRef, CallSid, Intent, Observation, Timestamp};
use shared::store::{
    Admission, Claim, KeyClaim, KeyRow, Lookup, Nonce, Observed, Record, Store, StoreFuture, Window,
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

macro_rules! interpose {
    ($($(#[$doc:meta])* $module:ident::$name:ident<$life:lifetime>(
        $($argument:ident: $type:ty),*
    ) -> $answer:ty;)*) => {
        impl<I: Interpose> Store for Interposed<I> {
            $(fn $name<$life>(&$life self, $($argument: $type),*) -> StoreFuture<$life, $answer> {
                self.between.around(stringify!($name), self.inner.$name($($argument),*))
            })*
        }
    };
}

shared::store_operations!(interpose);
