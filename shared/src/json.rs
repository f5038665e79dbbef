//! JSON objects to the letter: each name once, each value as it was written.
//!
//! Parsing into a map of values would silently let the last of two equal names win, and round numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, by name. Values are JSON text that is well-formed but not yet read.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a>(BTreeMap<String, &'a RawValue>);

/// Why a text is not such an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotMembers {
    /// This name is there twice; cut to 40 characters.
    Doubled(String),
    /// Not JSON, or no object. Both count from 1.
    Malformed { line: usize, column: usize },
}

impl fmt::Display for NotMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubled(name) => write!(f, "has the name {name:?} twice"),
            Self::Malformed { line, column } => {
                write!(f, "is not a JSON object (line {line}, column {column})")
            }
        }
    }
}

impl<'a> Members<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, NotMembers> {
        let pairs: Pairs<'a> = serde_json::from_slice(json).map_err(|error| {
            // An object's place is told from 0 where it is wrong as a whole.
            NotMembers::Malformed { line: error.line().max(1), column: error.column().max(1) }
        })?;
        let mut members = BTreeMap::new();
        for (name, value) in pairs.0 {
            let shown = cut(&name);
            if members.insert(name, value).is_some() {
                return Err(NotMembers::Doubled(shown));
            }
        }
        Ok(Self(members))
    }

    /// Takes a member out; null counts as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name).filter(|value| value.get() != "null")
    }

    pub(crate) fn first_name(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The same text for every spelling of the same members: names sorted, no white space, no nulls.
    pub(crate) fn canonical(&self) -> String {
        let present = self.0.iter().filter(|(_, value)| value.get() != "null");
        let members: Vec<String> = present.map(|(name, value)| member(name, value)).collect();
        members.join(",")
    }
}

/// Objects inside are treated alike, and texts are read; numbers and lists stay as they were written,
/// and so does what cannot be read, such as half a surrogate pair or an object with a name twice.
fn member(name: &str, value: &RawValue) -> String {
    let json = value.get();
    let read = match json.as_bytes().first() {
        Some(b'{') => Members::parse(json.as_bytes())
            .ok()
            .map(|members| format!("{{{}}}", members.canonical())),
        Some(b'"') => serde_json::from_str::<String>(json).ok().map(|text| format!("{text:?}")),
        _ => None,
    };
    format!("{name:?}:{}", read.unwrap_or_else(|| json.to_owned()))
}

/// A name that came from outside, short enough to be repeated in an answer.
pub(crate) fn cut(name: &str) -> String {
    name.chars().take(40).collect()
}

/// Every name and value in the order of the text.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        from.deserialize_map(PairsVisitor).map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_there_twice_is_named_and_what_is_malformed_is_placed() {
        let parse = |text: &'static str| Members::parse(text.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(parse(r#"{"to":1,"to":1}"#), NotMembers::Doubled("to".to_owned()));
        assert_eq!(parse("{\n \"to\" 1}"), NotMembers::Malformed { line: 2, column: 7 });
        assert_eq!(parse("[]"), NotMembers::Malformed { line: 1, column: 1 });
        assert_eq!(parse(""), NotMembers::Malformed { line: 1, column: 1 });
    }

    #[test]
    fn order_and_white_space_change_nothing_in_the_canonical_text_and_values_do() {
        let canonical = |text: &str| Members::parse(text.as_bytes()).unwrap().canonical();
        let one = canonical(r#"{"b": {"d": 1, "c": "\u0032"}, "a": null, "e": "x"}"#);
        assert_eq!(one, canonical(r#"{"e":"x","b":{"c":"2","d":1}}"#));
        for other in [r#""d":1.0"#, r#""d":2"#, r#""d":1,"d":1"#] {
            assert_ne!(
                one,
                canonical(&format!(r#"{{"e":"x","b":{{"c":"2",{other}}}}}"#)),
                "{other}"
            );
        }
        assert_ne!(canonical(r#"{"a":"\ud83d"}"#), canonical(r#"{"a":"\ud83e"}"#));
    }
}
