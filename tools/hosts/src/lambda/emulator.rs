//! AWS's Runtime Interface Emulator, which needs no container: `AWS_LAMBDA_RIE` is the path of
//! `aws-lambda-rie-x86_64` from the Python package aws-sam-cli.

use std::env;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use crate::World;
use crate::http;
use crate::process::{Process, binary, free_port, wait_until};

use super::Lambda;

const INVOKE: &str = "POST /2015-03-31/functions/function/invocations";

/// How often one event is sent. Every other time it was the emulator that failed, not the function: it
/// starts a function before it listens for one (502), or breaks the connection off.
const TRIES: u32 = 3;

/// One function: the emulator dies of two invocations at once, as no instance of Lambda ever gets.
#[derive(Debug)]
pub struct Emulator {
    emulator: PathBuf,
    function: PathBuf,
    settings: Vec<(&'static str, String)>,
    log: PathBuf,
    running: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    _process: Process,
}

impl Emulator {
    /// Starts this emulator for this function.
    #[must_use]
    pub fn with(
        emulator: &Path,
        function: &Path,
        settings: &[(&'static str, String)],
        log: &Path,
    ) -> Self {
        let running = Running::start(emulator, function, settings, log);
        Self {
            emulator: emulator.to_owned(),
            function: function.to_owned(),
            settings: settings.to_vec(),
            log: log.to_owned(),
            running: Mutex::new(running),
        }
    }

    /// What the function answers to an event, as its front end would get it.
    pub fn answer(&self, event: &Value) -> Result<Value, String> {
        let mut running = self.running.lock().unwrap();
        let body = event.to_string();
        let mut tries = 1;
        let answer = loop {
            let answer = http::ask(running.address, INVOKE, &[("host", "x")], body.as_bytes());
            match answer {
                Ok(answer) if answer.status() != 502 || tries == TRIES => break answer,
                Err(error) if tries == TRIES => return Err(error.to_string()),
                Ok(_) => {}
                Err(_) => {
                    *running =
                        Running::start(&self.emulator, &self.function, &self.settings, &self.log);
                }
            }
            tries += 1;
        };
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        // Its status is 200 even for a panic and a timeout: the body tells.
        let told: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
        if told.get("statusCode").is_some() { Ok(told) } else { Err(text) }
    }
}

impl Running {
    fn start(
        emulator: &Path,
        function: &Path,
        settings: &[(&'static str, String)],
        log: &Path,
    ) -> Self {
        let (address, runtime_api) = (free_port(), free_port());
        let mut environment = settings.to_vec();
        environment.extend([
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "30".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ]);
        let mut command = Command::new(emulator);
        // Without both flags it listens on every interface.
        command.args(["--runtime-interface-emulator-address", &address.to_string()]);
        command.args(["--runtime-api-address", &runtime_api.to_string()]).arg(function);
        let mut process = Process::start(&mut command, &environment, log);
        // It says nothing when it is ready, so knocking is all there is.
        wait_until("the emulator listens", || {
            assert!(process.ended().is_none(), "the emulator has ended: {}", process.said());
            TcpStream::connect(address).is_ok()
        });
        Self { address, _process: process }
    }
}

impl Lambda for Emulator {
    fn start(world: &World, name: &str, settings: &[(&'static str, String)]) -> Option<Self> {
        let Some(emulator) = env::var_os("AWS_LAMBDA_RIE") else {
            let ci = env::var_os("CI").is_some();
            assert!(!ci, "AWS_LAMBDA_RIE is not set: in CI nothing is skipped");
            // Not eprintln!: the test harness would swallow it.
            let skipped =
                format!("SKIPPED: AWS_LAMBDA_RIE is not set, so {name} did not run there\n");
            io::stderr().write_all(skipped.as_bytes()).unwrap();
            return None;
        };
        Some(Self::with(Path::new(&emulator), &binary(name), settings, &world.log()))
    }

    fn invoke(&mut self, event: &Value) -> Value {
        self.answer(event).unwrap()
    }
}
