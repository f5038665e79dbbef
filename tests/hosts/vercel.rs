//! Vercel's side of `vercel_runtime` 2.x, with the functions as they are shipped.

use std::fs;

use serde_json::json;

use crate::harness::http;
use crate::harness::vercel::{APP, Function, VOICE};
use crate::harness::webhook::{FORM, answered, form, sign};
use crate::harness::world::{BEARER, CALL_SID, THEIR_NUMBER, World};

#[test]
fn a_signed_webhook_is_answered_with_the_agents_twiml() {
    let world = World::new();
    let answer = Function::start(&world, "voice").answered();
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("text/xml")));
    assert!(answer.text().contains("conv_1"), "{}", answer.text());
    let asked = world.upstream.seen();
    assert_eq!(asked.len(), 1);
    let leaks = |(name, _): &(String, String)| name.starts_with("x-vercel-");
    assert!(!asked[0].headers.iter().any(leaks), "{:?}", asked[0].headers);
}

#[test]
fn a_ping_is_answered_before_the_endpoint_is_asked() {
    let world = World::new();
    let voice = Function::start(&world, "voice");
    let answer = http::ask(voice.address, "GET /_vercel/ping", &[("host", "x")], b"").unwrap();
    assert_eq!((answer.status(), answer.text()), (200, "OK"));
}

#[test]
fn a_body_of_64_kib_reaches_the_endpoint_and_one_byte_more_does_not() {
    let world = World::new();
    let mut voice = Function::start(&world, "voice");
    let headers = [("content-type", FORM), ("x-twilio-signature", "c2lnbmF0dXJl")];
    let mut status = |length: usize| {
        let answer = voice.ask(&format!("POST {VOICE}"), &headers, &vec![b'a'; length]);
        (answer.status(), answer.json()["reason"].clone())
    };
    assert_eq!(status(64 * 1024), (403, json!("invalid_signature")));
    assert_eq!(status(64 * 1024 + 1), (413, json!("body_too_large")));
    assert_eq!(status(1024 * 1024), (413, json!("body_too_large")));
}

#[test]
fn refusals_and_empty_answers_end_like_any_other() {
    let world = World::new();
    let mut status = Function::start(&world, "status");
    assert_eq!(status.ask("OPTIONS /api/twilio/status", &[], b"").status(), 204);
    assert_eq!(status.ask("DELETE /api/twilio/status", &[], b"").status(), 405);
    assert_eq!(status.ask("GET /api/twilio/status", &[], b"").status(), 401);
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let world = World::new();
    for (name, path) in [
        ("status", "/api/twilio/status"),
        ("recording", "/api/twilio/recording"),
        ("get-transcript", "/api/elevenlabs/get-transcript"),
    ] {
        let mut function = Function::start(&world, name);
        let get = function.ask(&format!("GET {path}"), &[("authorization", BEARER)], b"");
        let head = function.ask(&format!("HEAD {path}"), &[("authorization", BEARER)], b"");
        assert_eq!((head.status(), head.text()), (get.status(), ""), "{name}");
        for kept in ["content-length", "content-type", "cache-control", "vary"] {
            assert_eq!(head.header(kept), get.header(kept), "{name} {kept}");
        }
        let refused = function.ask(&format!("PATCH {path}"), &[], b"");
        let allow = refused.header("allow").unwrap();
        assert!(allow.starts_with("GET, HEAD, "), "{name}: {allow}");
    }
}

/// HTTP itself cannot carry one: the server refuses it before any function is asked.
#[test]
fn a_query_that_no_uri_can_hold_is_never_taken_for_none() {
    let world = World::new();
    let status = Function::start(&world, "status");
    for query in ["callSid=a b", "callId=\u{1}"] {
        let target = format!("GET /api/twilio/status?{query}");
        let headers = [("host", "app.example"), ("authorization", BEARER)];
        assert_eq!(http::ask(status.address, &target, &headers, b"").unwrap().status(), 400);
    }
}

#[test]
fn sigterm_ends_the_process_in_peace() {
    let world = World::new();
    let mut voice = Function::start(&world, "voice");
    voice.answered();
    voice.end();
}

#[test]
fn the_bridges_own_headers_are_not_logged() {
    let world = World::new();
    // As loud as it gets: every library below us is asked for everything.
    let mut voice = Function::start_with(&world, "voice", &[("RUST_LOG", "trace")]);
    voice.answered();
    voice.ask(&format!("POST {VOICE}"), &[("content-type", FORM)], b"");
    voice.end();
    let log = fs::read_to_string(world.log()).unwrap();
    assert!(log.contains("agent connected") && log.contains("webhook refused"), "{log}");
    for secret in ["inv_1", "inv_2", "x-vercel", "invocation"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_forged_host_changes_nothing() {
    const FORGED: [(&str, &str); 7] = [
        ("forwarded", "host=evil.example;proto=http"),
        ("host", "evil.example"),
        ("host", "no host at all"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-proto", "::"),
        ("x-forwarded-proto", "http"),
    ];
    let world = World::new();
    let mut voice = Function::start(&world, "voice");
    let expected = voice.answered();
    let signature = sign(&format!("{APP}{VOICE}"), &answered());
    for forged in FORGED {
        let headers = [("content-type", FORM), ("x-twilio-signature", &signature), forged];
        let target = format!("POST {VOICE}");
        let answer = voice.ask(&target, &headers, form(&answered()).as_bytes());
        assert_eq!((answer.status(), &answer.body), (200, &expected.body), "{forged:?}");
    }
    let mut make_call = Function::start(&world, "make-call");
    let body = json!({"to": THEIR_NUMBER}).to_string();
    for forged in FORGED {
        let headers = [("content-type", "application/json"), ("authorization", BEARER), forged];
        let answer = make_call.ask("POST /api/twilio/make-call", &headers, body.as_bytes());
        assert_eq!(answer.status(), 200, "{forged:?} {}", answer.text());
    }
    world.assert_dialled_under(APP, FORGED.len());
}

#[test]
fn a_rewrite_that_shows_another_path_does_not_matter() {
    let world = World::new();
    let mut voice = Function::start(&world, "voice");
    let signature = sign(&format!("{APP}{VOICE}"), &answered());
    let headers = [("content-type", FORM), ("x-twilio-signature", signature.as_str())];
    let query = VOICE.split_once('?').unwrap().1;
    let target = format!("POST /phone?{query}");
    let answer = voice.ask(&target, &headers, form(&answered()).as_bytes());
    assert!(answer.text().contains("conv_1"), "{}", answer.text());
}

#[test]
fn two_functions_meet_in_the_store() {
    let world = World::new();
    let mut make_call = Function::start(&world, "make-call");
    let mut status = Function::start(&world, "status");
    let headers = [("content-type", "application/json"), ("authorization", BEARER)];
    let body = json!({"to": THEIR_NUMBER}).to_string();
    let dialled = make_call.ask("POST /api/twilio/make-call", &headers, body.as_bytes()).json();
    assert_eq!(dialled["success"], true, "{dialled}");
    let by_call_id =
        format!("GET /api/twilio/status?callId={}", dialled["callId"].as_str().unwrap());
    let call = status.ask(&by_call_id, &headers[1..], b"").json();
    assert_eq!((&call["callSid"], &call["to"]), (&json!(CALL_SID), &json!(THEIR_NUMBER)), "{call}");
}
