//! Vercel's side of the bridge, as `vercel_runtime` 2.x talks to it: a unix socket for messages, HTTP for requests, SIGTERM.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;

use serde_json::{Value, json};

use crate::World;
use crate::http::{self, Message, PATIENCE};
use crate::process::{Process, binary, free_port};
use crate::webhook::{FORM, answered, form, sign};

/// The public address of [`Function::start`]'s deployment.
pub const APP: &str = "https://app.example";
/// Where Twilio asks what a call is to do.
pub const VOICE: &str = "/api/twilio/voice?callId=00112233445566778899aabbccddeeff";

/// One function, started.
#[derive(Debug)]
pub struct Function {
    /// Where it answers.
    pub address: SocketAddr,
    process: Mutex<Process>,
    requests: AtomicU64,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

/// What the function has told its host and the host has not looked at yet.
#[derive(Debug, Default)]
struct Heard {
    messages: Vec<Value>,
    is_closed: bool,
}

impl Function {
    /// A function of this test's package.
    #[must_use]
    pub fn start(world: &World, name: &str) -> Self {
        Self::start_with(world, name, &[])
    }

    /// `more` is what the environment holds beside the settings.
    #[must_use]
    pub fn start_with(world: &World, name: &str, more: &[(&'static str, &str)]) -> Self {
        let mut settings = world.settings(APP);
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut command = Command::new(binary(name));
        Self::with(&mut command, name, &settings, &world.file(name), &world.log())
    }

    /// This program. The socket's path must be short: at most some hundred bytes.
    #[must_use]
    pub fn with(
        command: &mut Command,
        name: &str,
        settings: &[(&'static str, String)],
        socket: &Path,
        log: &Path,
    ) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let address = free_port();
        let mut environment = settings.to_vec();
        environment.extend([
            // Vercel reserves names of Lambda's. A program that looks for them first ends up nowhere.
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("VERCEL", "1".to_owned()),
            ("VERCEL_DEV_PORT", address.port().to_string()),
            ("VERCEL_IPC_PATH", socket.display().to_string()),
        ]);
        let process = Mutex::new(Process::start(command, &environment, log));
        let (sender, accepted) = mpsc::channel();
        thread::spawn(move || sender.send(listener.accept()));
        let accepted =
            accepted.recv_timeout(PATIENCE).expect("the function does not call its host");
        let heard = Arc::default();
        let into = Arc::clone(&heard);
        thread::spawn(move || hear(accepted.unwrap().0, &into));
        let function = Self { address, process, requests: AtomicU64::new(0), heard };
        let started = function.message(|it| it["type"] == "server-started").unwrap();
        assert_eq!(started["payload"]["httpPort"], address.port());
        function
    }

    /// Asks the process to end, as hosts do.
    pub fn terminate(&self) {
        self.process.lock().unwrap().terminate();
    }

    /// The process ends in peace, and no message is left over. Everything it had to log is logged then.
    pub fn end(&self) {
        self.terminate();
        self.assert_ends();
    }

    /// The same for a process that was asked to before.
    pub fn assert_ends(&self) {
        assert_eq!(self.message(|_| true), None, "a request never ended");
        assert!(self.process.lock().unwrap().wait().success());
    }

    /// The first message of a kind; `None` when the process has ended without one.
    fn message(&self, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
        let (heard, more) = &*self.heard;
        let waits = |heard: &mut Heard| !heard.is_closed && !heard.messages.iter().any(&is_it);
        let waited = more.wait_timeout_while(heard.lock().unwrap(), PATIENCE, waits).unwrap();
        assert!(!waited.1.timed_out(), "no message in time");
        let mut heard = waited.0;
        let found = heard.messages.iter().position(is_it)?;
        Some(heard.messages.remove(found))
    }

    /// A request's number and the name of its invocation, which go into headers.
    pub fn invocation(&self) -> (u64, String) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        (number, format!("inv_{number}"))
    }

    /// The host is told that this request is over.
    pub fn assert_over(&self, number: u64) {
        let is_it = |it: &Value| it["payload"]["context"]["requestId"] == number;
        let context = json!({"invocationId": format!("inv_{number}"), "requestId": number});
        let end = json!({"type": "end", "payload": {"context": context, "error": null}});
        assert_eq!(self.message(is_it), Some(end));
    }

    /// One request as Vercel's bridge sends it. That its "end" follows is part of every answer.
    pub fn ask(&self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let (number, invocation) = self.invocation();
        let request = number.to_string();
        let mut all = vec![
            ("host", "app.example"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "203.0.113.9"),
            ("x-vercel-internal-invocation-id", &invocation),
            ("x-vercel-internal-request-id", &request),
        ];
        // What the bridge would overwrite, a test may forge.
        all.retain(|(known, _)| !headers.iter().any(|(name, _)| name == known));
        all.extend(headers);
        let answer = http::ask(self.address, target, &all, body).unwrap();
        self.assert_over(number);
        answer
    }

    /// The answer to [`VOICE`] when the person has picked up.
    pub fn answered(&self) -> Message {
        self.signed(VOICE, &[])
    }

    /// The same under another path, with headers beside Twilio's own.
    pub fn signed(&self, target: &str, more: &[(&str, &str)]) -> Message {
        let signature = sign(&format!("{APP}{VOICE}"), &answered());
        let mut headers = vec![("content-type", FORM), ("x-twilio-signature", &*signature)];
        headers.extend(more);
        self.ask(&format!("POST {target}"), &headers, form(&answered()).as_bytes())
    }
}

/// Keeps every message until the process closes the socket.
fn hear(stream: UnixStream, into: &(Mutex<Heard>, Condvar)) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut bytes = Vec::new();
        let is_whole = stream.read_until(0, &mut bytes).is_ok() && bytes.pop() == Some(0);
        let mut heard = into.0.lock().unwrap();
        if is_whole {
            heard.messages.push(serde_json::from_slice(&bytes).unwrap());
        }
        heard.is_closed = !is_whole;
        into.1.notify_all();
        if heard.is_closed {
            return;
        }
    }
}
