//! The rows: one call, its observations, its answer.

use rusqlite::{Error, OptionalExtension, Result, Transaction, params};

use crate::call::{CallId, CallRef, CallSid, Observation, Timestamp};
use crate::store::record::decode;
use crate::store::{Lookup, Record};

/// Finds the call by whichever of its names is known, or creates it, and links its two names.
pub(super) fn create(
    tx: &Transaction<'_>,
    call: &CallRef,
    now: Timestamp,
    expires_at: i64,
) -> Result<i64> {
    let call_id = call.call_id().map(CallId::as_str);
    let call_sid = call.call_sid().map(CallSid::as_str);
    // What has expired must not be found again.
    let expired = "DELETE FROM call WHERE expires_at <= ?1 AND (call_id = ?2 OR call_sid = ?3)";
    tx.prepare_cached(expired)?.execute(params![now.as_millis(), call_id, call_sid])?;
    let by_sid = row_of(tx, "SELECT id FROM call WHERE call_sid = ?1", call_sid)?;
    // One dial makes one call: a second SID under our id is somebody else's call.
    let is_taken = "SELECT id FROM call WHERE call_id = ?1 AND call_sid <> ?2";
    let taken = tx
        .prepare_cached(is_taken)?
        .query_row(params![call_id, call_sid], |row| row.get::<_, i64>(0))
        .optional()?;
    let call_id = call_id.filter(|_| taken.is_none());
    let by_id = row_of(tx, "SELECT id FROM call WHERE call_id = ?1", call_id)?;
    match (by_id, by_sid) {
        (None, None) => {
            tx.prepare_cached(
                "INSERT INTO call (call_id, call_sid, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![call_id, call_sid, now.as_millis(), expires_at])?;
            Ok(tx.last_insert_rowid())
        }
        (Some(id), Some(other)) if id != other => merge(tx, id, other),
        (Some(id), _) | (None, Some(id)) => {
            tx.prepare_cached(
                "UPDATE call SET call_id = ifnull(call_id, ?2), call_sid = ifnull(call_sid, ?3)
                 WHERE id = ?1 AND (call_id IS NULL OR call_sid IS NULL)",
            )?
            .execute(params![id, call_id, call_sid])?;
            Ok(id)
        }
    }
}

fn row_of(tx: &Transaction<'_>, sql: &str, name: Option<&str>) -> Result<Option<i64>> {
    let Some(name) = name else { return Ok(None) };
    tx.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()
}

/// Two rows turned out to be one call: a callback without our `callId` came before the link. The
/// set only grows, so joining is a union. A row that has both its names already stays alone.
fn merge(tx: &Transaction<'_>, ours: i64, named: i64) -> Result<i64> {
    let is_free: bool = tx.query_row(
        "SELECT (SELECT call_sid IS NULL FROM call WHERE id = ?1)
            AND (SELECT call_id IS NULL FROM call WHERE id = ?2)",
        [ours, named],
        |row| row.get(0),
    )?;
    if !is_free {
        // Two dials cannot share a call: the name that Twilio gave decides.
        return Ok(named);
    }
    let (sid, created_at, expires_at) = tx.query_row(
        "SELECT call_sid, created_at, expires_at FROM call WHERE id = ?1",
        [named],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
    )?;
    tx.execute("UPDATE OR IGNORE observation SET call = ?1 WHERE call = ?2", [ours, named])?;
    tx.execute("UPDATE OR IGNORE answer SET call = ?1 WHERE call = ?2", [ours, named])?;
    tx.execute("DELETE FROM call WHERE id = ?1", [named])?;
    tx.execute(
        "UPDATE call SET call_sid = ?2, created_at = min(created_at, ?3),
            expires_at = min(expires_at, ?4) WHERE id = ?1",
        params![ours, sid, created_at, expires_at],
    )?;
    Ok(ours)
}

/// Adds an observation; `true` if its key is new, or was written by this very delivery.
pub(super) fn insert(
    tx: &Transaction<'_>,
    call: i64,
    seen: &Observation,
    delivery: &str,
) -> Result<bool> {
    let body = serde_json::to_string(seen)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    tx.prepare_cached(
        "INSERT INTO observation (call, key, body, delivery) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![call, seen.key(), body, delivery])?;
    tx.prepare_cached("SELECT 1 FROM observation WHERE call = ?1 AND key = ?2 AND delivery = ?3")?
        .exists(params![call, seen.key(), delivery])
}

/// Everything known of a call.
pub(super) fn record(tx: &Transaction<'_>, call: i64) -> Result<Record> {
    let (call_id, call_sid) = tx
        .prepare_cached("SELECT call_id, call_sid FROM call WHERE id = ?1")?
        .query_row([call], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?))
        })?;
    let mut statement =
        tx.prepare_cached("SELECT key, body FROM observation WHERE call = ?1 ORDER BY key")?;
    let rows = statement
        .query_map([call], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut observations = Vec::new();
    for row in rows {
        let (key, body) = row?;
        observations.extend(decode(&key, &body));
    }
    Ok(Record {
        call_id: call_id.and_then(|text| CallId::parse(&text).ok()),
        call_sid: call_sid.and_then(|text| CallSid::parse(&text).ok()),
        observations,
    })
}

/// The row of a call that has not expired.
pub(super) fn find(tx: &Transaction<'_>, by: &Lookup, now: Timestamp) -> Result<Option<i64>> {
    let (sql, name) = match by {
        Lookup::CallId(id) => {
            ("SELECT id FROM call WHERE call_id = ?1 AND expires_at > ?2", id.as_str())
        }
        Lookup::CallSid(sid) => {
            ("SELECT id FROM call WHERE call_sid = ?1 AND expires_at > ?2", sid.as_str())
        }
    };
    tx.prepare_cached(sql)?.query_row(params![name, now.as_millis()], |row| row.get(0)).optional()
}

/// The newest calls that have not expired.
pub(super) fn newest(tx: &Transaction<'_>, limit: u32, now: Timestamp) -> Result<Vec<i64>> {
    tx.prepare_cached(
        "SELECT id FROM call WHERE expires_at > ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
    )?
    .query_map(params![now.as_millis(), limit], |row| row.get(0))?
    .collect()
}

/// Claims the answer if nobody has; tells the owner and the TwiML, if any.
pub(super) fn claim(
    tx: &Transaction<'_>,
    call: i64,
    nonce: &str,
) -> Result<(String, Option<String>)> {
    tx.prepare_cached("INSERT INTO answer (call, owner) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![call, nonce])?;
    tx.prepare_cached("SELECT owner, twiml FROM answer WHERE call = ?1")?
        .query_row([call], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Keeps the TwiML; the first one wins, and a claim is not needed (the store was down then).
pub(super) fn keep_twiml(tx: &Transaction<'_>, call: i64, twiml: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO answer (call, owner, twiml) VALUES (?1, '', ?2)
         ON CONFLICT DO UPDATE SET twiml = ifnull(twiml, excluded.twiml)",
    )?
    .execute(params![call, twiml])
    .map(|_| ())
}
