//! Limits and keys in SQLite: what has expired under the same name is deleted first, in the same
//! transaction.

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::Sqlite;
use crate::call::{CallId, Timestamp};
use crate::store::{DAY_ENTRY_KEPT, DayHours};
use crate::store::{KeyClaim, KeyRow, Keys, Limits, Nonce, StoreFuture, Taken, Window};

/// One lease: who holds a place under a name, and until when. Windows and slots are both leases; they
/// differ in how many fit and how long they last.
fn lease(
    tx: &Transaction<'_>,
    (name, owner): (&str, &str),
    limit: u32,
    until: Timestamp,
    now: Timestamp,
) -> Result<Taken> {
    tx.prepare_cached("DELETE FROM lease WHERE name = ?1 AND until <= ?2")?
        .execute(params![name, now.as_millis()])?;
    tx.prepare_cached(
        "INSERT INTO lease (name, owner, until) SELECT ?1, ?2, ?3
         WHERE (SELECT count(*) FROM lease WHERE name = ?1) < ?4
            OR EXISTS (SELECT 1 FROM lease WHERE name = ?1 AND owner = ?2)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![name, owner, until.as_millis(), limit])?;
    let is_ours = tx
        .prepare_cached("SELECT 1 FROM lease WHERE name = ?1 AND owner = ?2")?
        .exists(params![name, owner])?;
    if is_ours {
        return Ok(Taken::Yes);
    }
    let first: Option<i64> = tx
        .prepare_cached("SELECT min(until) FROM lease WHERE name = ?1")?
        .query_row([name], |row| row.get(0))?;
    Ok(Taken::No { free_at: first.map_or(now, Timestamp::from_millis) })
}

/// When an entry may follow the newest one, if that is still to come and our own is not there.
fn too_soon(
    tx: &Transaction<'_>,
    name: &str,
    entry: &str,
    window: Window,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let (newest, is_ours): (Option<i64>, Option<bool>) = tx
        .prepare_cached(
            "SELECT max(until), max(owner = ?2) FROM lease WHERE name = ?1 AND until > ?3",
        )?
        .query_row(params![name, entry, now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let length = i64::try_from(window.length.as_millis()).unwrap_or(i64::MAX);
    Ok(newest
        .filter(|_| is_ours != Some(true) && !window.spacing.is_zero())
        .map(|until| window.after(Timestamp::from_millis(until.saturating_sub(length))))
        .filter(|free_at| *free_at > now))
}

/// What stands in the way of an entry that comes too soon: the window may be full besides.
fn refused(
    tx: &Transaction<'_>,
    name: &str,
    window: Window,
    free_at: Timestamp,
    now: Timestamp,
) -> Result<Taken> {
    let (count, first): (u32, Option<i64>) = tx
        .prepare_cached("SELECT count(*), min(until) FROM lease WHERE name = ?1 AND until > ?2")?
        .query_row(params![name, now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let first = first.map_or(now, Timestamp::from_millis);
    let is_full = count >= window.limit;
    Ok(if is_full { Taken::No { free_at: free_at.max(first) } } else { Taken::TooSoon { free_at } })
}

fn end_lease(tx: &Transaction<'_>, name: &str, owner: &str) -> Result<()> {
    tx.prepare_cached("DELETE FROM lease WHERE name = ?1 AND owner = ?2")?
        .execute(params![name, owner])
        .map(|_| ())
}

/// The one name under which all slots are leased.
const SLOTS: &str = "slots";

impl Limits for Sqlite {
    fn take_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        let (name, entry) = (format!("window {name}"), entry.clone());
        self.write(now, move |tx| {
            let until = now.plus(window.length);
            match too_soon(tx, &name, entry.as_str(), window, now)? {
                None => lease(tx, (&name, entry.as_str()), window.limit, until, now),
                Some(free_at) => Ok(refused(tx, &name, window, free_at, now)?),
            }
        })
    }

    fn give_window_back<'a>(
        &'a self,
        name: &'a str,
        _: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        let (name, entry) = (format!("window {name}"), entry.clone());
        self.write(None, move |tx| end_lease(tx, &name, entry.as_str()))
    }

    fn take_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        let call_id = call_id.clone();
        self.write(now, move |tx| lease(tx, (SLOTS, call_id.as_str()), limit, lease_end, now))
    }

    fn free_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()> {
        let call_id = call_id.clone();
        self.write(None, move |tx| end_lease(tx, SLOTS, call_id.as_str()))
    }

    fn take_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        let (name, entry) = (name.to_owned(), entry.clone());
        self.write(now, move |tx| day(tx, (&name, entry.as_str()), limit, now))
    }

    fn give_day_back<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (name, entry) = (name.to_owned(), entry.clone());
        self.write(now, move |tx| {
            let at: Option<i64> = tx
                .prepare_cached(
                    "DELETE FROM day_entry WHERE name = ?1 AND entry = ?2 RETURNING at",
                )?
                .query_row(params![name, entry.as_str()], |row| row.get(0))
                .optional()?;
            let Some(at) = at.map(Timestamp::from_millis) else { return Ok(()) };
            tx.prepare_cached("UPDATE day SET n = n - 1 WHERE name = ?1 AND hour = ?2")?
                .execute(params![name, DayHours::of(at)])
                .map(|_| ())
        })
    }
}

/// One more in this hour, unless the 24 hours are full.
fn day(
    tx: &Transaction<'_>,
    (name, entry): (&str, &str),
    limit: u32,
    now: Timestamp,
) -> Result<Taken> {
    tx.prepare_cached("DELETE FROM day WHERE name = ?1 AND hour < ?2")?
        .execute(params![name, DayHours::oldest(now)])?;
    tx.prepare_cached("DELETE FROM day_entry WHERE name = ?1 AND at < ?2")?
        .execute(params![name, entries_since(now)])?;
    let is_ours = tx
        .prepare_cached("SELECT 1 FROM day_entry WHERE name = ?1 AND entry = ?2")?
        .exists(params![name, entry])?;
    if is_ours {
        return Ok(Taken::Yes);
    }
    let hours: Vec<(i64, i64)> = tx
        .prepare_cached("SELECT hour, n FROM day WHERE name = ?1")?
        .query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    if let Some(free_at) = DayHours::new(hours, now).full(limit, now) {
        return Ok(Taken::No { free_at });
    }
    tx.prepare_cached(
        "INSERT INTO day (name, hour, n) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET n = n + 1",
    )?
    .execute(params![name, DayHours::of(now)])?;
    tx.prepare_cached("INSERT INTO day_entry (name, entry, at) VALUES (?1, ?2, ?3)")?
        .execute(params![name, entry, now.as_millis()])?;
    Ok(Taken::Yes)
}

/// Older entries of a day are forgotten.
pub(super) fn entries_since(now: Timestamp) -> i64 {
    let kept = i64::try_from(DAY_ENTRY_KEPT.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(kept)
}

impl Keys for Sqlite {
    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow> {
        let (claim, expires_at) = (claim.clone(), self.expiry(now));
        self.write(now, move |tx| {
            tx.prepare_cached("DELETE FROM key WHERE name = ?1 AND expires_at <= ?2")?
                .execute(params![claim.key, now.as_millis()])?;
            tx.prepare_cached(
                "INSERT INTO key (name, fingerprint, owner, call_id, claimed_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                claim.key,
                claim.fingerprint,
                claim.owner.as_str(),
                claim.call_id.as_str(),
                now.as_millis(),
                expires_at,
            ])?;
            // The row was written or found in this very transaction.
            let found = key_row(tx, &claim.key, now)?;
            Ok(found.unwrap_or(KeyRow { claim, claimed_at: now, is_unknown: false }))
        })
    }

    fn find_key<'a>(&'a self, key: &'a str, now: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        let key = key.to_owned();
        self.read(move |tx| key_row(tx, &key, now))
    }

    fn doubt_key<'a>(&'a self, claim: &'a KeyClaim, _: Timestamp) -> StoreFuture<'a, ()> {
        let claim = claim.clone();
        self.write(None, move |tx| {
            tx.execute(
                "UPDATE key SET is_unknown = 1 WHERE name = ?1 AND owner = ?2",
                params![claim.key, claim.owner.as_str()],
            )
            .map(|_| ())
        })
    }

    fn release_key<'a>(&'a self, claim: &'a KeyClaim) -> StoreFuture<'a, ()> {
        let claim = claim.clone();
        self.write(None, move |tx| {
            tx.execute(
                "DELETE FROM key WHERE name = ?1 AND owner = ?2",
                params![claim.key, claim.owner.as_str()],
            )
            .map(|_| ())
        })
    }
}

fn key_row(tx: &Transaction<'_>, key: &str, now: Timestamp) -> Result<Option<KeyRow>> {
    tx.prepare_cached(
        "SELECT fingerprint, owner, call_id, claimed_at, is_unknown FROM key
         WHERE name = ?1 AND expires_at > ?2",
    )?
    .query_row(params![key, now.as_millis()], |row| {
        let (owner, call_id): (String, String) = (row.get(1)?, row.get(2)?);
        // What we wrote ourselves parses; if not, the row blocks its key.
        let call_id = CallId::parse(&call_id).map_err(|_| rusqlite::Error::InvalidQuery)?;
        let (fingerprint, owner) = (row.get(0)?, Nonce::from_text(&owner));
        Ok(KeyRow {
            claim: KeyClaim { key: key.to_owned(), fingerprint, owner, call_id },
            claimed_at: Timestamp::from_millis(row.get(3)?),
            is_unknown: row.get(4)?,
        })
    })
    .optional()
}
