//! AWS's Runtime Interface Emulator, which needs no container.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use serde_json::Value;
use stores::free_port;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::process::Process;
use crate::wire::{self, PATIENCE};

const INVOKE: &str = "/2015-03-31/functions/function/invocations";

/// One function: the emulator dies of two invocations at once, as no instance of Lambda ever gets.
#[derive(Debug)]
pub(super) struct Emulator {
    address: SocketAddr,
    one_at_a_time: Mutex<()>,
    _process: Process,
}

impl Emulator {
    pub(super) async fn start(
        program: &Path,
        bootstrap: &Path,
        settings: &[(&str, String)],
        log: &Path,
    ) -> Self {
        let loopback = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (address, runtime_api) = (loopback(), loopback());
        let mut command = Command::new(program);
        // Without both flags it listens on every interface.
        command.args(["--runtime-interface-emulator-address", &address.to_string()]);
        command.args(["--runtime-api-address", &runtime_api.to_string()]).arg(bootstrap);
        let mut process = Process::start(&mut command, settings, log);
        // It says nothing when it is ready, so knocking is all there is.
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            assert!(process.ended().is_none(), "the emulator has ended: {}", process.said());
            assert!(Instant::now() < deadline, "the emulator does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { address, one_at_a_time: Mutex::new(()), _process: process }
    }

    /// What the function answers to an event, as API Gateway would get it.
    pub(super) async fn invoke(&self, event: &Value) -> Result<Value, String> {
        let _turn = self.one_at_a_time.lock().await;
        let ask = || {
            let request = Request::post(INVOKE).header(header::HOST, self.address.to_string());
            wire::ask(self.address, request.body(Bytes::from(event.to_string())).unwrap())
        };
        let mut answer = ask().await?;
        if answer.status() == 502 {
            // It may start a function before it listens for one: the function ends without an event.
            answer = ask().await?;
        }
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        // Its status is 200 even for a panic and a timeout: the body tells.
        let told: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
        if told.get("statusCode").is_some() { Ok(told) } else { Err(text) }
    }
}
