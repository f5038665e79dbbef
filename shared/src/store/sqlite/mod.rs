//! The embedded store: one SQLite file in WAL mode that several processes share.
//!
//! Each write is one `BEGIN IMMEDIATE` transaction on a blocking thread. A deferred one that reads first
//! and writes then would fail with `SQLITE_BUSY` at once, busy timeout or not
//! (<https://www.sqlite.org/lang_transaction.html>).

mod limits;
mod open;
mod rows;
mod sweep;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::sweep::Sweeper;
use super::{
    Admission, Lease, Nonce, Put, Row, RowKey, Set, StoreError, StoreFuture, Table, Written,
};
use crate::call::Timestamp;

/// A SQLite file.
#[derive(Clone)]
pub struct Sqlite {
    /// Writes queue here. A `std` mutex: it is only ever held on blocking threads.
    writer: Arc<Mutex<Connection>>,
    /// Reads have a connection of their own, so that they wait for no writer.
    reader: Arc<Mutex<Connection>>,
    retention: Duration,
    sweeper: Arc<Sweeper>,
}

/// Tells the blocking thread that the request was given up: an intent that is written after its caller
/// got a 503 would be a call that was never dialled.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sqlite {
    /// Opens or creates the file and its folder. `retention_days` counts from a call's first write.
    pub fn open(path: &Path, retention_days: u32) -> Result<Self, StoreError> {
        Ok(Self {
            writer: Arc::new(Mutex::new(open::open(path)?)),
            reader: Arc::new(Mutex::new(open::open(path)?)),
            retention: Duration::from_secs(u64::from(retention_days) * 24 * 60 * 60),
            sweeper: Arc::default(),
        })
    }

    /// Writes: one immediate transaction, off the async threads. Now and then it sweeps as well.
    fn write<'a, T, F>(&self, now: impl Into<Option<Timestamp>>, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let due = now.into().filter(|now| self.sweeper.is_due(*now));
        transact(Arc::clone(&self.writer), TransactionBehavior::Immediate, move |tx| {
            due.map_or(Ok(()), |now| sweep::sweep(tx, now))?;
            work(tx)
        })
    }

    /// Reads: one consistent snapshot that waits for no writer.
    fn reading<'a, T, F>(&self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        transact(Arc::clone(&self.reader), TransactionBehavior::Deferred, work)
    }
}

fn transact<'a, T, F>(
    connection: Arc<Mutex<Connection>>,
    behaviour: TransactionBehavior,
    work: F,
) -> StoreFuture<'a, T>
where
    T: Send + 'static,
    F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
{
    let is_abandoned = Arc::new(AtomicBool::new(false));
    let abandon = Abandon(Arc::clone(&is_abandoned));
    let run = move || {
        // A panic while the lock was held rolled its transaction back: the connection is sound.
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(behaviour)?;
        if is_abandoned.load(Ordering::Relaxed) {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    };
    Box::pin(async move {
        let result = tokio::task::spawn_blocking(run).await;
        drop(abandon);
        match result {
            Ok(result) => result.map_err(|error| open::store_error(&error)),
            Err(_) => Err(StoreError::new("the SQLite thread stopped")),
        }
    })
}

impl Table for Sqlite {
    fn retention(&self) -> Duration {
        self.retention
    }

    fn put(&self, put: Put, now: Timestamp) -> StoreFuture<'_, Written> {
        self.write(now, move |tx| rows::put(tx, &put, now))
    }

    fn delete(&self, row: RowKey, field: &'static str, value: String) -> StoreFuture<'_, ()> {
        self.write(None, move |tx| rows::delete(tx, &row, field, &value))
    }

    fn read(&self, rows: Vec<RowKey>, now: Timestamp) -> StoreFuture<'_, Vec<Option<Row>>> {
        self.reading(move |tx| rows.iter().map(|row| rows::read(tx, row, now)).collect())
    }

    fn newest(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<(String, Row)>> {
        self.reading(move |tx| rows::newest(tx, limit, now))
    }

    fn lease(&self, lease: Lease, now: Timestamp) -> StoreFuture<'_, Admission> {
        self.write(now, move |tx| limits::lease(tx, &lease, now))
    }

    fn release(&self, set: Set, owner: String, _: bool) -> StoreFuture<'_, ()> {
        self.write(None, move |tx| limits::release(tx, &set, &owner))
    }

    fn add_to_day(
        &self,
        name: String,
        limit: u32,
        entry: Nonce,
        now: Timestamp,
    ) -> StoreFuture<'_, Admission> {
        self.write(now, move |tx| limits::add_to_day(tx, (&name, entry.as_str()), limit, now))
    }

    fn remove_from_day(&self, name: String, entry: Nonce, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(now, move |tx| limits::remove_from_day(tx, &name, entry.as_str()))
    }
}
