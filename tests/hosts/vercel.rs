//! Vercel's side of the bridge, with the functions as they are shipped.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::json;

use hosts::http;
use hosts::vercel::{APP, Function, VOICE};
use hosts::webhook::FORM;
use hosts::{BEARER, CALL_SID, THEIR_NUMBER, World, wait_until};

#[test]
fn a_signed_webhook_is_answered_with_the_agents_twiml() {
    let world = World::new();
    let answer = Function::start(&world, "voice").answered();
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("text/xml")));
    assert!(answer.text().contains("conv_1"), "{}", answer.text());
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
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
    let voice = Function::start(&world, "voice");
    let headers = [("content-type", FORM), ("x-twilio-signature", "c2lnbmF0dXJl")];
    let status = |length: usize| {
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
    let status = Function::start(&world, "status");
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
        let function = Function::start(&world, name);
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
    let voice = Function::start(&world, "voice");
    voice.answered();
    voice.end();
}

#[test]
fn a_dial_in_flight_is_finished_and_on_record_when_the_host_ends_the_process() {
    let world = World::new();
    let make_call = Function::start(&world, "make-call");
    let held = world.dialling.lock().unwrap();
    let (address, body) = (make_call.address, json!({"to": THEIR_NUMBER}).to_string());
    let dial = thread::spawn(move || {
        let headers = [
            ("host", "app.example"),
            ("content-type", "application/json"),
            ("authorization", BEARER),
            ("x-vercel-internal-invocation-id", "inv_1"),
            ("x-vercel-internal-request-id", "1"),
        ];
        http::ask(address, "POST /api/twilio/make-call", &headers, body.as_bytes())
    });
    world.wait_for_a_dial();
    make_call.terminate();
    wait_until("no new request is taken", || !answers(address));
    drop(held);
    let answer = dial.join().unwrap().unwrap();
    assert_eq!((answer.status(), &answer.json()["callSid"]), (200, &json!(CALL_SID)));
    make_call.assert_over(1);
    make_call.assert_ends();
    let status = Function::start(&world, "status");
    let by_sid = format!("GET /api/twilio/status?callSid={CALL_SID}");
    let call = status.ask(&by_sid, &[("authorization", BEARER)], b"").json();
    assert_eq!(call["status"], "queued", "{call}");
}

#[test]
fn a_caller_that_hangs_up_ends_no_dial_and_the_host_is_told_when_it_is_over() {
    let world = World::new();
    let make_call = Function::start(&world, "make-call");
    let held = world.dialling.lock().unwrap();
    let body = json!({"to": THEIR_NUMBER}).to_string();
    let request = format!(
        "POST /api/twilio/make-call HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         authorization: {BEARER}\r\nx-vercel-internal-invocation-id: inv_1\r\n\
         x-vercel-internal-request-id: 1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut caller = TcpStream::connect(make_call.address).unwrap();
    caller.write_all(request.as_bytes()).unwrap();
    world.wait_for_a_dial();
    drop(caller);
    // Answered after the connection was seen to be closed.
    assert_eq!(ping(make_call.address), 200);
    make_call.terminate();
    drop(held);
    make_call.assert_over(1);
    make_call.assert_ends();
    assert!(fs::read_to_string(world.log()).unwrap().contains("dialled"));
}

#[test]
fn an_idle_connection_keeps_no_process() {
    let world = World::new();
    let voice = Function::start(&world, "voice");
    let _idle = TcpStream::connect(voice.address).unwrap();
    assert_eq!(ping(voice.address), 200);
    let began = Instant::now();
    voice.end();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// Whether a new request gets an answer at once.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut caller) = TcpStream::connect(address) else { return false };
    caller.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let asked = caller.write_all(b"GET /_vercel/ping HTTP/1.1\r\nhost: x\r\n\r\n");
    asked.is_ok() && caller.read(&mut [0; 1]).is_ok_and(|read| read > 0)
}

fn ping(address: SocketAddr) -> u16 {
    http::ask(address, "GET /_vercel/ping", &[("host", "x")], b"").unwrap().status()
}

#[test]
fn the_bridges_own_headers_are_not_logged() {
    let world = World::new();
    // As loud as it gets: every library below us is asked for everything.
    let voice = Function::start_with(&world, "voice", &[("RUST_LOG", "trace")]);
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
    let voice = Function::start(&world, "voice");
    let expected = voice.answered();
    for forged in FORGED {
        let answer = voice.signed(VOICE, &[forged]);
        assert_eq!((answer.status(), &answer.body), (200, &expected.body), "{forged:?}");
    }
    let make_call = Function::start(&world, "make-call");
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
    let voice = Function::start(&world, "voice");
    let query = VOICE.split_once('?').unwrap().1;
    let answer = voice.signed(&format!("/phone?{query}"), &[]);
    assert!(answer.text().contains("conv_1"), "{}", answer.text());
}

#[test]
fn two_functions_meet_in_the_store() {
    let world = World::new();
    let make_call = Function::start(&world, "make-call");
    let status = Function::start(&world, "status");
    let headers = [("content-type", "application/json"), ("authorization", BEARER)];
    let body = json!({"to": THEIR_NUMBER}).to_string();
    let dialled = make_call.ask("POST /api/twilio/make-call", &headers, body.as_bytes()).json();
    assert_eq!(dialled["success"], true, "{dialled}");
    let by_call_id =
        format!("GET /api/twilio/status?callId={}", dialled["callId"].as_str().unwrap());
    let call = status.ask(&by_call_id, &headers[1..], b"").json();
    assert_eq!((&call["callSid"], &call["to"]), (&json!(CALL_SID), &json!(THEIR_NUMBER)), "{call}");
}
