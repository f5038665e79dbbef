//! Dynamic variables: what the agent is told about a call.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;

use crate::json::{Members, NotMembers, cut};

/// At most this many names in one request or setting.
const MAX_NAMES: usize = 50;
/// At most this many bytes of JSON in one request or setting.
const MAX_BYTES: usize = 8 * 1024;

/// The values ElevenLabs takes: no objects, no arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A JSON number that a 64-bit integer or a double holds exactly.
    Number(Number),
    /// Text.
    Text(String),
}

/// Names and values for the agent.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DynamicVariables(BTreeMap<String, Scalar>);

/// Why variables are refused. `Display` is the predicate of a sentence whose subject is the parameter
/// or the setting; a variable's name is shown, its value never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidVariables {
    /// A name that is there twice.
    DoubledName(String),
    /// An empty name.
    EmptyName,
    /// A number that would reach the agent rounded.
    Inexact(String),
    /// Half of a surrogate pair, such as `\ud83d` alone.
    LoneSurrogate(String),
    /// Not JSON, or no object. Line and column count from 1.
    Malformed {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// An array or an object.
    NotScalar(String),
    /// `call_id` is ours, `system__...` is ElevenLabs'.
    ReservedName(String),
    /// More than 50 names or 8 KiB of JSON.
    TooLarge,
}

impl fmt::Display for InvalidVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoubledName(name) => write!(f, "has the name {name:?} twice"),
            Self::EmptyName => f.write_str("has an empty name"),
            Self::Inexact(name) => write!(
                f,
                "has a number for {name:?} that no 64-bit integer or double holds exactly: send it as a string"
            ),
            Self::LoneSurrogate(name) => {
                write!(f, "has half a character (a lone surrogate) in the value of {name:?}")
            }
            Self::Malformed { line, column } => {
                let (line, column) = (*line, *column);
                NotMembers::Malformed { line, column }.fmt(f)
            }
            Self::NotScalar(name) => {
                write!(f, "has a value for {name:?} that is no string, number, bool or null")
            }
            Self::ReservedName(name) => {
                write!(f, "has the reserved name {name:?} (call_id and system__... are reserved)")
            }
            Self::TooLarge => {
                write!(f, "has more than {MAX_NAMES} names or more than {MAX_BYTES} bytes of JSON")
            }
        }
    }
}

impl From<NotMembers> for InvalidVariables {
    fn from(error: NotMembers) -> Self {
        match error {
            NotMembers::Doubled(name) => Self::DoubledName(name),
            NotMembers::Malformed { line, column } => Self::Malformed { line, column },
        }
    }
}

impl DynamicVariables {
    /// Parses a JSON object. Each value reaches the agent exactly as written, or is refused.
    pub fn parse(json: &str) -> Result<Self, InvalidVariables> {
        let members = Members::parse(json.as_bytes())?;
        let read = |(name, value): (&str, &RawValue)| {
            check_name(name)?;
            Ok((name.to_owned(), scalar(name, value)?))
        };
        Self(members.iter().map(read).collect::<Result<_, InvalidVariables>>()?).within_bounds()
    }

    /// These and more texts, of which these win.
    pub fn with_texts(
        mut self,
        texts: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, InvalidVariables> {
        for (name, text) in texts {
            self.0.entry(name).or_insert(Scalar::Text(text));
        }
        self.within_bounds()
    }

    /// These and `defaults`, of which these win. The bounds hold for each of the two.
    #[must_use]
    pub fn over(&self, defaults: &Self) -> Self {
        let mut all = defaults.clone();
        all.0.extend(self.0.clone());
        all
    }

    fn within_bounds(self) -> Result<Self, InvalidVariables> {
        let bytes = serde_json::to_vec(&self.0).map_or(usize::MAX, |json| json.len());
        if self.0.len() > MAX_NAMES || bytes > MAX_BYTES {
            return Err(InvalidVariables::TooLarge);
        }
        Ok(self)
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

impl fmt::Debug for DynamicVariables {
    /// Values are personal data, so only names print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Refuses the names that a variable cannot have.
pub(crate) fn check_name(name: &str) -> Result<(), InvalidVariables> {
    if name.is_empty() {
        Err(InvalidVariables::EmptyName)
    } else if name == "call_id" || name.starts_with("system__") {
        Err(InvalidVariables::ReservedName(cut(name)))
    } else {
        Ok(())
    }
}

fn scalar(name: &str, value: &RawValue) -> Result<Scalar, InvalidVariables> {
    let json = value.get();
    let text = || serde_json::from_str(json).map(Scalar::Text).ok();
    let number = || serde_json::from_str(json).ok().filter(|read| is_exact(json, read));
    match json.as_bytes().first() {
        Some(b'"') => text().ok_or_else(|| InvalidVariables::LoneSurrogate(cut(name))),
        Some(b'[' | b'{') => Err(InvalidVariables::NotScalar(cut(name))),
        Some(b'n') => Ok(Scalar::Null),
        Some(b't' | b'f') => Ok(Scalar::Bool(json == "true")),
        _ => match number() {
            Some(number) => Ok(Scalar::Number(number)),
            None => Err(InvalidVariables::Inexact(cut(name))),
        },
    }
}

/// Whether a number that was read is the one that was written. Doubles print as the shortest text that
/// reads back as the same double, so `0.1` is exact and its neighbours' digits are not.
fn is_exact(written: &str, read: &Number) -> bool {
    let written = decimal(written);
    written.is_some() && written == decimal(&read.to_string())
}

/// Sign, significant digits and the power of ten behind them, of a JSON number.
fn decimal(json: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = all.trim_end_matches('0');
    let zeros = i64::try_from(all.len() - digits.len()).ok()?;
    let power = exponent.checked_add(zeros)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    match digits.trim_start_matches('0') {
        "" => Some((false, String::new(), 0)),
        digits => Some((whole.starts_with('-'), digits.to_owned(), power)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parse(value: Value) -> Result<DynamicVariables, InvalidVariables> {
        DynamicVariables::parse(&value.to_string())
    }

    #[test]
    fn values_keep_their_type_null_included() {
        let given =
            json!({"name": "Jane & Co", "attempt": 1, "score": 0.5, "vip": true, "old": null});
        let parsed = parse(given.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), given);
        let stored: DynamicVariables = serde_json::from_value(given).unwrap();
        assert_eq!(stored, parsed);
    }

    #[test]
    fn reserved_and_empty_names_are_refused() {
        assert!(matches!(parse(json!({"call_id": 1})), Err(InvalidVariables::ReservedName(_))));
        assert!(matches!(parse(json!({"system__x": 1})), Err(InvalidVariables::ReservedName(_))));
        assert_eq!(parse(json!({"": 1})), Err(InvalidVariables::EmptyName));
    }

    #[test]
    fn what_cannot_reach_the_agent_as_written_is_refused_naming_the_variable() {
        let a = || "a".to_owned();
        for (json, expected) in [
            (r#"{"a":[]}"#, InvalidVariables::NotScalar(a())),
            (r#"{"a":{}}"#, InvalidVariables::NotScalar(a())),
            (r#"{"a":1,"b":2,"a":1}"#, InvalidVariables::DoubledName(a())),
            (r#"{"a":12345678901234567890123}"#, InvalidVariables::Inexact(a())),
            (r#"{"a":9007199254740993.0}"#, InvalidVariables::Inexact(a())),
            (r#"{"a":0.10000000000000000001}"#, InvalidVariables::Inexact(a())),
            (r#"{"a":1e400}"#, InvalidVariables::Inexact(a())),
            (r#"{"a":1e-400}"#, InvalidVariables::Inexact(a())),
            (r#"{"a":"\ud83d"}"#, InvalidVariables::LoneSurrogate(a())),
            (r#"{"a":1,}"#, InvalidVariables::Malformed { line: 1, column: 8 }),
        ] {
            assert_eq!(DynamicVariables::parse(json), Err(expected), "{json}");
        }
    }

    #[test]
    fn a_number_that_is_only_written_otherwise_passes() {
        for json in ["18446744073709551615", "-9223372036854775808", "1.50", "1e22", "-0", "1E2"] {
            assert!(DynamicVariables::parse(&format!(r#"{{"a":{json}}}"#)).is_ok(), "{json}");
        }
    }

    #[test]
    fn fifty_names_pass_and_fifty_one_do_not() {
        let names = |n: usize| Value::Object((0..n).map(|i| (format!("n{i}"), json!(i))).collect());
        let fifty = parse(names(50)).unwrap();
        assert_eq!(parse(names(51)), Err(InvalidVariables::TooLarge));
        assert_eq!(parse(json!({"a": "x".repeat(MAX_BYTES)})), Err(InvalidVariables::TooLarge));
        let more = [("n50".to_owned(), String::new())];
        assert_eq!(fifty.with_texts(more), Err(InvalidVariables::TooLarge));
    }

    #[test]
    fn a_calls_own_values_win_over_defaults_and_over_a_campaigns() {
        let own = parse(json!({"a": 1})).unwrap();
        let texts = [("a".to_owned(), "x".to_owned()), ("b".to_owned(), "y".to_owned())];
        let own = own.with_texts(texts).unwrap();
        let all = own.over(&parse(json!({"a": 2, "b": 2, "c": 2})).unwrap());
        assert_eq!(all, parse(json!({"a": 1, "b": "y", "c": 2})).unwrap());
    }

    #[test]
    fn values_never_print() {
        let secret = parse(json!({"plan": "hidden-value"})).unwrap();
        assert_eq!(format!("{secret:?}"), "{\"plan\"}");
    }

    proptest! {
        #[test]
        fn every_number_that_rust_writes_is_exact(whole in any::<i64>(), double in any::<f64>()) {
            let value = if double.is_finite() { json!({"a": whole, "b": double}) } else { json!({"a": whole}) };
            prop_assert_eq!(serde_json::to_value(parse(value.clone()).unwrap()).unwrap(), value);
        }

        #[test]
        fn no_text_panics(text in any::<String>(), number in "-?[0-9]{1,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,30})?") {
            let _ = DynamicVariables::parse(&text);
            let _ = DynamicVariables::parse(&format!(r#"{{"a":{number}}}"#));
        }
    }
}
