//! No store: what a function has that is deployed without one. Every operation fails, so make-call
//! refuses to dial while voice still connects the person on the line.

use std::future::ready;
use std::time::Duration;

use super::{
    Admission, Lease, Nonce, Put, Row, RowKey, Set, StoreError, StoreFuture, Table, Written,
};
use crate::call::Timestamp;

/// A store that could not be opened; the text says why.
#[derive(Clone, Debug)]
pub struct Unavailable(pub String);

impl Unavailable {
    fn fail<'a, T: Send + 'a>(&'a self) -> StoreFuture<'a, T> {
        Box::pin(ready(Err(StoreError::new(&self.0))))
    }
}

impl Table for Unavailable {
    fn retention(&self) -> Duration {
        Duration::ZERO
    }

    fn put(&self, _: Put, _: Timestamp) -> StoreFuture<'_, Written> {
        self.fail()
    }

    fn delete(&self, _: RowKey, _: &'static str, _: String) -> StoreFuture<'_, ()> {
        self.fail()
    }

    fn read(&self, _: Vec<RowKey>, _: Timestamp) -> StoreFuture<'_, Vec<Option<Row>>> {
        self.fail()
    }

    fn newest(&self, _: u32, _: Timestamp) -> StoreFuture<'_, Vec<(String, Row)>> {
        self.fail()
    }

    fn lease(&self, _: Lease, _: Timestamp) -> StoreFuture<'_, Admission> {
        self.fail()
    }

    fn release(&self, _: Set, _: String, _: bool) -> StoreFuture<'_, ()> {
        self.fail()
    }

    fn add_to_day(&self, _: String, _: u32, _: Nonce, _: Timestamp) -> StoreFuture<'_, Admission> {
        self.fail()
    }

    fn remove_from_day(&self, _: String, _: Nonce, _: Timestamp) -> StoreFuture<'_, ()> {
        self.fail()
    }
}
