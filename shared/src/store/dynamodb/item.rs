//! Items: their keys, their attributes, and how long they live.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::call::Timestamp;
use crate::store::{Row, RowKey};

/// Before the names of rows; IAM policies name these prefixes.
pub(super) const CALL: &str = "CALL#";
const VARIABLES: &str = "VARS#";
const KEY: &str = "KEY#";
pub(super) const WINDOW: &str = "WIN#";

/// The key of a row. Turns are a kind of window to IAM.
pub(super) fn key(row: &RowKey) -> String {
    match row {
        RowKey::Call(name) => format!("{CALL}{name}"),
        RowKey::Variables(name) => format!("{VARIABLES}{name}"),
        RowKey::Key(name) => format!("{KEY}{name}"),
        RowKey::Turn(name) => format!("{WINDOW}{name}"),
    }
}

/// The table's key.
pub(super) const PK: &str = "pk";
/// The index of calls by age, and its keys: [`LISTED`], then the millisecond and the call's name.
pub(super) const RECENT: &str = "recent";
pub(super) const GPK: &str = "gpk";
pub(super) const GSK: &str = "gsk";
/// The one partition of the index, so that one request reads the newest calls however old they are.
/// A partition for each day would not spread the load: at any moment all writes go to one day.
/// Earlier versions had those, `D#<day>`, and IAM policies name the prefix.
pub(super) const LISTED: &str = "D#all";
/// When DynamoDB may delete the item, epoch seconds. It takes days over it.
pub(super) const TTL: &str = "ttl";
/// When the item is gone for us, epoch milliseconds.
pub(super) const UNTIL: &str = "until";

/// A row as DynamoDB gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A text attribute.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A time, comparable as a number.
pub(super) fn millis(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millis().to_string())
}

/// A time for [`TTL`]: not before `at`.
pub(super) fn ttl_seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N((at.as_millis() / 1000 + 1).to_string())
}

/// A text attribute's text.
pub(super) fn get_text<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

/// A number attribute's number.
pub(super) fn get_number(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

/// A time attribute's time.
pub(super) fn get_time(item: &Item, attribute: &str) -> Option<Timestamp> {
    get_number(item, attribute).map(Timestamp::from_millis)
}

/// Whether the item counts as gone.
pub(super) fn is_expired(item: &Item, now: Timestamp) -> bool {
    get_time(item, UNTIL).is_some_and(|until| until <= now)
}

/// A number of thirteen digits, so that text compares as the number does until the year 2286.
pub(super) fn sortable(at: Timestamp) -> String {
    format!("{:013}", at.as_millis())
}

/// The day of a time, as earlier versions wrote it into [`GPK`].
pub(super) fn day(at: Timestamp) -> i64 {
    at.as_millis() / (24 * 60 * 60 * 1000)
}

/// A number.
pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An item as a row.
pub(super) fn row(item: &Item) -> Row {
    let text =
        |value: &AttributeValue| value.as_s().or_else(|_| value.as_n()).ok().map(String::to_owned);
    let is_field = |name: &str| ![PK, GPK, GSK, TTL, UNTIL].contains(&name);
    let fields = item.iter().filter(|(name, _)| is_field(name));
    let listed = get_text(item, GSK).and_then(|key| key.split('#').next()?.parse().ok());
    Row {
        created_at: listed.map(Timestamp::from_millis),
        expires_at: get_time(item, UNTIL),
        fields: fields.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
    }
}
