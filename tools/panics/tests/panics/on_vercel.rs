//! Vercel, `vercel dev`, and nobody at all.

use panics::{CLIENT, TRIPWIRE};
use serde_json::json;

use crate::harness::http::{Message, ask};
use crate::harness::shell;
use crate::harness::vercel::{APP, Function, VOICE};
use crate::harness::webhook::{FORM, answered, form, sign};
use crate::harness::world::{BEARER, THEIR_NUMBER, World};

/// A genuine webhook, with headers beside its own.
fn webhook(voice: &mut Function, more: &[(&str, &str)]) -> Message {
    let signature = sign(&format!("{APP}{VOICE}"), &answered());
    let mut headers = vec![("content-type", FORM), ("x-twilio-signature", signature.as_str())];
    headers.extend(more);
    voice.ask(&format!("POST {VOICE}"), &headers, form(&answered()).as_bytes())
}

#[test]
fn voice_says_an_apology_and_answers_the_next_call() {
    let world = World::new();
    let mut voice = Function::start(&world, "panicking-voice");
    for when in ["early", "late"] {
        let answer = webhook(&mut voice, &[(TRIPWIRE, when)]);
        assert_eq!((answer.status(), answer.header("content-type")), (200, Some("text/xml")));
        assert!(answer.text().contains("<Say") && answer.text().contains("<Hangup"));
        let answer = webhook(&mut voice, &[]);
        assert!(answer.text().contains("conv_1"), "{}", answer.text());
    }
    voice.end();
    crate::assert_logged(&world.log(), 2);
}

#[test]
fn make_call_says_500_in_json_and_dials_the_next_time() {
    let world = World::new();
    let mut make_call = Function::start(&world, "panicking-make-call");
    let body = json!({"to": THEIR_NUMBER}).to_string();
    let mut dial = |more: &[(&str, &str)]| {
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

/// What a caller may write to be taken for somebody else.
const FORGED: [(&str, &str); 4] = [
    ("forwarded", "for=198.51.100.66"),
    ("true-client-ip", "198.51.100.66"),
    ("x-forwarded-for", "198.51.100.66"),
    ("x-vercel-forwarded-for", "198.51.100.66"),
];

#[test]
fn the_clients_address_is_vercels_word() {
    let world = World::new();
    let mut voice = Function::start(&world, "panicking-voice");
    // The bridge of the harness always sends x-real-ip, as Vercel does.
    assert_eq!(webhook(&mut voice, &[]).header(CLIENT), Some("203.0.113.9"));
    assert_eq!(webhook(&mut voice, &FORGED).header(CLIENT), Some("203.0.113.9"));
    let unreadable = webhook(&mut voice, &[("x-real-ip", "unknown"), FORGED[2]]);
    assert_eq!(unreadable.header(CLIENT), Some("unknown"));
}

#[test]
fn vercel_dev_is_believed_and_a_bare_shell_has_nobody_to_believe() {
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
