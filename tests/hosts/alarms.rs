//! The patterns by which the template counts, against the lines that the functions write.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use hosts::lambda::{Front, Lambda, RuntimeApi};
use hosts::webhook::{Fields, answered};
use hosts::{BEARER, THEIR_NUMBER, World};

const FRONT: Front = Front::HttpApi;
const MAKE_CALL: &str = "/api/twilio/make-call";

/// The patterns of each function's log group, by the function's name.
fn patterns() -> BTreeMap<String, Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let template = YamlLoader::load_from_str(&fs::read_to_string(file).unwrap()).unwrap().remove(0);
    let resources = &template["Resources"];
    let mut patterns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, resource) in resources.as_hash().unwrap() {
        if resource["Type"].as_str() == Some("AWS::Logs::MetricFilter") {
            let text = |yaml: &Yaml| yaml.as_str().unwrap().to_owned();
            let filter = &resource["Properties"];
            let group =
                text(&resources[&*text(&filter["LogGroupName"])]["Properties"]["LogGroupName"]);
            let name = group.rsplit('/').next().unwrap().to_owned();
            patterns.entry(name).or_default().push(text(&filter["FilterPattern"]));
        }
    }
    patterns
}

/// CloudWatch's `{ ($.field = "text") && ... }`, as far as the template uses it.
fn matches(pattern: &str, line: &Value) -> bool {
    let inside = pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    let is_so = |term: &str| {
        let term = term.trim().trim_start_matches('(').trim_end_matches(')');
        let (field, text) = term.split_once(" = ").unwrap();
        let text: String = serde_json::from_str(text.trim()).unwrap();
        line[field.trim().strip_prefix("$.").unwrap()] == text
    };
    inside.split("||").any(|all| all.split("&&").all(is_so))
}

/// What one function logs while it answers these events.
fn logged(name: &str, more: &[(&'static str, &str)], events: &[Value]) -> Vec<Value> {
    let world = World::new();
    let mut settings = world.settings(&FRONT.app_url());
    settings.retain(|(known, _)| !more.iter().any(|(name, _)| name == known));
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let mut function = RuntimeApi::start(&world, name, &settings).unwrap();
    for event in events {
        function.invoke(event);
    }
    let log = fs::read_to_string(world.log()).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Each event that is to be counted, once, and others that are not.
fn provoked(name: &str) -> Vec<Value> {
    let path = match name {
        "get-transcript" => "/api/elevenlabs/get-transcript".to_owned(),
        name => format!("/api/twilio/{name}"),
    };
    let wrong_token = FRONT.get(&path, "", "Bearer 0123456789abcdeg");
    let mut theirs: Fields = answered();
    theirs[0] = ("AccountSid", "ACffffffffffffffffffffffffffffffff");
    let forged = FRONT.signed(&path, "attempt=1", "c2lnbmF0dXJl", b"CallSid=CA1");
    let of_another_account = FRONT.webhook(&path, "attempt=1", &theirs);
    let genuine = FRONT.webhook(&path, "attempt=1", &answered());
    let dial = |token: &str| FRONT.post(MAKE_CALL, token, &json!({ "to": THEIR_NUMBER }));
    let events = match name {
        "make-call" => vec![dial("Bearer 0123456789abcdeg"), dial(BEARER), dial(BEARER)],
        "get-transcript" => vec![wrong_token],
        "voice" => vec![forged, of_another_account, genuine],
        _ => vec![wrong_token, forged, of_another_account, genuine],
    };
    // What goes wrong by itself.
    let broken = [("ELEVENLABS_API_URL", "http://127.0.0.1:1"), ("STORE_URL", "nonsense:")];
    let event = match name {
        "voice" => FRONT.webhook(&path, "attempt=1", &answered()),
        _ => FRONT.get(&path, "", BEARER),
    };
    let mut lines = logged(name, &[("CALL_MAX_PER_DAY", "1")], &events);
    lines.extend(logged(name, &broken, &[event]));
    lines
}

#[test]
fn what_the_alarms_count_is_what_the_functions_log() {
    const REFUSED: &str =
        r#"{ ($.reason = "invalid_signature") || ($.reason = "account_not_ours") }"#;
    const GUESSED: &str = r#"{ $.reason = "unauthorized" }"#;
    const AGENT: &str = r#"{ ($.level = "ERROR") && ($.service = "elevenlabs") }"#;
    let counted = [
        ("make-call", GUESSED, 1),
        ("make-call", r#"{ $.reason = "daily_limit" }"#, 1),
        ("make-call", r#"{ $.message = "dialled" }"#, 1),
        ("voice", REFUSED, 2),
        ("voice", AGENT, 1),
        ("status", GUESSED, 1),
        ("status", REFUSED, 2),
        ("recording", GUESSED, 1),
        ("recording", REFUSED, 2),
        ("get-transcript", GUESSED, 1),
    ];
    for (name, patterns) in patterns() {
        let lines = provoked(&name);
        for pattern in &patterns {
            let found = lines.iter().filter(|line| matches(pattern, line)).count();
            let expected = counted.iter().find(|it| (it.0, it.1) == (&name, pattern));
            match expected {
                Some((_, _, times)) => assert_eq!(found, *times, "{name} {pattern} {lines:#?}"),
                None => assert!(pattern.contains("ERROR") && found > 0, "{name} {pattern}"),
            }
        }
        // One line for each.
        let refused = lines.iter().filter(|line| line["status"] == 403).count();
        assert!([0, 2].contains(&refused), "{name} {lines:#?}");
        let own = counted.iter().filter(|it| it.0 == name).map(|it| it.1);
        for pattern in own {
            assert!(patterns.iter().any(|known| known == pattern), "{name} {pattern}");
        }
    }
}
