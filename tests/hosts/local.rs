//! No host at all: `./voice` in a developer's shell.

use std::fs;
use std::net::TcpStream;

use hosts::http;
use hosts::shell::{start, start_with_handles};
use hosts::webhook::{FORM, answered, form, sign};
use hosts::{World, wait_until};

#[test]
fn every_function_is_plain_http_on_the_port_it_was_told() {
    let world = World::new();
    let methods = [
        ("elevenlabs/get-transcript", "GET, HEAD, OPTIONS"),
        ("twilio/make-call", "POST, OPTIONS"),
        ("twilio/voice", "POST"),
        ("twilio/status", "GET, HEAD, POST, OPTIONS"),
        ("twilio/recording", "GET, HEAD, POST, OPTIONS"),
    ];
    for (path, allowed) in methods {
        let (_, name) = path.split_once('/').unwrap();
        let (_process, address) = start(&world, name, &[]);
        let target = format!("PUT /api/{path}");
        let answer = http::ask(address, &target, &[("host", "localhost")], b"").unwrap();
        assert_eq!((answer.status(), answer.header("allow")), (405, Some(allowed)), "{name}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{name}");
        // A laptop's browser would go to https://localhost for a year.
        assert_eq!(answer.header("strict-transport-security"), None, "{name}");
    }
}

#[test]
fn voice_connects_the_agent_without_a_host() {
    let world = World::new();
    let (_process, address) = start(&world, "voice", &[]);
    let signature = sign(&format!("http://{address}/api/twilio/voice"), &answered());
    let headers =
        [("host", "localhost"), ("content-type", FORM), ("x-twilio-signature", &signature)];
    let body = form(&answered());
    let answer = http::ask(address, "POST /api/twilio/voice", &headers, body.as_bytes()).unwrap();
    assert!(answer.text().contains("conv_1"), "{}", answer.text());
}

#[test]
fn file_handles_that_run_out_end_no_process() {
    let world = World::new();
    let (_process, address) = start_with_handles(&world, "status", 32);
    // More than it can take; the others are refused.
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(address)).collect();
    let log = || fs::read_to_string(world.log()).unwrap();
    wait_until("the handles run out", || log().contains("no connection could be accepted"));
    drop(idle);
    let ask = || http::ask(address, "OPTIONS /api/twilio/status", &[("host", "x")], b"");
    wait_until("it answers again", || ask().is_ok_and(|answer| answer.status() == 204));
    assert!(log().lines().count() < 20, "{}", log());
}
