//! Rows and their fields.

use rusqlite::{OptionalExtension, Result, Row as Found, Transaction, params};

use crate::call::Timestamp;
use crate::store::{Listing, Put, Row, RowKey, Written};

fn name(row: &RowKey) -> String {
    match row {
        RowKey::Call(name) => format!("call {name}"),
        RowKey::Variables(name) => format!("vars {name}"),
        RowKey::Key(name) => format!("key {name}"),
        RowKey::Turn(name) => format!("turn {name}"),
    }
}

pub(super) fn put(tx: &Transaction<'_>, put: &Put, now: Timestamp) -> Result<Written> {
    let name = name(&put.row);
    // What has expired must not be found again.
    tx.prepare_cached("DELETE FROM row WHERE name = ?1 AND expires_at <= ?2")?
        .execute(params![name, now.as_millis()])?;
    let found = find(tx, &name, now)?;
    let is_done = put.is_allowed(found.as_ref());
    if is_done {
        change(tx, &name, put, found.as_ref())?;
    }
    let beside = put.beside.as_ref().map(|row| read(tx, row, now)).transpose()?;
    let beside = beside.map(Option::unwrap_or_default);
    Ok(Written { is_done, before: found.unwrap_or_default(), beside })
}

fn change(tx: &Transaction<'_>, name: &str, put: &Put, found: Option<&Row>) -> Result<()> {
    let (created_at, expires_at) =
        (found.and_then(|row| row.created_at), found.and_then(|row| row.expires_at));
    let expires_at = expires_at.or(put.expires_at);
    let (created_at, expires_at, is_listed) = match put.listing {
        Listing::Unchanged => (created_at, expires_at, None),
        Listing::Unlisted => (created_at, expires_at, Some(false)),
        Listing::Listed(at) => (created_at.or(Some(at)), expires_at, Some(true)),
        Listing::Older(at, until) => (Some(at), Some(until), Some(true)),
    };
    let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
    tx.prepare_cached(
        "INSERT INTO row (name, created_at, expires_at, is_listed) VALUES (?1, ?2, ?3, ifnull(?4, 0))
         ON CONFLICT DO UPDATE
            SET created_at = ?2, expires_at = ?3, is_listed = ifnull(?4, is_listed)",
    )?
    .execute(params![name, millis(created_at), millis(expires_at), is_listed])?;
    let mut once = tx.prepare_cached(
        "INSERT INTO field SELECT id, ?2, ?3 FROM row WHERE name = ?1 ON CONFLICT DO NOTHING",
    )?;
    for (field, value) in &put.once {
        once.execute(params![name, field, value.to_text()])?;
    }
    let mut set = tx.prepare_cached(
        "INSERT OR REPLACE INTO field SELECT id, ?2, ?3 FROM row WHERE name = ?1",
    )?;
    for (field, value) in &put.set {
        set.execute(params![name, field, value.to_text()])?;
    }
    let mut remove = tx.prepare_cached(
        "DELETE FROM field WHERE name = ?2 AND row = (SELECT id FROM row WHERE name = ?1)",
    )?;
    for field in &put.remove {
        remove.execute(params![name, field])?;
    }
    Ok(())
}

pub(super) fn delete(tx: &Transaction<'_>, row: &RowKey, field: &str, value: &str) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM row WHERE name = ?1
            AND EXISTS (SELECT 1 FROM field WHERE row = id AND field.name = ?2 AND value = ?3)",
    )?
    .execute(params![name(row), field, value])
    .map(|_| ())
}

pub(super) fn read(tx: &Transaction<'_>, row: &RowKey, now: Timestamp) -> Result<Option<Row>> {
    find(tx, &name(row), now)
}

fn find(tx: &Transaction<'_>, name: &str, now: Timestamp) -> Result<Option<Row>> {
    let found = tx
        .prepare_cached(
            "SELECT id, created_at, expires_at FROM row
             WHERE name = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
        )?
        .query_row(params![name, now.as_millis()], head)
        .optional()?;
    found.map(|(id, row)| with_fields(tx, id, row)).transpose()
}

/// The listed rows that have not expired, the newest first, and their names.
pub(super) fn newest(
    tx: &Transaction<'_>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<(String, Row)>> {
    let mut listed = tx.prepare_cached(
        "SELECT id, created_at, expires_at, name FROM row WHERE is_listed AND expires_at > ?1
         ORDER BY created_at DESC, id DESC LIMIT ?2",
    )?;
    let named = |found: &Found<'_>| Ok((head(found)?, found.get::<_, String>(3)?));
    let listed: Vec<_> =
        listed.query_map(params![now.as_millis(), limit], named)?.collect::<Result<_>>()?;
    let whole = |((id, row), name): ((i64, Row), String)| {
        let name = name.split_once(' ').map_or("", |(_, name)| name).to_owned();
        Ok((name, with_fields(tx, id, row)?))
    };
    listed.into_iter().map(whole).collect()
}

fn head(found: &Found<'_>) -> Result<(i64, Row)> {
    let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    let (created_at, expires_at) = (at(found.get(1)?), at(found.get(2)?));
    Ok((found.get(0)?, Row { created_at, expires_at, ..Row::default() }))
}

fn with_fields(tx: &Transaction<'_>, id: i64, row: Row) -> Result<Row> {
    let fields = tx
        .prepare_cached("SELECT name, value FROM field WHERE row = ?1")?
        .query_map([id], |found| Ok((found.get(0)?, found.get(1)?)))?
        .collect::<Result<_>>()?;
    Ok(Row { fields, ..row })
}
