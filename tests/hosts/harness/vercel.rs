//! Vercel's side of the bridge, as `vercel_runtime` 2.x talks to it: a unix socket for messages, HTTP for requests, SIGTERM.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use super::http::{self, Message, PATIENCE};
use super::process::{Process, binary, free_port};
use super::webhook::{FORM, answered, form, sign};
use super::world::World;

pub(crate) const APP: &str = "https://app.example";
pub(crate) const VOICE: &str = "/api/twilio/voice?callId=00112233445566778899aabbccddeeff";

/// One function, started.
pub(crate) struct Function {
    pub(crate) process: Process,
    messages: BufReader<UnixStream>,
    pub(crate) address: SocketAddr,
    requests: u64,
}

impl Function {
    pub(crate) fn start(world: &World, name: &str) -> Self {
        Self::start_with(world, name, &[])
    }

    /// `more` is what the environment holds beside the settings.
    pub(crate) fn start_with(world: &World, name: &str, more: &[(&'static str, &str)]) -> Self {
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
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
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

    /// The process ends, as hosts end it. Everything it had to log is logged then.
    pub(crate) fn end(mut self) {
        self.process.terminate();
        assert_eq!(self.message(), None);
        assert!(self.process.wait().success());
    }

    /// The next message; `None` when the process has ended.
    pub(crate) fn message(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        self.messages.read_until(0, &mut bytes).unwrap();
        let message = bytes.strip_suffix(b"\0")?;
        Some(serde_json::from_slice(message).unwrap())
    }

    /// One request as Vercel's bridge sends it. That its "end" follows is part of every answer.
    pub(crate) fn ask(&mut self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        self.requests += 1;
        let (invocation, request) = (format!("inv_{}", self.requests), self.requests.to_string());
        let mut all = vec![
            ("host", "app.example"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "203.0.113.9"),
            ("x-vercel-internal-invocation-id", &invocation),
            ("x-vercel-internal-request-id", &request),
        ];
        // Whatever the bridge would overwrite, a test may forge.
        all.retain(|(known, _)| !headers.iter().any(|(name, _)| name == known));
        all.extend(headers);
        let answer = http::ask(self.address, target, &all, body).unwrap();
        let context = json!({"invocationId": invocation, "requestId": self.requests});
        let end = json!({"type": "end", "payload": {"context": context, "error": null}});
        assert_eq!(self.message().unwrap(), end);
        answer
    }

    pub(crate) fn answered(&mut self) -> Message {
        let signature = sign(&format!("{APP}{VOICE}"), &answered());
        let headers = [("content-type", FORM), ("x-twilio-signature", &signature)];
        self.ask(&format!("POST {VOICE}"), &headers, form(&answered()).as_bytes())
    }
}
