//! The embedded store: one SQLite file in WAL mode that several processes share.
//!
//! Each operation is one `BEGIN IMMEDIATE` transaction on a blocking thread. A deferred one that
//! reads first and writes then would fail with `SQLITE_BUSY` at once, busy timeout or not
//! (`stores.md` 4).

mod limits;
mod open;
mod rows;
mod sweep;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::sweep::Sweeper;
use super::{Answers, Calls, Claim, Dials, Lookup, Nonce, Observations, Observed, Record};
use super::{StoreError, StoreFuture};
use crate::call::{CallRef, Fact, Intent, Observation, Timestamp};

/// A SQLite file.
#[derive(Clone)]
pub struct Sqlite {
    /// Writes queue here. A `std` mutex: it is only ever held on blocking threads.
    writer: Arc<Mutex<Connection>>,
    /// Reads have a connection of their own, so that they wait for no writer.
    reader: Arc<Mutex<Connection>>,
    /// How long a call is kept, milliseconds.
    retention_millis: i64,
    sweeper: Arc<Sweeper>,
}

/// Told to the blocking thread when nobody waits any more: an intent that is written after its
/// caller got a 503 would be a call that nobody dialled.
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
            retention_millis: i64::from(retention_days) * 24 * 60 * 60 * 1000,
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
    fn read<'a, T, F>(&self, work: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        transact(Arc::clone(&self.reader), TransactionBehavior::Deferred, work)
    }

    fn expiry(&self, now: Timestamp) -> i64 {
        now.as_millis().saturating_add(self.retention_millis)
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

impl Dials for Sqlite {
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()> {
        let call = CallRef::Ours(intent.call_id.clone());
        let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
        let expires_at = self.expiry(now);
        self.write(now, move |tx| {
            let id = rows::create(tx, &call, now, expires_at)?;
            rows::insert(tx, id, &seen, "").map(|_| ())
        })
    }
}

impl Observations for Sqlite {
    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        let (call, seen, delivery) = (call.clone(), seen.clone(), delivery.clone());
        let expires_at = self.expiry(now);
        self.write(now, move |tx| {
            let id = rows::create(tx, &call, now, expires_at)?;
            let mut before = rows::record(tx, id)?;
            let is_new = rows::insert(tx, id, &seen, delivery.as_str())?;
            if is_new {
                // There already only if this very delivery wrote it and its reply was lost.
                before.observations.retain(|known| known.key() != seen.key());
            }
            Ok(Observed { before, is_new })
        })
    }
}

impl Calls for Sqlite {
    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        let by = by.clone();
        self.read(move |tx| rows::find(tx, &by, now)?.map(|id| rows::record(tx, id)).transpose())
    }

    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        self.read(move |tx| {
            rows::newest(tx, limit, now)?.into_iter().map(|id| rows::record(tx, id)).collect()
        })
    }
}

impl Answers for Sqlite {
    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim> {
        let (call, nonce, expires_at) = (call.clone(), nonce.clone(), self.expiry(now));
        self.write(now, move |tx| {
            let id = rows::create(tx, &call, now, expires_at)?;
            match rows::claim(tx, id, nonce.as_str())? {
                (_, Some(twiml)) => Ok(Claim::Answered(twiml)),
                (owner, None) if owner == nonce.as_str() => Ok(Claim::First(rows::record(tx, id)?)),
                (_, None) => Ok(Claim::Pending),
            }
        })
    }

    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (call, seen, twiml) = (call.clone(), seen.clone(), twiml.to_owned());
        let expires_at = self.expiry(now);
        self.write(now, move |tx| {
            let id = rows::create(tx, &call, now, expires_at)?;
            rows::insert(tx, id, &seen, "")?;
            rows::keep_twiml(tx, id, &twiml)
        })
    }
}
