//! Vercel's side of `vercel_runtime` 2.x: a unix socket for messages, HTTP for requests, SIGTERM.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::http::{self, Message, PATIENCE};
use crate::process::{Process, binary, free_port};
use crate::webhook::{FORM, answered, form, sign};
use crate::world::{BEARER, CALL_SID, THEIR_NUMBER, World};

const APP: &str = "https://app.example";
const VOICE: &str = "/api/twilio/voice?callId=00112233445566778899aabbccddeeff";

/// One function, started.
struct Function {
    process: Process,
    messages: BufReader<UnixStream>,
    address: SocketAddr,
    requests: u64,
}

impl Function {
    fn start(world: &World, name: &str) -> Self {
        let socket = world.file(name);
        let listener = UnixListener::bind(&socket).unwrap();
        let address = free_port();
        let mut environment = world.settings(APP);
        environment.extend([
            // Vercel reserves names of Lambda's. Whoever looks for them first ends up nowhere.
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1".to_owned()),
            ("VERCEL", "1".to_owned()),
            ("VERCEL_IPC_PATH", socket.display().to_string()),
            ("VERCEL_DEV_PORT", address.port().to_string()),
        ]);
        let process = Process::start(&mut Command::new(binary(name)), &environment, &world.log());
        let (sender, accepted) = mpsc::channel();
        thread::spawn(move || sender.send(listener.accept()));
        let (stream, _) = accepted.recv_timeout(PATIENCE).unwrap().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let messages = BufReader::new(stream);
        let mut function = Self { process, messages, address, requests: 0 };
        let started = function.message().unwrap();
        assert_eq!(started["type"], "server-started");
        assert_eq!(started["payload"]["httpPort"], address.port());
        function
    }

    /// The next message; `None` when the process has ended.
    fn message(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        self.messages.read_until(0, &mut bytes).unwrap();
        let message = bytes.strip_suffix(b"\0")?;
        Some(serde_json::from_slice(message).unwrap())
    }

    /// One request as Vercel's bridge sends it. That its "end" follows is part of every answer.
    fn ask(&mut self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        self.requests += 1;
        let (invocation, request) = (format!("inv_{}", self.requests), self.requests.to_string());
        let mut all = vec![
            ("host", "app.example"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "203.0.113.9"),
            ("x-vercel-internal-invocation-id", &invocation),
            ("x-vercel-internal-request-id", &request),
        ];
        all.extend(headers);
        let answer = http::ask(self.address, target, &all, body).unwrap();
        let context = json!({"invocationId": invocation, "requestId": self.requests});
        let end = json!({"type": "end", "payload": {"context": context, "error": null}});
        assert_eq!(self.message().unwrap(), end);
        answer
    }

    fn answered(&mut self) -> Message {
        let signature = sign(&format!("{APP}{VOICE}"), &answered());
        let headers = [("content-type", FORM), ("x-twilio-signature", &signature)];
        self.ask(&format!("POST {VOICE}"), &headers, form(&answered()).as_bytes())
    }
}

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
fn sigterm_ends_the_process_in_peace() {
    let world = World::new();
    let mut voice = Function::start(&world, "voice");
    voice.answered();
    voice.process.terminate();
    assert_eq!(voice.message(), None);
    assert!(voice.process.wait().success());
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
