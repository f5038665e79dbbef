//! AWS's Runtime Interface Emulator, which needs no container: `AWS_LAMBDA_RIE` is the path of
//! `aws-lambda-rie-x86_64` from the Python package aws-sam-cli.

use std::env;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::http::{self, PATIENCE};
use crate::harness::process::{Process, binary, free_port};
use crate::harness::world::World;

use super::Lambda;

const INVOKE: &str = "POST /2015-03-31/functions/function/invocations";

/// One emulator for each function: it dies of two invocations at once.
pub(crate) struct Emulator {
    address: SocketAddr,
    _process: Process,
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
        let (address, runtime_api) = (free_port(), free_port());
        let mut environment = settings.to_vec();
        environment.extend([
            ("AWS_ACCESS_KEY_ID", "x".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "15".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ]);
        let mut command = Command::new(emulator);
        // Without both flags it listens on every interface.
        command.args(["--runtime-interface-emulator-address", &address.to_string()]);
        command.args(["--runtime-api-address", &runtime_api.to_string()]).arg(binary(name));
        // It prints what the function logs.
        let process = Process::start_logged(&mut command, &environment, &world.log());
        wait_for(address);
        Some(Self { address, _process: process })
    }

    fn invoke(&mut self, event: &Value) -> Value {
        let body = event.to_string();
        let ask = || http::ask(self.address, INVOKE, &[("host", "x")], body.as_bytes()).unwrap();
        let mut answer = ask();
        if answer.status() == 502 {
            // It may start a function before it listens for one: the function ends without an event.
            answer = ask();
        }
        // Its status is 200 even for an error and a timeout: the body tells.
        let answer: Value =
            serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"));
        assert!(answer.get("errorType").is_none(), "{answer}");
        answer
    }
}

/// It says nothing when it is ready, so knocking is all there is.
fn wait_for(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "the emulator does not listen");
        sleep(Duration::from_millis(5));
    }
}
