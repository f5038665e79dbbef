//! What a dial may ask for: the body as typed values, or the one thing that is wrong with it; and whether
//! the number may be called now.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::call::{
    Denial, DynamicVariables, E164, MachineDetection, Quiet, Timestamp, WhyBlocked,
    check_destination,
};
use crate::endpoint::BODY_LIMIT;
use crate::endpoint::callers::{Caller, needs_token, seconds_until};
use crate::endpoint::calls::invalid;
use crate::endpoint::refusal::{Reason, Refusal};
use crate::endpoint::webhook::has_media_type;
use crate::json::{Members, cut};
use crate::settings::{Anonymous, Calling, Connect, Destinations, Settings};

/// Seconds a phone rings if nothing is said.
const DEFAULT_TIMEOUT: u32 = 30;
/// When to ask again where the quiet hours have no end.
const NEXT_LOOK: Duration = Duration::from_secs(60 * 60);
/// The most members of `campaignData`.
const MAX_CAMPAIGN_MEMBERS: usize = 20;
/// The most bytes of `campaignData`, names and texts together.
const MAX_CAMPAIGN_BYTES: usize = 4 * 1024;

/// A body that is a JSON object.
#[derive(Clone, Debug)]
pub(super) struct Sent<'a> {
    /// Not read yet: what a caller may send depends on the caller.
    members: Members<'a>,
    /// The same text for every spelling of the members, whatever the settings are: an
    /// `Idempotency-Key` is compared by it.
    pub(super) canonical: String,
}

impl<'a> Sent<'a> {
    pub(super) fn parse(headers: &HeaderMap, body: &'a [u8]) -> Result<Self, Refusal> {
        if !has_media_type(headers, "application/json") {
            let message = "Send `Content-Type: application/json`.";
            return Err(Refusal::new(Reason::UnsupportedMediaType, message));
        }
        if body.len() > BODY_LIMIT {
            return Err(Refusal::new(Reason::BodyTooLarge, "Send at most 64 KiB."));
        }
        let members = Members::parse(body).map_err(|error| {
            let example = r#"Send a JSON object such as {"to": "+12125550123"}"#;
            Refusal::new(Reason::InvalidJson, format!("{example}: the request {error}."))
        })?;
        let canonical = members.canonical();
        Ok(Self { members, canonical })
    }
}

/// What a caller asks for, within what this caller may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DialRequest {
    /// The number to ring.
    pub(super) to: E164,
    /// The call's own: `dynamicVariables`, and what `CAMPAIGN_VARIABLES` takes from `campaignData`.
    pub(super) dynamic_variables: DynamicVariables,
    /// Whether to record; `None`: as `RECORD_CALLS` says.
    pub(super) record: Option<bool>,
    /// How long the phone rings.
    pub(super) timeout_seconds: u32,
    /// How long the call may last.
    pub(super) time_limit_seconds: u32,
    /// Whether to look for an answering machine.
    pub(super) machine_detection: Option<MachineDetection>,
}

impl DialRequest {
    /// Parses what was sent.
    pub(super) fn parse(
        sent: &Sent<'_>,
        settings: &Settings,
        caller: &Caller,
    ) -> Result<Self, Refusal> {
        let mut members = sent.members.clone();
        let (calling, anonymous) = (&settings.calling, &settings.access.anonymous);
        let (longest_ring, longest_talk) = match caller {
            Caller::WithToken => (600, calling.time_limit_seconds),
            Caller::Anonymous { .. } => (
                Anonymous::MAX_TIMEOUT,
                calling.time_limit_seconds.min(anonymous.time_limit_seconds),
            ),
        };
        let to = to(&mut members)?;
        let own = match members.take("dynamicVariables") {
            Some(value) => DynamicVariables::parse(value.get())
                .map_err(|error| invalid(format!("dynamicVariables {error}.")))?,
            None => DynamicVariables::default(),
        };
        let unlisted = |name: &&String| !anonymous.variables.contains(name);
        if !caller.has_token()
            && let Some(name) = own.iter().map(|(name, _)| name).find(unlisted)
        {
            let or_else = ", or name the variable in ANONYMOUS_VARIABLES";
            let error = format!("This caller may not set the dynamic variable {:?}.", cut(name));
            return Err(needs_token(settings, or_else).with_error(error));
        }
        let campaign = campaign_variables(&mut members, calling)?;
        let dynamic_variables = own
            .with_texts(campaign)
            .map_err(|error| invalid(format!("dynamicVariables with campaignData {error}.")))?;
        let connect = settings.elevenlabs.as_ref().map(|agent| agent.connect);
        if connect == Some(Connect::SignedUrl) && !dynamic_variables.is_empty() {
            return Err(invalid(
                "dynamicVariables cannot reach the agent with ELEVENLABS_CONNECT=signed-url: use register-call.",
            ));
        }
        let record = take(&mut members, "record", "true or false", Some)?;
        if record == Some(true) && !caller.has_token() && !calling.record_calls {
            return Err(needs_token(settings, ", or set RECORD_CALLS=true")
                .with_error("This caller may not have calls recorded."));
        }
        let mut seconds = |name, low, high| {
            let expected = format!("a whole number of seconds, {low} to {high}");
            let within = |seconds| (low..=high).contains(&seconds).then_some(seconds);
            take(&mut members, name, &expected, within)
        };
        let timeout_seconds = seconds("timeout", 5, longest_ring)?.unwrap_or(DEFAULT_TIMEOUT);
        let time_limit_seconds = seconds("timeLimit", 1, longest_talk)?.unwrap_or(longest_talk);
        let detection = |word: String| MachineDetection::parse(&word);
        let expected = "Enable or DetectMessageEnd";
        let machine_detection = take(&mut members, "machineDetection", expected, detection)?;
        // A misspelt name must not ring a person without the variables or the limit that was meant.
        if let Some(name) = members.first_name() {
            return Err(invalid(format!("Unknown parameter {:?}: check its spelling.", cut(name))));
        }
        Ok(Self {
            to,
            dynamic_variables,
            record,
            timeout_seconds,
            time_limit_seconds,
            machine_detection,
        })
    }
}

/// An optional member of one type, if `accept` takes it. `expected` says what it must be.
fn take<'a, T: Deserialize<'a>, U>(
    members: &mut Members<'a>,
    name: &str,
    expected: &str,
    accept: impl FnOnce(T) -> Option<U>,
) -> Result<Option<U>, Refusal> {
    let Some(value) = members.take(name) else { return Ok(None) };
    let accepted = serde_json::from_str(value.get()).ok().and_then(accept);
    accepted.map(Some).ok_or_else(|| invalid(format!("{name} must be {expected}.")))
}

fn to(members: &mut Members<'_>) -> Result<E164, Refusal> {
    let refuse = |reason, wrong: &dyn fmt::Display| {
        let example = "Send `to` as +, country code and number, for example +12125550123";
        Refusal::new(reason, format!("{example}: {wrong}."))
    };
    let missing = || refuse(Reason::MissingTo, &"it is missing");
    let value = members.take("to").ok_or_else(missing)?;
    let text: String = serde_json::from_str(value.get())
        .map_err(|_| refuse(Reason::InvalidTo, &"it must be a string"))?;
    if text.is_empty() {
        return Err(missing());
    }
    E164::parse(&text).map_err(|wrong| refuse(Reason::InvalidTo, &wrong))
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
        let text: String = serde_json::from_str(value.get()).map_err(|_| {
            invalid(format!("campaignData must have a string as its member {:?}.", cut(name)))
        })?;
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

/// Refuses a number that we do not call, or not now: from the number and the settings alone.
pub(super) fn check_callable(
    policy: &Destinations,
    own: &E164,
    to: &E164,
    now: Timestamp,
) -> Result<(), Refusal> {
    check_destination(to, own, &policy.allowed(own), &policy.blocklist, policy.test_numbers)
        .map_err(not_allowed)?;
    let quiet = policy.quiet_hours.as_ref().and_then(|hours| hours.quiet(to, now));
    let (until, message) = match quiet {
        None => return Ok(()),
        Some(Quiet::Until(end)) => (end, format!("Call after {}.", end.rfc3339())),
        Some(Quiet::Always) => (
            now.plus(NEXT_LOOK),
            "CALL_QUIET_HOURS leaves no hour for calls to this number.".to_owned(),
        ),
    };
    Err(Refusal::new(Reason::QuietHours, message)
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds_until(until, now))))
}

fn not_allowed(denial: Denial) -> Refusal {
    let (reason, message) = match denial {
        Denial::Region => (
            Reason::DestinationNotAllowed,
            "Set CALL_ALLOWED_PREFIXES to call other countries, and allow them at Twilio too.",
        ),
        Denial::Premium => (Reason::DestinationPremium, "Call another number."),
        Denial::SelfCall => (Reason::DestinationSelf, "Call another number."),
        Denial::Blocked(why) => (
            Reason::DestinationBlocked,
            match why {
                WhyBlocked::Blocklist => "The number is in CALL_BLOCKLIST: it is never called.",
                WhyBlocked::Emergency => "Emergency and service numbers are never called.",
                WhyBlocked::Satellite => "Satellite networks are never called.",
                WhyBlocked::SharedCost => "Numbers that cost more than a call are never called.",
                WhyBlocked::TwilioTest => {
                    "Twilio's test numbers reach no phone: set TWILIO_TEST_CREDENTIALS=true to \
                     dial them with Twilio's test credentials."
                }
            },
        ),
    };
    Refusal::new(reason, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::settings::Settings;

    const ANONYMOUS: Caller = Caller::Anonymous { origin: None, client: String::new() };

    fn parse_of(body: &[u8], caller: &Caller) -> Result<(DialRequest, String), Refusal> {
        let settings = Settings::parse(&|name: &str| {
            let value = match name {
                "ANONYMOUS_VARIABLES" => "name",
                "CAMPAIGN_VARIABLES" => "leadName=_prospect_name_, campaignName = _product_name_",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let json = [(header::CONTENT_TYPE, "application/json".parse().unwrap())];
        let sent = Sent::parse(&json.into_iter().collect(), body)?;
        Ok((DialRequest::parse(&sent, &settings, caller)?, sent.canonical))
    }

    fn parse(body: &str) -> Result<DialRequest, Reason> {
        let parsed = parse_of(body.as_bytes(), &Caller::WithToken);
        parsed.map(|(request, _)| request).map_err(|refusal| refusal.reason)
    }

    /// The message of a refusal, and its reason.
    fn refused(body: &str) -> (Reason, String) {
        let refusal = parse_of(body.as_bytes(), &Caller::WithToken).unwrap_err();
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
        assert!(parse_of(&[0xff, 0xfe], &Caller::WithToken).is_err());
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
    fn the_spelling_of_a_body_changes_nothing_in_what_was_sent_and_everything_else_does() {
        let canonical = |body: &str| parse_of(body.as_bytes(), &Caller::WithToken).unwrap().1;
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

    #[test]
    fn a_caller_without_the_token_has_a_share_of_its_own() {
        let of = |mut body: serde_json::Value| {
            body["to"] = json!("+12125550123");
            let parsed = parse_of(body.to_string().as_bytes(), &ANONYMOUS);
            parsed.map(|(request, _)| request).map_err(|refusal| refusal.reason)
        };
        let plain = of(json!({})).unwrap();
        assert_eq!((plain.timeout_seconds, plain.time_limit_seconds), (30, 300));
        for right in [
            json!({"timeout": 60}),
            json!({"timeLimit": 300}),
            json!({"dynamicVariables": {"name": "Jo"}}),
            json!({"campaignData": {"leadName": "Jo"}}),
            json!({"record": false}),
        ] {
            assert!(of(right.clone()).is_ok(), "{right}");
        }
        for (wrong, reason) in [
            (json!({"timeout": 61}), Reason::InvalidParameter),
            (json!({"timeLimit": 301}), Reason::InvalidParameter),
            (json!({"dynamicVariables": {"name": "Jo", "x": 1}}), Reason::TokenNotConfigured),
            (json!({"dynamicVariables": {"secret__key": "x"}}), Reason::TokenNotConfigured),
            (json!({"record": true}), Reason::TokenNotConfigured),
        ] {
            assert_eq!(of(wrong.clone()), Err(reason), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = parse_of(&body, &ANONYMOUS);
            let _ = parse(&json!({"to": text, (text.clone()): text, "campaignData": {(text.clone()): text}}).to_string());
        }
    }
}
