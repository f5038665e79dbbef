//! A function that has only the secrets it uses works, and complains of no other.

use std::fs;

use serde_json::{Value, json};
use shared::endpoint::{Endpoint, GetTranscript, MakeCall, Recording, Status, Voice};
use shared::settings::SECRETS;

use hosts::lambda::{Front, Lambda, RuntimeApi, json_body};
use hosts::webhook::{answered, recorded};
use hosts::{BEARER, CALL_SID, THEIR_NUMBER, World};

const FRONT: Front = Front::HttpApi;

/// The function with its own secrets, and what it answers.
fn ask<E: Endpoint>(world: &World, _: E, event: &Value) -> Value {
    let mut settings = world.settings(&FRONT.app_url());
    settings.retain(|(name, _)| !SECRETS.contains(name) || E::SECRETS.contains(name));
    RuntimeApi::start(world, E::NAME, &settings).unwrap().invoke(event)
}

#[test]
fn each_function_works_with_its_own_secrets_and_misses_no_other() {
    let world = World::new();
    let by_sid = format!("callSid={CALL_SID}");
    let dial = FRONT.post(MakeCall::PATH, BEARER, &json!({ "to": THEIR_NUMBER }));
    assert_eq!(ask(&world, MakeCall, &dial)["statusCode"], 200);
    let answer = FRONT.webhook(Voice::PATH, "attempt=1", &answered());
    let answer = ask(&world, Voice, &answer);
    assert!(answer["body"].as_str().unwrap().contains("conv_1"), "{answer}");
    let told = FRONT.webhook(Status::PATH, "attempt=1", &answered());
    assert_eq!(ask(&world, Status, &told)["statusCode"], 204);
    let list = ask(&world, Status, &FRONT.get(Status::PATH, "", BEARER));
    assert_eq!(json_body(&list)["calls"][0]["callSid"], CALL_SID, "{list}");
    let told = FRONT.webhook(Recording::PATH, "attempt=1", &recorded());
    assert_eq!(ask(&world, Recording, &told)["statusCode"], 204);
    let recording = ask(&world, Recording, &FRONT.get(Recording::PATH, &by_sid, BEARER));
    assert_eq!(recording["statusCode"], 200, "{recording}");
    let said = ask(&world, GetTranscript, &FRONT.get(GetTranscript::PATH, &by_sid, BEARER));
    assert_eq!(json_body(&said)["conversationId"], "conv_1", "{said}");
    let log = fs::read_to_string(world.log()).unwrap();
    assert!(!log.contains("misconfigured") && !log.contains("ERROR"), "{log}");
}

#[test]
fn a_secret_that_a_function_uses_is_missed() {
    for (name, secret) in [("voice", "ELEVENLABS_API_KEY"), ("status", "TWILIO_AUTH_TOKEN")] {
        let world = World::new().without(secret);
        let settings = world.settings(&FRONT.app_url());
        RuntimeApi::start(&world, name, &settings).unwrap().invoke(&FRONT.get("/", "", ""));
        let log = fs::read_to_string(world.log()).unwrap();
        assert!(log.contains("misconfigured") && log.contains(secret), "{name} {log}");
    }
}
