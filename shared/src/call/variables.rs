//! Dynamic variables: what a caller of make-call wants the agent to know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// At most this many names (`interface.md`).
const MAX_NAMES: usize = 50;
/// At most this many bytes of JSON (`interface.md`).
const MAX_BYTES: usize = 8 * 1024;

/// The values ElevenLabs takes: no objects, no arrays, no null (`elevenlabs.md` 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// Any JSON number, as a 64-bit integer or float holds it: send long ids as text.
    Number(Number),
    /// Text.
    Text(String),
}

/// Names and values for the agent, within the limits of `interface.md`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DynamicVariables(BTreeMap<String, Scalar>);

/// Why variables were refused; `Display` is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidVariables {
    /// More than 50 names or 8 KiB of JSON.
    TooLarge,
    /// An empty name.
    EmptyName,
    /// `call_id` is ours, `system__...` is ElevenLabs'.
    ReservedName(String),
    /// Null, an array or an object.
    NotScalar(String),
}

impl std::fmt::Display for InvalidVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge => f.write_str("dynamicVariables takes at most 50 names and 8 KiB"),
            Self::EmptyName => f.write_str("dynamicVariables must not have an empty name"),
            Self::ReservedName(name) => {
                write!(f, "dynamicVariables: the name {name:?} is reserved (call_id, system__...)")
            }
            Self::NotScalar(name) => {
                write!(f, "dynamicVariables: {name:?} must be a string, a number or a bool")
            }
        }
    }
}

impl DynamicVariables {
    /// Takes a JSON object apart.
    pub fn parse(object: &Map<String, Value>) -> Result<Self, InvalidVariables> {
        let bytes = serde_json::to_vec(object).map_or(usize::MAX, |json| json.len());
        if object.len() > MAX_NAMES || bytes > MAX_BYTES {
            return Err(InvalidVariables::TooLarge);
        }
        object
            .iter()
            .map(|(name, value)| Ok((allowed_name(name)?, scalar(name, value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there is nothing the agent must be told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Scalar)> {
        self.0.iter()
    }
}

impl std::fmt::Debug for DynamicVariables {
    /// Values are what somebody wants to say to a person: personal data, never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn allowed_name(name: &str) -> Result<String, InvalidVariables> {
    if name.is_empty() {
        Err(InvalidVariables::EmptyName)
    } else if name == "call_id" || name.starts_with("system__") {
        Err(InvalidVariables::ReservedName(name.chars().take(40).collect()))
    } else {
        Ok(name.to_owned())
    }
}

fn scalar(name: &str, value: &Value) -> Result<Scalar, InvalidVariables> {
    match value {
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::Number(value) => Ok(Scalar::Number(value.clone())),
        Value::String(value) => Ok(Scalar::Text(value.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(InvalidVariables::NotScalar(name.chars().take(40).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<DynamicVariables, InvalidVariables> {
        DynamicVariables::parse(value.as_object().unwrap())
    }

    #[test]
    fn strings_numbers_and_bools_keep_their_type() {
        let given = json!({"name": "Jane & Co", "attempt": 1, "score": 0.5, "vip": true});
        let parsed = parse(given.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), given);
    }

    #[test]
    fn reserved_and_empty_names_are_refused() {
        assert!(matches!(parse(json!({"call_id": 1})), Err(InvalidVariables::ReservedName(_))));
        assert!(matches!(parse(json!({"system__x": 1})), Err(InvalidVariables::ReservedName(_))));
        assert_eq!(parse(json!({"": 1})), Err(InvalidVariables::EmptyName));
    }

    #[test]
    fn null_arrays_and_objects_are_refused() {
        for value in [json!(null), json!([]), json!({})] {
            assert!(matches!(parse(json!({"a": value})), Err(InvalidVariables::NotScalar(_))));
        }
    }

    #[test]
    fn fifty_names_pass_and_fifty_one_do_not() {
        let names = |n: usize| Value::Object((0..n).map(|i| (format!("n{i}"), json!(i))).collect());
        assert!(parse(names(50)).is_ok());
        assert_eq!(parse(names(51)), Err(InvalidVariables::TooLarge));
        assert_eq!(parse(json!({"a": "x".repeat(MAX_BYTES)})), Err(InvalidVariables::TooLarge));
    }

    #[test]
    fn values_never_print() {
        let secret = parse(json!({"plan": "hidden-value"})).unwrap();
        assert_eq!(format!("{secret:?}"), "{\"plan\"}");
    }
}
