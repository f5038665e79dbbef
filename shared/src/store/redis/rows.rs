//! Rows as hashes: their names, what a write says to its script, and what a hash shows.
//!
//! Everything begins with `cl:`: a marketplace's database is often the app's own as well.

use std::collections::BTreeMap;

use super::reply::{Reply, unexpected};
use super::scripts;
use super::transport::Command;
use crate::call::Timestamp;
use crate::store::{Listing, Put, Row, RowKey, Set, StoreError, When, Written};

/// Before either name of a call.
pub(super) const CALL: &str = "cl:call:";
/// A sorted set of the calls' keys by their time of creation.
pub(super) const CALLS: &str = "cl:calls";

/// In every hash that expires: `<created ms> <expires ms>`. One field, because the server compares it.
const BORN: &str = "born";

/// What fields of a call's rows are called here, as in the versions before.
const NAMES: [(&str, &str); 3] = [("call", "id"), ("claim", "v#claim"), ("twiml", "v#twiml")];

/// A key's claim is one field, as in the versions before: `<owner>|<callId>|<fingerprint>`. It was made when
/// its hash was.
const CLAIM: &str = "claim";
const CLAIM_PARTS: [&str; 3] = ["owner", "call_id", "fingerprint"];
const CLAIMED_AT: &str = "claimed_at";

const SECOND: i64 = 1000;
/// How much longer Redis keeps what has expired by our clocks: its own expiry only collects garbage.
pub(super) const GARBAGE: i64 = 7 * 24 * 60 * 60 * SECOND;

pub(super) fn key(row: &RowKey) -> String {
    match row {
        RowKey::Call(name) => format!("{CALL}{name}"),
        RowKey::Variables(name) => format!("cl:vars:{name}"),
        RowKey::Key(name) => format!("cl:key:{name}"),
        RowKey::Turn(name) => format!("cl:turn:{name}"),
    }
}

pub(super) fn set_key(set: &Set) -> String {
    match set {
        Set::Slots => "cl:slots".to_owned(),
        Set::Window(name) => format!("cl:win:{name}"),
    }
}

pub(super) fn day_key(name: &str) -> String {
    format!("cl:day:{name}")
}

fn written_name(row: &RowKey, field: &str) -> String {
    let known = NAMES.iter().filter(|_| matches!(row, RowKey::Call(_)));
    let renamed = known.clone().find(|(name, _)| *name == field);
    renamed.map_or(field, |(_, written)| written).to_owned()
}

/// The condition that a field has a value: field, kind, value.
fn condition(row: &RowKey, field: &str, value: &str) -> [String; 3] {
    if matches!(row, RowKey::Key(_)) && CLAIM_PARTS.first() == Some(&field) {
        return [CLAIM.to_owned(), "begins".to_owned(), format!("{value}|")];
    }
    [written_name(row, field), "is".to_owned(), value.to_owned()]
}

/// The script's call.
pub(super) fn delete(row: &RowKey, field: &str, value: &str) -> Command {
    Command::eval(scripts::DELETE, vec![key(row)], condition(row, field, value).into())
}

/// The script's call.
pub(super) fn put(put: &Put, now: Timestamp) -> Command {
    let millis = |at: Timestamp| at.as_millis().to_string();
    let (listing, at, until) = match put.listing {
        Listing::Unchanged => ("", now, now),
        Listing::Listed(at) => ("listed", at, now),
        Listing::Older(at, until) => ("older", at, until),
        Listing::Unlisted => ("unlisted", now, now),
    };
    let born = put.expires_at.map(|expires| format!("{} {}", at.as_millis(), expires.as_millis()));
    let left = put.expires_at.unwrap_or(now).as_millis().saturating_sub(now.as_millis());
    let mut arguments = vec![
        millis(now),
        if put.is_new { "1".to_owned() } else { String::new() },
        born.unwrap_or_default(),
        (left.saturating_add(GARBAGE) / SECOND).to_string(),
        listing.to_owned(),
        millis(at),
        millis(until),
    ];
    let name = |field: &str| written_name(&put.row, field);
    arguments.push(put.when.len().to_string());
    for (field, wanted) in &put.when {
        arguments.extend(match wanted {
            When::Absent => [name(field), "absent".to_owned(), String::new()],
            When::Is(value) => condition(&put.row, field, &value.to_text()),
            When::AbsentOrIs(value) => [name(field), "either".to_owned(), value.to_text()],
        });
    }
    arguments.push(put.once.len().to_string());
    arguments.extend(put.once.iter().flat_map(|(field, value)| [name(field), value.to_text()]));
    let mut set: BTreeMap<String, String> =
        put.set.iter().map(|(field, value)| (name(field), value.to_text())).collect();
    if matches!(put.row, RowKey::Key(_))
        && let [Some(owner), Some(call_id), Some(fingerprint)] =
            CLAIM_PARTS.map(|part| set.remove(part))
    {
        set.remove(CLAIMED_AT);
        set.insert(CLAIM.to_owned(), format!("{owner}|{call_id}|{fingerprint}"));
    }
    arguments.push(set.len().to_string());
    arguments.extend(set.into_iter().flat_map(|(field, value)| [field, value]));
    arguments.push(put.remove.len().to_string());
    arguments.extend(put.remove.iter().map(|field| name(field)));
    let keys = [Some(CALLS.to_owned()), Some(key(&put.row)), put.beside.as_ref().map(key)];
    Command::eval(scripts::PUT, keys.into_iter().flatten().collect(), arguments)
}

/// The script's reply.
pub(super) fn written(put: &Put, reply: Reply, now: Timestamp) -> Result<Written, StoreError> {
    let mut parts = reply.list()?.into_iter();
    let (Some(is_done), Some(before), beside) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unexpected());
    };
    let beside = match (&put.beside, beside) {
        (Some(key), Some(reply)) => Some(read(key, reply, now)?.unwrap_or_default()),
        _ => None,
    };
    let is_done = is_done.text()?.as_deref() == Some("1");
    Ok(Written { is_done, before: read(&put.row, before, now)?.unwrap_or_default(), beside })
}

/// The reply of HGETALL as a row, if it is there and has not expired: compared by our clock, Redis' own comes
/// much later.
pub(super) fn read(key: &RowKey, reply: Reply, now: Timestamp) -> Result<Option<Row>, StoreError> {
    let mut words = reply.list()?.into_iter();
    let mut fields = BTreeMap::new();
    while let Some(name) = words.next() {
        let value = words.next().ok_or_else(unexpected)?;
        let (name, value) = (name.text()?, value.text()?);
        fields.insert(name.ok_or_else(unexpected)?, value.ok_or_else(unexpected)?);
    }
    if fields.is_empty() {
        return Ok(None);
    }
    let born = fields.remove(BORN);
    let (created, expires) = born.as_deref().and_then(|born| born.split_once(' ')).unzip();
    let at = |millis: Option<&str>| Some(Timestamp::from_millis(millis?.parse().ok()?));
    let (created_at, expires_at) = (at(created), at(expires));
    if expires_at.is_some_and(|expires| expires <= now) {
        return Ok(None);
    }
    match key {
        RowKey::Call(_) => {
            for (name, written) in NAMES {
                fields.remove(written).and_then(|value| fields.insert(name.to_owned(), value));
            }
        }
        RowKey::Key(_) => {
            let claim = fields.remove(CLAIM).unwrap_or_default();
            fields.extend(CLAIM_PARTS.iter().zip(claim.splitn(3, '|')).map(owned));
            let claimed_at = created_at.map(|at| at.as_millis().to_string());
            fields.extend(claimed_at.iter().map(|at| owned((&CLAIMED_AT, at))));
        }
        RowKey::Variables(_) | RowKey::Turn(_) => {}
    }
    Ok(Some(Row { created_at, expires_at, fields }))
}

fn owned((name, value): (&&str, &str)) -> (String, String) {
    ((*name).to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(fields: &[(&str, &str)]) -> Reply {
        let text = |text: &&str| Reply::Text((*text).to_owned());
        Reply::List(fields.iter().flat_map(|(name, value)| [text(name), text(value)]).collect())
    }

    fn row(key: &RowKey, fields: &[(&str, &str)], now: i64) -> Option<Row> {
        read(key, hash(fields), Timestamp::from_millis(now)).unwrap()
    }

    #[test]
    fn a_hash_is_over_at_its_expiry_and_not_before() {
        let key = RowKey::Call("x".to_owned());
        let fields = [(BORN, "5 10")];
        let alive = row(&key, &fields, 9).unwrap();
        assert_eq!(alive.created_at, Some(Timestamp::from_millis(5)));
        assert_eq!(alive.expires_at, Some(Timestamp::from_millis(10)));
        assert_eq!((row(&key, &fields, 10), row(&key, &[], 0)), (None, None));
        assert_eq!(row(&key, &[("sid", "y")], 10).unwrap().get("sid"), Some("y"), "not begun yet");
    }

    #[test]
    fn a_reply_that_is_no_hash_is_an_error() {
        let text = |text: &str| Reply::Text(text.to_owned());
        let key = RowKey::Call("x".to_owned());
        for bad in [text("x"), Reply::Nil, Reply::List(vec![text("odd")])] {
            assert!(read(&key, bad, Timestamp::from_millis(0)).is_err());
        }
    }

    #[test]
    fn a_claim_gives_back_what_it_was_made_of() {
        let key = RowKey::Key("k".to_owned());
        let claim = Put::to(key.clone()).set("owner", "0a").set("call_id", "0b");
        let claim = claim.set("fingerprint", "a|b c").set(CLAIMED_AT, 5);
        let Command(words) = put(&claim, Timestamp::from_millis(5));
        let at = words.iter().position(|word| word == CLAIM).unwrap();
        assert_eq!((words[at - 1].as_str(), words[at + 1].as_str()), ("1", "0a|0b|a|b c"));
        let found = row(&key, &[(CLAIM, &words[at + 1]), (BORN, "5 9")], 6).unwrap();
        let expected =
            [("owner", "0a"), ("call_id", "0b"), ("fingerprint", "a|b c"), (CLAIMED_AT, "5")];
        assert_eq!(found.fields, expected.map(|(name, value)| (name.into(), value.into())).into());
        assert_eq!(condition(&key, "owner", "0a"), [CLAIM, "begins", "0a|"]);
    }
}
