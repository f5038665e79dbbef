//! Rows: what a table holds, what one write asks of it, and how an observation is written down.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{Nonce, StoreError};
use crate::call::{CallId, Observation, Timestamp};

/// The name of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// A call, by our `callId` or by Twilio's `CallSid`. These rows can be listed.
    Call(String),
    /// The dynamic variables of a call, by its `callId`.
    Variables(String),
    /// An idempotency key, by its hash.
    Key(String),
    /// Something that is done once in a while, by what it is about.
    Turn(String),
}

/// A row as a table gives it. Numbers are text here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its place in the list of the newest, if it ever had one.
    pub created_at: Option<Timestamp>,
    /// From when on it counts as gone.
    pub expires_at: Option<Timestamp>,
    /// Everything else.
    pub fields: BTreeMap<String, String>,
}

impl Row {
    /// A field's value.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }
}

/// The value of a field. DynamoDB tells a number from its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any text.
    Text(String),
    /// A whole number.
    Number(i64),
}

impl Value {
    /// The text, or the number's digits.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The field is not there.
    Absent,
    /// The field has this value.
    Is(Value),
    /// The field is not there, or has this value.
    AbsentOrIs(Value),
}

/// What a write does with the row's place in the list of the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// Nothing.
    #[default]
    Unchanged,
    /// Lists the row at this time, unless it has a place.
    Listed(Timestamp),
    /// Lists the row at this time whatever its place was, and has it expire at the second one.
    Older(Timestamp, Timestamp),
    /// Takes the row out of the list. Its age stays.
    Unlisted,
}

/// One atomic write to one row, safe to repeat. A row that has expired is deleted first, never extended.
#[derive(Clone, Debug)]
pub struct Put {
    /// Which row. It is created if need be.
    pub row: RowKey,
    /// Fields whose first value wins.
    pub once: Vec<(String, Value)>,
    /// Fields whose last value wins.
    pub set: Vec<(&'static str, Value)>,
    /// Fields that go.
    pub remove: Vec<&'static str>,
    /// All of these must hold, or nothing is written.
    pub when: Vec<(&'static str, When)>,
    /// Whether the row must be new: not there, or expired. [`remove`](Self::remove) then names every field
    /// that `set` does not.
    pub is_new: bool,
    /// Its place in the list.
    pub listing: Listing,
    /// When the row expires, unless it says so already.
    pub expires_at: Option<Timestamp>,
    /// Another row, which the same operation reads where that costs no further request.
    pub beside: Option<RowKey>,
}

impl Put {
    /// A write that changes nothing yet.
    #[must_use]
    pub fn to(row: RowKey) -> Self {
        let (once, set, remove, when) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let listing = Listing::Unchanged;
        Self {
            row,
            once,
            set,
            remove,
            when,
            is_new: false,
            listing,
            expires_at: None,
            beside: None,
        }
    }

    /// Whether the row, if it is there, is as the write demands: for a table that has no conditions of its own.
    #[must_use]
    pub fn is_allowed(&self, found: Option<&Row>) -> bool {
        let holds = |(field, condition): &(&'static str, When)| {
            let known = found.and_then(|row| row.get(field));
            match condition {
                When::Absent => known.is_none(),
                When::Is(value) => known == Some(&*value.to_text()),
                When::AbsentOrIs(value) => known.is_none_or(|known| known == value.to_text()),
            }
        };
        !(self.is_new && found.is_some()) && self.when.iter().all(holds)
    }

    pub(super) fn once(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.once.push((field.to_owned(), value.into()));
        self
    }

    pub(super) fn set(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.set.push((field, value.into()));
        self
    }

    pub(super) fn when(mut self, field: &'static str, condition: When) -> Self {
        self.when.push((field, condition));
        self
    }

    pub(super) fn listing(mut self, listing: Listing) -> Self {
        self.listing = listing;
        self
    }

    pub(super) fn beside(mut self, row: RowKey) -> Self {
        self.beside = Some(row);
        self
    }
}

/// What became of a [`Put`].
#[derive(Clone, Debug)]
pub struct Written {
    /// Whether the conditions held, so that it was written.
    pub is_done: bool,
    /// The row as it was before; empty if it was not there.
    pub before: Row,
    /// The row beside it, as it was then; nothing where the table reads none.
    pub beside: Option<Row>,
}

/// The intent's own key.
pub(super) const META: &str = "meta";

/// How much of a delivery's nonce is kept: enough to tell the deliveries of one event apart.
const DELIVERY_DIGITS: usize = 8;

/// Whether a field is an observation: keys have a `#`, no other field has.
pub(super) fn is_observation(field: &str) -> bool {
    field == META || field.contains('#')
}

/// The part of a nonce that is kept with an observation.
pub(super) fn delivery_id(delivery: &Nonce) -> &str {
    delivery.as_str().get(..DELIVERY_DIGITS).unwrap_or(delivery.as_str())
}

/// Whether this very delivery wrote the body.
pub(super) fn is_from(body: &str, delivery: &str) -> bool {
    !delivery.is_empty() && body.split('|').next() == Some(delivery)
}

/// An observation as the value of a field: `<delivery>|<its JSON>`.
pub(super) fn write(seen: &Observation, delivery: &str) -> Result<String, StoreError> {
    let json = serde_json::to_string(seen)
        .map_err(|_| StoreError::new("an observation cannot be written"))?;
    Ok(format!("{delivery}|{json}"))
}

/// The same as `<delivery>|<milliseconds>|<fact>`, for a table that bills a write by the size of the whole
/// row: DynamoDB takes twice as much from 1,025 bytes on. So nothing is written that the field's name or
/// the row's key says already. The intent's variables and `callId` are kept elsewhere.
pub(super) fn pack(key: &str, seen: &Observation, delivery: &str) -> Result<String, StoreError> {
    let mut fact = serde_json::to_value(&seen.fact)
        .map_err(|_| StoreError::new("an observation cannot be written"))?;
    if let Some(fields) = fields(&mut fact) {
        if key == META {
            fields.remove("id");
            fields.remove("vars");
        }
        // What the key says becomes the number of its part, in brackets. No fact has lists.
        let parts: Vec<&str> = key.split('#').collect();
        for field in fields.values_mut() {
            let part = field.as_str().and_then(|text| parts.iter().rposition(|part| *part == text));
            if let Some(part) = part {
                *field = json!([part]);
            }
        }
    }
    Ok(format!("{delivery}|{}|{fact}", seen.at.as_millis()))
}

/// Reads back what [`write()`] or [`pack`] wrote, `call_id` and `variables` put into a packed intent. One that
/// cannot be read, as after a newer version wrote it during a deployment, is left out: the rest of the call
/// must not be lost with it. Its text is never logged.
pub(super) fn unpack(
    key: &str,
    body: &str,
    call_id: Option<&CallId>,
    variables: Option<&str>,
) -> Option<Observation> {
    let body = body.split_once('|').map_or("", |(_, body)| body);
    let seen = if body.starts_with('{') {
        serde_json::from_str(body).ok()
    } else {
        expand(key, body, call_id, variables).and_then(|text| serde_json::from_str(&text).ok())
    };
    if seen.is_none() {
        let kind = key.split('#').next();
        tracing::warn!(service = "store", kind, "an observation cannot be read");
    }
    seen
}

/// The JSON of a packed observation.
fn expand(
    key: &str,
    body: &str,
    call_id: Option<&CallId>,
    variables: Option<&str>,
) -> Option<String> {
    let (at, fact) = body.split_once('|')?;
    let mut fact: Json = serde_json::from_str(fact).ok()?;
    if let Some(fields) = fields(&mut fact) {
        let parts: Vec<&str> = key.split('#').collect();
        for field in fields.values_mut() {
            if let Some(part) = field.get(0).and_then(Json::as_u64) {
                *field = json!(parts.get(usize::try_from(part).ok()?)?);
            }
        }
        if key == META {
            fields.insert("id".to_owned(), json!(call_id?.as_str()));
            if let Some(variables) = variables {
                fields.insert("vars".to_owned(), serde_json::from_str(variables).ok()?);
            }
        }
    }
    Some(format!(r#"{{"t":{at},"f":{fact}}}"#))
}

/// The fields of a fact: `{"e": {fields}}`. A fact without any is a bare word.
fn fields(fact: &mut Json) -> Option<&mut Map<String, Json>> {
    fact.as_object_mut()?.values_mut().next()?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Observation {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_the_key_says_is_not_written_twice() {
        let ringing = seen(r#"{"t":1795341600123,"f":{"e":{"s":"ringing","n":1}}}"#);
        let body = pack(&ringing.key(), &ringing, "0a1b2c3d").unwrap();
        assert_eq!(body, r#"0a1b2c3d|1795341600123|{"e":{"n":1,"s":[2]}}"#);
        assert!(is_from(&body, "0a1b2c3d") && !is_from(&body, "0a1b2c3e"));
        assert_eq!(unpack(&ringing.key(), &body, None, None).unwrap(), ringing);
    }

    #[test]
    fn every_kind_of_fact_survives_even_with_the_separators_in_it() {
        let re = format!("RE{}", "0".repeat(32));
        for text in [
            r#"{"t":1,"f":"u"}"#.to_owned(),
            r#"{"t":1,"f":{"x":{"c":21211}}}"#.to_owned(),
            r#"{"t":1,"f":{"x":{}}}"#.to_owned(),
            r#"{"t":1,"f":{"a":{"b":"machine_start"}}}"#.to_owned(),
            r#"{"t":5,"f":{"a":{"b":"a|b"}}}"#.to_owned(),
            r#"{"t":1,"f":{"s":{"s":"odd #1|x","e":"stream-error","x":"31921 | [1] #2"}}}"#
                .to_owned(),
            format!(r#"{{"t":1,"f":{{"r":{{"r":"{re}","s":"completed","d":12,"c":2}}}}}}"#),
        ] {
            let seen = seen(&text);
            for body in [pack(&seen.key(), &seen, ""), write(&seen, ""), write(&seen, "abababab")] {
                let body = body.unwrap();
                assert!(is_observation(&seen.key()) && !is_from(&body, ""));
                assert_eq!(is_from(&body, "abababab"), body.starts_with('a'));
                assert_eq!(unpack(&seen.key(), &body, None, None).unwrap(), seen, "{body}");
            }
        }
    }

    #[test]
    fn an_observation_of_a_newer_version_is_left_out() {
        for (key, body) in [
            ("z#1", r#"|{"t":1,"f":{"zz":1}}"#),
            ("z#1", r#"|1|{"zz":1}"#),
            ("e#---#queued", r#"|{"t":"+12125550123"}"#),
            ("a#x", "abababab|{"),
            ("a#x", ""),
        ] {
            assert_eq!(unpack(key, body, None, None), None, "{body}");
        }
    }

    #[test]
    fn of_a_nonce_the_beginning_is_kept() {
        assert_eq!(delivery_id(&Nonce::new([0xab; 16])), "abababab");
        assert_eq!(delivery_id(&Nonce::from_text("1234")), "1234");
    }
}
