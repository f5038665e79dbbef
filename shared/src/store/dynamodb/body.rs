//! An observation as the value of one attribute: `<delivery>|<milliseconds>|<fact>`.
//!
//! A write is billed by the size of the whole item, twice as much from 1,025 bytes on, so nothing is
//! written that the attribute's name or the item's key says already (`stores.md` 9).

use serde_json::{Map, Value, json};

use crate::call::{CallId, Observation};
use crate::store::record::decode;
use crate::store::{Nonce, StoreError};

/// The intent's own key.
pub(super) const META: &str = "meta";

/// How much of a delivery's nonce is kept: enough to tell the deliveries of one event apart.
const DELIVERY_DIGITS: usize = 8;

/// Whether an attribute is an observation: keys have a `#`, no other attribute has.
pub(super) fn is_observation(attribute: &str) -> bool {
    attribute == META || attribute.contains('#')
}

/// The part of a nonce that is kept; nothing for writes that need none.
pub(super) fn delivery_mark(delivery: &Nonce) -> &str {
    delivery.as_str().get(..DELIVERY_DIGITS).unwrap_or_default()
}

/// Whether this very delivery wrote the body.
pub(super) fn is_from(body: &str, mark: &str) -> bool {
    !mark.is_empty() && body.split('|').next() == Some(mark)
}

/// Writes an observation down. The intent's variables and `callId` are kept elsewhere.
pub(super) fn pack(key: &str, seen: &Observation, mark: &str) -> Result<String, StoreError> {
    let mut fact = serde_json::to_value(&seen.fact).map_err(StoreError::new)?;
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
    Ok(format!("{mark}|{}|{fact}", seen.at.as_millis()))
}

/// Reads back what [`pack`] wrote, `call_id` and `variables` put into an intent. One that cannot be
/// read is left out.
pub(super) fn unpack(
    key: &str,
    body: &str,
    call_id: Option<&CallId>,
    variables: Option<&str>,
) -> Option<Observation> {
    let expanded = expand(key, body, call_id, variables);
    decode(key, expanded.as_deref().unwrap_or_default())
}

/// The observation's own JSON again.
fn expand(
    key: &str,
    body: &str,
    call_id: Option<&CallId>,
    variables: Option<&str>,
) -> Option<String> {
    let mut body = body.splitn(3, '|').skip(1);
    let at = body.next()?;
    let mut fact: Value = serde_json::from_str(body.next()?).ok()?;
    if let Some(fields) = fields(&mut fact) {
        let parts: Vec<&str> = key.split('#').collect();
        for field in fields.values_mut() {
            if let Some(part) = field.get(0).and_then(Value::as_u64) {
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
fn fields(fact: &mut Value) -> Option<&mut Map<String, Value>> {
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
            r#"{"t":1,"f":{"s":{"s":"odd #1|x","e":"stream-error","x":"31921 | [1] #2"}}}"#
                .to_owned(),
            format!(r#"{{"t":1,"f":{{"r":{{"r":"{re}","s":"completed","d":12,"c":2}}}}}}"#),
        ] {
            let seen = seen(&text);
            let body = pack(&seen.key(), &seen, "").unwrap();
            assert!(is_observation(&seen.key()) && !is_from(&body, ""));
            assert_eq!(unpack(&seen.key(), &body, None, None).unwrap(), seen, "{body}");
        }
    }
}
