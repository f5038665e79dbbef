//! Stores that hang, and stores that fail on command.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fakes::Fakes;
use shared::store::{Store, StoreError, StoreFuture, Unavailable};
use stores::{Interpose, Interposed};

/// Takes every request and never answers.
pub(crate) struct Hanging;

impl Interpose for Hanging {
    fn around<'a, T: Send + 'a>(
        &'a self,
        _: &'static str,
        _: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(std::future::pending())
    }
}

/// A store that hangs.
pub(crate) fn hanging() -> Arc<dyn Store> {
    Arc::new(Interposed::new(Arc::new(Unavailable(String::new())), Hanging))
}

/// Works until Twilio is asked to dial, and then hangs.
pub(crate) struct HangsAfterTheDial(Fakes);

impl HangsAfterTheDial {
    pub(crate) fn before(inner: Arc<dyn Store>, twilio: Fakes) -> Arc<dyn Store> {
        Arc::new(Interposed::new(inner, Self(twilio)))
    }
}

impl Interpose for HangsAfterTheDial {
    fn around<'a, T: Send + 'a>(
        &'a self,
        _: &'static str,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if self.0.calls_attempted() > 0 { Box::pin(std::future::pending()) } else { inner }
    }
}

/// Fails the operations it is told to.
#[derive(Default)]
pub(crate) struct Switch(Mutex<BTreeSet<&'static str>>);

impl Switch {
    /// A real store in front of which these operations fail.
    pub(crate) fn before(inner: Arc<dyn Store>) -> Arc<Interposed<Self>> {
        Arc::new(Interposed::new(inner, Self::default()))
    }

    /// From now on exactly these fail.
    pub(crate) fn fail(&self, operations: &[&'static str]) {
        *self.0.lock().unwrap() = operations.iter().copied().collect();
    }
}

impl Interpose for Switch {
    fn around<'a, T: Send + 'a>(
        &'a self,
        operation: &'static str,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if self.0.lock().unwrap().contains(operation) {
            return Box::pin(std::future::ready(Err(StoreError::new("switched off"))));
        }
        inner
    }
}
