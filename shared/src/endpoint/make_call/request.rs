//! The request body: JSON into typed values, or the one thing that is wrong with it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::call::{DynamicVariables, E164, MachineDetection};
use crate::endpoint::refusal::{Reason, Refusal};
use crate::json::{Members, NotMembers, cut};
use crate::settings::Calling;

/// Seconds a phone rings if nothing is said.
const DEFAULT_TIMEOUT: u32 = 30;
/// The most members of `campaignData`.
const MAX_CAMPAIGN_MEMBERS: usize = 20;
/// The most bytes of `campaignData`, names and texts together.
const MAX_CAMPAIGN_BYTES: usize = 4 * 1024;

/// A body that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DialRequest {
    pub(super) to: E164,
    /// The call's own: `dynamicVariables`, and what `CAMPAIGN_VARIABLES` takes from `campaignData`.
    pub(super) dynamic_variables: DynamicVariables,
    pub(super) record: Option<bool>,
    pub(super) timeout_seconds: u32,
    pub(super) time_limit_seconds: u32,
    pub(super) machine_detection: Option<MachineDetection>,
    /// The same text for every spelling of the members as they were sent, whatever the settings are.
    pub(super) canonical: String,
}

impl DialRequest {
    /// Parses a body.
    pub(super) fn parse(body: &[u8], calling: &Calling) -> Result<Self, Refusal> {
        let mut members = Members::parse(body).map_err(|error| not_an_object(&error))?;
        let canonical = members.canonical();
        let longest = calling.time_limit_seconds;
        let to = to(&mut members)?;
        let own = variables(&mut members)?;
        let campaign = campaign_variables(&mut members, calling)?;
        let request = Self {
            to,
            dynamic_variables: own
                .with_texts(campaign)
                .map_err(|error| invalid(format!("dynamicVariables with campaignData {error}.")))?,
            record: record(&mut members)?,
            timeout_seconds: seconds(&mut members, "timeout", 5, 600)?.unwrap_or(DEFAULT_TIMEOUT),
            time_limit_seconds: seconds(&mut members, "timeLimit", 1, longest)?.unwrap_or(longest),
            machine_detection: machine_detection(&mut members)?,
            canonical,
        };
        // A misspelt name must not ring a person without the variables or the limit that was meant.
        match members.first_name() {
            Some(name) => Err(invalid(format!("Unknown parameter {:?}.", cut(name)))),
            None => Ok(request),
        }
    }
}

fn not_an_object(error: &NotMembers) -> Refusal {
    let example = r#"Send a JSON object such as {"to": "+12125550123"}"#;
    Refusal::new(Reason::InvalidJson, format!("{example}: the request {error}."))
}

fn invalid(message: String) -> Refusal {
    Refusal::new(Reason::InvalidParameter, message)
}

fn to(members: &mut Members<'_>) -> Result<E164, Refusal> {
    let message = "Send `to` in international form: +, country code, number, digits only, for example +12125550123.";
    let missing = || Refusal::new(Reason::MissingTo, message);
    let value = members.take("to").ok_or_else(missing)?;
    match serde_json::from_str::<String>(value.get()) {
        Ok(text) if text.is_empty() => Err(missing()),
        Ok(text) => E164::parse(&text).map_err(|_| Refusal::new(Reason::InvalidTo, message)),
        Err(_) => Err(Refusal::new(Reason::InvalidTo, message)),
    }
}

fn variables(members: &mut Members<'_>) -> Result<DynamicVariables, Refusal> {
    let Some(value) = members.take("dynamicVariables") else {
        return Ok(DynamicVariables::default());
    };
    DynamicVariables::parse(value.get())
        .map_err(|error| invalid(format!("dynamicVariables {error}.")))
}

/// What the campaign page of the original app sends: texts about a campaign. Those that
/// `CAMPAIGN_VARIABLES` names become variables; the others are left out.
fn campaign_variables(
    members: &mut Members<'_>,
    calling: &Calling,
) -> Result<Vec<(String, String)>, Refusal> {
    let Some(value) = members.take("campaignData") else { return Ok(Vec::new()) };
    let data = Members::parse(value.get().as_bytes())
        .map_err(|error| invalid(format!("campaignData {error}.")))?;
    let text = |(name, value): (&str, &RawValue)| {
        let text: String = serde_json::from_str(value.get())
            .map_err(|_| invalid(format!("campaignData has no text for {:?}.", cut(name))))?;
        Ok((name.to_owned(), text))
    };
    let texts = data.iter().map(text).collect::<Result<BTreeMap<_, _>, _>>()?;
    let bytes: usize = texts.iter().map(|(name, text)| name.len() + text.len()).sum();
    if data.len() > MAX_CAMPAIGN_MEMBERS || bytes > MAX_CAMPAIGN_BYTES {
        return Err(invalid(format!(
            "campaignData has more than {MAX_CAMPAIGN_MEMBERS} texts or more than {MAX_CAMPAIGN_BYTES} bytes."
        )));
    }
    let mapped = calling.campaign_variables.iter();
    Ok(mapped
        .filter_map(|it| Some((it.variable.clone(), texts.get(&it.member)?.clone())))
        .collect())
}

fn record(members: &mut Members<'_>) -> Result<Option<bool>, Refusal> {
    match members.take("record").map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(invalid("record must be true or false.".to_owned())),
    }
}

fn seconds(
    members: &mut Members<'_>,
    name: &str,
    low: u32,
    high: u32,
) -> Result<Option<u32>, Refusal> {
    let Some(value) = members.take(name) else { return Ok(None) };
    let seconds = serde_json::from_str(value.get()).ok();
    match seconds.filter(|seconds| (low..=high).contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(invalid(format!("{name} must be a whole number of seconds, {low} to {high}."))),
    }
}

fn machine_detection(members: &mut Members<'_>) -> Result<Option<MachineDetection>, Refusal> {
    let Some(value) = members.take("machineDetection") else { return Ok(None) };
    let word: Option<String> = serde_json::from_str(value.get()).ok();
    match word.as_deref().and_then(MachineDetection::parse) {
        Some(detection) => Ok(Some(detection)),
        None => Err(invalid("machineDetection must be Enable or DetectMessageEnd.".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::settings::Settings;

    /// `CAMPAIGN_VARIABLES`, and the defaults of everything else.
    fn calling() -> Calling {
        let campaign = "leadName=_prospect_name_, campaignName = _product_name_";
        let var = |name: &str| (name == "CAMPAIGN_VARIABLES").then(|| campaign.to_owned());
        Settings::parse(&var).calling
    }

    fn parse(body: &str) -> Result<DialRequest, Reason> {
        DialRequest::parse(body.as_bytes(), &calling()).map_err(|refusal| refusal.reason)
    }

    /// The message of a refusal, and its reason.
    fn refused(body: &str) -> (Reason, String) {
        let refusal = DialRequest::parse(body.as_bytes(), &calling()).unwrap_err();
        (refusal.reason, format!("{refusal:?}"))
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
        assert!(DialRequest::parse(&[0xff, 0xfe], &calling()).is_err());
        let (_, told) = refused("{\"to\":\n\"+1");
        assert!(told.contains("line 2, column 3"), "{told}");
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
    fn the_spelling_of_a_body_changes_nothing_in_what_was_sent_and_everything_else_does() {
        let canonical = |body: &str| parse(body).unwrap().canonical;
        let plain = canonical(r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"}}"#);
        let same = r#" {"dynamicVariables":{"b":"x","a":1},"timeout":null,"to":"+12125550123"}"#;
        assert_eq!(canonical(same), plain);
        for other in [
            r#"{"to":"+12125550124","dynamicVariables":{"a":1,"b":"x"}}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":"1","b":"x"}}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"timeout":31}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"timeLimit":899}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"record":false}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"machineDetection":"Enable"}"#,
            r#"{"to":"+12125550123","dynamicVariables":{"a":1,"b":"x"},"campaignData":{"c":"d"}}"#,
        ] {
            assert_ne!(canonical(other), plain, "{other}");
        }
    }

    #[test]
    fn the_members_that_the_setting_names_reach_the_agent_and_the_calls_own_variables_win() {
        let variables =
            |body: serde_json::Value| parse(&body.to_string()).unwrap().dynamic_variables;
        let data = json!({"campaignName": "Spring", "campaignDescription": "x", "leadName": "Jo", "leadAbout": "y"});
        let to = "+12125550123";
        let mapped = variables(json!({"to": to, "campaignData": data}));
        let expected = json!({"_prospect_name_": "Jo", "_product_name_": "Spring"});
        assert_eq!(serde_json::to_value(&mapped).unwrap(), expected);
        let own = json!({"_prospect_name_": "Jane", "vip": true});
        let both = variables(json!({"to": to, "campaignData": data, "dynamicVariables": own}));
        let expected = json!({"_prospect_name_": "Jane", "_product_name_": "Spring", "vip": true});
        assert_eq!(serde_json::to_value(&both).unwrap(), expected);
        assert!(variables(json!({"to": to, "campaignData": null})).is_empty());
        assert!(variables(json!({"to": to, "campaignData": {"leadAbout": "y"}})).is_empty());
    }

    #[test]
    fn campaign_data_beyond_its_bounds_and_misspelt_members_are_refused_by_name() {
        let texts = |n: usize, length: usize| -> serde_json::Value {
            (0..n).map(|i| (format!("{i:02}"), json!("x".repeat(length)))).collect()
        };
        let with = |data: serde_json::Value| {
            json!({"to": "+12125550123", "campaignData": data}).to_string()
        };
        assert!(parse(&with(texts(20, 0))).is_ok() && parse(&with(texts(2, 2046))).is_ok());
        for (body, named) in [
            (with(texts(21, 0)), "campaignData has more than 20 texts"),
            (with(texts(2, 2047)), "more than 4096 bytes"),
            (with(json!([])), "campaignData is not a JSON object"),
            (with(json!({"leadName": 5})), "leadName"),
            (with(json!({"leadName": null})), "leadName"),
            (
                r#"{"to":"+12125550123","campaignData":{"leadName":"a","leadName":"b"}}"#
                    .to_owned(),
                "leadName",
            ),
            (r#"{"to":"+12125550123","campaingData":{}}"#.to_owned(), "campaingData"),
        ] {
            let (reason, told) = refused(&body);
            assert_eq!(reason, Reason::InvalidParameter, "{body}");
            assert!(told.contains(named), "{named} in {told}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = DialRequest::parse(&body, &calling());
            let _ = parse(&json!({"to": text, (text.clone()): text, "campaignData": {(text.clone()): text}}).to_string());
        }
    }
}
