//! Leases and days: what has expired under the same name is deleted first, in the same transaction.

use rusqlite::{OptionalExtension, Result, Transaction, params};

use crate::call::Timestamp;
use crate::store::{Admission, DAY_ENTRY_KEPT, DayHours, Lease, Set};

fn name(set: &Set) -> String {
    match set {
        Set::Slots => "slots".to_owned(),
        Set::Window(name) => format!("window {name}"),
    }
}

pub(super) fn lease(tx: &Transaction<'_>, lease: &Lease, now: Timestamp) -> Result<Admission> {
    let name = name(&lease.set);
    tx.prepare_cached("DELETE FROM lease WHERE name = ?1 AND until <= ?2")?
        .execute(params![name, now.as_millis()])?;
    type Found = (u32, Option<i64>, Option<i64>, Option<bool>);
    let (taken, first, newest, is_ours): Found = tx
        .prepare_cached(
            "SELECT count(*), min(until), max(until), max(owner = ?2) FROM lease WHERE name = ?1",
        )?
        .query_row(params![name, lease.owner], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    if is_ours == Some(true) {
        return Ok(Admission::Granted);
    }
    let first = first.map_or(now, Timestamp::from_millis);
    let after = newest.map_or(now, |newest| lease.after(Timestamp::from_millis(newest), now));
    if let Some(refusal) = lease.refusal(taken, first, after, now) {
        return Ok(refusal);
    }
    tx.prepare_cached("INSERT INTO lease (name, owner, until) VALUES (?1, ?2, ?3)")?
        .execute(params![name, lease.owner, lease.until.as_millis()])?;
    Ok(Admission::Granted)
}

pub(super) fn release(tx: &Transaction<'_>, set: &Set, owner: &str) -> Result<()> {
    tx.prepare_cached("DELETE FROM lease WHERE name = ?1 AND owner = ?2")?
        .execute(params![name(set), owner])
        .map(|_| ())
}

/// One more in this hour, unless the 24 hours are full.
pub(super) fn add_to_day(
    tx: &Transaction<'_>,
    (name, entry): (&str, &str),
    limit: u32,
    now: Timestamp,
) -> Result<Admission> {
    tx.prepare_cached("DELETE FROM day WHERE name = ?1 AND hour < ?2")?
        .execute(params![name, DayHours::oldest(now)])?;
    tx.prepare_cached("DELETE FROM day_entry WHERE name = ?1 AND at < ?2")?
        .execute(params![name, entries_since(now)])?;
    let is_ours = tx
        .prepare_cached("SELECT 1 FROM day_entry WHERE name = ?1 AND entry = ?2")?
        .exists(params![name, entry])?;
    if is_ours {
        return Ok(Admission::Granted);
    }
    let hours: Vec<(i64, i64)> = tx
        .prepare_cached("SELECT hour, n FROM day WHERE name = ?1")?
        .query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    if let Some(free_at) = DayHours::new(hours, now).full(limit, now) {
        return Ok(Admission::Full { free_at });
    }
    tx.prepare_cached(
        "INSERT INTO day (name, hour, n) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET n = n + 1",
    )?
    .execute(params![name, DayHours::of(now)])?;
    tx.prepare_cached("INSERT INTO day_entry (name, entry, at) VALUES (?1, ?2, ?3)")?
        .execute(params![name, entry, now.as_millis()])?;
    Ok(Admission::Granted)
}

pub(super) fn remove_from_day(tx: &Transaction<'_>, name: &str, entry: &str) -> Result<()> {
    let at: Option<i64> = tx
        .prepare_cached("DELETE FROM day_entry WHERE name = ?1 AND entry = ?2 RETURNING at")?
        .query_row(params![name, entry], |row| row.get(0))
        .optional()?;
    let Some(at) = at.map(Timestamp::from_millis) else { return Ok(()) };
    tx.prepare_cached("UPDATE day SET n = n - 1 WHERE name = ?1 AND hour = ?2")?
        .execute(params![name, DayHours::of(at)])
        .map(|_| ())
}

/// Older entries of a day are forgotten.
pub(super) fn entries_since(now: Timestamp) -> i64 {
    let kept = i64::try_from(DAY_ENTRY_KEPT.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(kept)
}
