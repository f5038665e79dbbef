//! The request body: JSON into typed values, or the one thing that is wrong with it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::call::{DynamicVariables, E164, MachineDetection};
use crate::endpoint::refusal::{Reason, Refusal};

/// Seconds a phone rings if nothing is said.
const DEFAULT_TIMEOUT: u32 = 30;

/// A body that is all right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DialRequest {
    pub(super) to: E164,
    pub(super) dynamic_variables: DynamicVariables,
    pub(super) record: Option<bool>,
    pub(super) timeout_seconds: u32,
    pub(super) time_limit_seconds: u32,
    pub(super) machine_detection: Option<MachineDetection>,
}

impl DialRequest {
    /// Parses a body; `longest` is the default and maximum of `timeLimit`, seconds.
    pub(super) fn parse(body: &[u8], longest: u32) -> Result<Self, Refusal> {
        let Ok(Fields(mut fields)) = serde_json::from_slice(body) else {
            return Err(Refusal::new(
                Reason::InvalidJson,
                r#"Send a JSON object such as {"to": "+12125550123"}, each name once."#,
            ));
        };
        let request = Self {
            to: to(&mut fields)?,
            dynamic_variables: variables(&mut fields)?,
            record: record(&mut fields)?,
            timeout_seconds: seconds(&mut fields, "timeout", 5, 600)?.unwrap_or(DEFAULT_TIMEOUT),
            time_limit_seconds: seconds(&mut fields, "timeLimit", 1, longest)?.unwrap_or(longest),
            machine_detection: machine_detection(&mut fields)?,
        };
        // A misspelt name must not quietly ring somebody without its variables or its limit.
        match fields.keys().next() {
            Some(name) => {
                let name: String = name.chars().take(40).collect();
                Err(invalid(format!("There is no parameter {name:?}.")))
            }
            None => Ok(request),
        }
    }
}

impl DialRequest {
    /// The same text for every body that means the same.
    pub(super) fn canonical(&self) -> String {
        let detection = self.machine_detection.map(MachineDetection::as_str);
        // Scalars and a sorted map always serialise.
        json!([
            self.to,
            self.dynamic_variables,
            self.record,
            self.timeout_seconds,
            self.time_limit_seconds,
            detection
        ])
        .to_string()
    }
}

/// An object whose names are all different. Of two numbers to call, somebody in front of us may have
/// checked the other one.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
        let mut fields = Map::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is there twice"));
            }
        }
        Ok(Fields(fields))
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(Reason::InvalidParameter, message)
}

/// A field that is there; null counts as absent.
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

fn to(fields: &mut Map<String, Value>) -> Result<E164, Refusal> {
    let say = |wrong: &dyn fmt::Display| {
        format!("Send `to` as +, country code and number, for example +12125550123: {wrong}.")
    };
    match take(fields, "to") {
        Some(Value::String(text)) if !text.is_empty() => {
            E164::parse(&text).map_err(|wrong| Refusal::new(Reason::InvalidTo, say(&wrong)))
        }
        None | Some(Value::String(_)) => {
            Err(Refusal::new(Reason::MissingTo, say(&"it is missing")))
        }
        Some(_) => Err(Refusal::new(Reason::InvalidTo, say(&"it must be a string"))),
    }
}

fn variables(fields: &mut Map<String, Value>) -> Result<DynamicVariables, Refusal> {
    match take(fields, "dynamicVariables") {
        None => Ok(DynamicVariables::default()),
        Some(Value::Object(object)) => {
            DynamicVariables::parse(&object).map_err(|error| invalid(format!("{error}.")))
        }
        Some(_) => Err(invalid("dynamicVariables must be an object.".to_owned())),
    }
}

fn record(fields: &mut Map<String, Value>) -> Result<Option<bool>, Refusal> {
    match take(fields, "record") {
        None => Ok(None),
        Some(Value::Bool(record)) => Ok(Some(record)),
        Some(_) => Err(invalid("record must be true or false.".to_owned())),
    }
}

fn seconds(
    fields: &mut Map<String, Value>,
    name: &str,
    low: u32,
    high: u32,
) -> Result<Option<u32>, Refusal> {
    let Some(value) = take(fields, name) else { return Ok(None) };
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    match seconds.filter(|seconds| (low..=high).contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(invalid(format!("{name} must be a whole number of seconds, {low} to {high}."))),
    }
}

fn machine_detection(fields: &mut Map<String, Value>) -> Result<Option<MachineDetection>, Refusal> {
    let Some(value) = take(fields, "machineDetection") else { return Ok(None) };
    match value.as_str().and_then(MachineDetection::parse) {
        Some(detection) => Ok(Some(detection)),
        None => Err(invalid("machineDetection must be Enable or DetectMessageEnd.".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<DialRequest, Reason> {
        DialRequest::parse(body.as_bytes(), 900).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn the_page_sends_to_and_gets_the_defaults() {
        let request = parse(r#"{"to":"+12125550123"}"#).unwrap();
        assert_eq!((request.timeout_seconds, request.time_limit_seconds), (30, 900));
        assert_eq!((request.record, request.machine_detection), (None, None));
        assert!(request.dynamic_variables.is_empty());
    }

    #[test]
    fn what_is_not_a_json_object_is_invalid_json() {
        for body in [
            r#"{"to":"+12125550101","to":"+12125550123"}"#,
            "",
            "hello",
            "[]",
            "\"+12125550123\"",
            "null",
            "{\"to\":",
            "{}{}",
            "\u{0}",
        ] {
            assert_eq!(parse(body), Err(Reason::InvalidJson), "{body}");
        }
        assert!(DialRequest::parse(&[0xff, 0xfe], 900).is_err());
    }

    #[test]
    fn a_missing_number_and_an_invalid_one_are_told_apart() {
        for body in ["{}", r#"{"to":null}"#, r#"{"to":""}"#] {
            assert_eq!(parse(body), Err(Reason::MissingTo), "{body}");
        }
        for to in [
            json!(12125550123_u64),
            json!(true),
            json!([]),
            json!("911"),
            json!(" "),
            json!("+1 212"),
            json!("+112125550123"),
        ] {
            let body = json!({ "to": to }).to_string();
            assert_eq!(parse(&body), Err(Reason::InvalidTo), "{body}");
        }
    }

    #[test]
    fn every_parameter_out_of_its_bounds_is_refused() {
        let wrong = [
            json!({"timeout": 4}),
            json!({"timeout": 601}),
            json!({"timeout": "30"}),
            json!({"timeout": 30.5}),
            json!({"timeout": -1}),
            json!({"timeout": 1e300}),
            json!({"timeLimit": 0}),
            json!({"timeLimit": 901}),
            json!({"record": "yes"}),
            json!({"machineDetection": "enable"}),
            json!({"machineDetection": 1}),
            json!({"dynamicVariables": []}),
            json!({"dynamicVariables": {"call_id": 1}}),
            json!({"dynamicVariables": {"a": {}}}),
            json!({"dynamic_variables": {}}),
            json!({"To": "+1"}),
        ];
        for mut body in wrong {
            body["to"] = json!("+12125550123");
            assert_eq!(parse(&body.to_string()), Err(Reason::InvalidParameter), "{body}");
        }
    }

    #[test]
    fn every_parameter_at_its_bounds_passes() {
        let right = [
            json!({"timeout": 5}),
            json!({"timeout": 600}),
            json!({"timeLimit": 1}),
            json!({"timeLimit": 900}),
            json!({"record": false}),
            json!({"machineDetection": "DetectMessageEnd"}),
            json!({"timeout": null}),
            json!({"dynamicVariables": {}}),
        ];
        for mut body in right {
            body["to"] = json!("+12125550123");
            assert!(parse(&body.to_string()).is_ok(), "{body}");
        }
    }

    #[test]
    fn the_order_of_names_and_what_is_said_twice_over_change_nothing_and_everything_else_does() {
        let canonical = |body: &str| DialRequest::parse(body.as_bytes(), 900).unwrap().canonical();
        let plain = canonical(r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"}}"#);
        let same = r#" {"timeout":30,"dynamicVariables":{"b":"x","a":1},"to":"+12125550123"}"#;
        assert_eq!(canonical(same), plain);
        for other in [
            r#"{"to":"+12125550124","dynamicVariables":{"a":1,"b":"x"}}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":"1","b":"x"}}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"timeout":31}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"timeLimit":899}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"record":false}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"machineDetection":"Enable"}"#,
        ] {
            assert_ne!(canonical(other), plain, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = DialRequest::parse(&body, 900);
            let _ = DialRequest::parse(json!({"to": text, (text.clone()): text}).to_string().as_bytes(), 900);
        }
    }
}
