//! Clears away what has expired: a bounded number of rows, now and then, beside a write. Nothing
//! depends on it: each read compares the expiry.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Result, Transaction, params};

use super::limits::entries_since;
use crate::call::Timestamp;
use crate::store::DayHours;

/// How often a process sweeps, milliseconds.
const EVERY: i64 = 60_000;

/// How many rows of each table a sweep deletes at most.
pub(super) const MOST: u32 = 500;

/// When this process swept last.
#[derive(Debug, Default)]
pub(super) struct Sweeper(AtomicI64);

impl Sweeper {
    /// Whether a sweep is due; if so, it is taken for made.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let (now, last) = (now.as_millis(), self.0.load(Ordering::Relaxed));
        // A clock that was set back must not stop the sweeping.
        let is_due = now < last || now.saturating_sub(last) >= EVERY;
        if is_due {
            self.0.store(now, Ordering::Relaxed);
        }
        is_due
    }
}

const BY_TIME: [&str; 2] = [
    "DELETE FROM row WHERE id IN (SELECT id FROM row WHERE expires_at <= ?1 LIMIT ?2)",
    "DELETE FROM lease WHERE (name, owner) IN
        (SELECT name, owner FROM lease WHERE until <= ?1 LIMIT ?2)",
];

const HOURS: &str = "DELETE FROM day WHERE (name, hour) IN
    (SELECT name, hour FROM day WHERE hour < ?1 LIMIT ?2)";

const ENTRIES: &str = "DELETE FROM day_entry WHERE (name, entry) IN
    (SELECT name, entry FROM day_entry WHERE at < ?1 LIMIT ?2)";

pub(super) fn sweep(tx: &Transaction<'_>, now: Timestamp) -> Result<()> {
    for sql in BY_TIME {
        tx.prepare_cached(sql)?.execute(params![now.as_millis(), MOST])?;
    }
    tx.prepare_cached(HOURS)?.execute(params![DayHours::oldest(now), MOST])?;
    tx.prepare_cached(ENTRIES)?.execute(params![entries_since(now), MOST])?;
    Ok(())
}
