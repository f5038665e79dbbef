//! Vercel, `vercel dev`, and no host at all.

use panics::{CLIENT, TRIPWIRE};
use serde_json::json;

use hosts::http::ask;
use hosts::shell;
use hosts::vercel::{Function, VOICE};
use hosts::{BEARER, THEIR_NUMBER, World};

#[test]
fn voice_says_an_apology_and_answers_the_next_call() {
    let world = World::new();
    let voice = Function::start(&world, "panicking-voice");
    for when in ["early", "late"] {
        let answer = voice.signed(VOICE, &[(TRIPWIRE, when)]);
        assert_eq!((answer.status(), answer.header("content-type")), (200, Some("text/xml")));
        assert!(answer.text().contains("<Say") && answer.text().contains("<Hangup"));
        let answer = voice.answered();
        assert!(answer.text().contains("conv_1"), "{}", answer.text());
    }
    voice.end();
    crate::assert_logged(&world.log(), 2);
}

#[test]
fn make_call_says_500_in_json_and_dials_the_next_time() {
    let world = World::new();
    let make_call = Function::start(&world, "panicking-make-call");
    let body = json!({"to": THEIR_NUMBER}).to_string();
    let dial = |more: &[(&str, &str)]| {
        let mut headers = vec![("content-type", "application/json"), ("authorization", BEARER)];
        headers.extend(more);
        make_call.ask("POST /api/twilio/make-call", &headers, body.as_bytes())
    };
    for when in ["early", "late"] {
        let answer = dial(&[(TRIPWIRE, when)]);
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.json()["reason"], "internal_error", "{}", answer.text());
        assert_eq!(dial(&[]).json()["success"], true);
    }
}

/// What a caller may write to be taken for another one.
const FORGED: [(&str, &str); 4] = [
    ("forwarded", "for=198.51.100.66"),
    ("true-client-ip", "198.51.100.66"),
    ("x-forwarded-for", "198.51.100.66"),
    ("x-vercel-forwarded-for", "198.51.100.66"),
];

#[test]
fn the_clients_address_is_vercels_word() {
    let world = World::new();
    let voice = Function::start(&world, "panicking-voice");
    // The bridge of the harness always sends x-real-ip, as Vercel does.
    assert_eq!(voice.answered().header(CLIENT), Some("203.0.113.9"));
    assert_eq!(voice.signed(VOICE, &FORGED).header(CLIENT), Some("203.0.113.9"));
    let unreadable = voice.signed(VOICE, &[("x-real-ip", "unknown"), FORGED[2]]);
    assert_eq!(unreadable.header(CLIENT), Some("unknown"));
}

#[test]
fn vercel_dev_is_believed_and_a_bare_shell_has_no_host_to_believe() {
    let world = World::new();
    for (environment, expected) in [(&[("VERCEL_DEV", "1")][..], "127.0.0.1"), (&[], "unknown")] {
        let (_process, address) = shell::start(&world, "panicking-voice", environment);
        // As `vercel dev` writes them: it appends to what the caller forged.
        let headers = [
            ("host", "localhost"),
            ("x-forwarded-for", "198.51.100.66,127.0.0.1"),
            ("x-real-ip", "127.0.0.1"),
        ];
        let answer = ask(address, "GET /api/twilio/voice", &headers, b"").unwrap();
        assert_eq!(answer.header(CLIENT), Some(expected));
    }
}
