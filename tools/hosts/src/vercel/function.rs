//! Vercel's side of the bridge, as `vercel_runtime` 2.x talks to it: a unix socket for messages, HTTP for requests, SIGTERM.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use stores::free_port;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::process::Process;
use crate::wire::{self, PATIENCE};

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// One `.func` folder, started.
#[derive(Debug)]
pub(crate) struct Function {
    address: SocketAddr,
    requests: AtomicU64,
    waiting: Waiting,
    /// What ends with it: the process, and the reader of its messages.
    ending: AsyncMutex<(Process, JoinHandle<()>)>,
}

impl Function {
    pub(super) async fn start(folder: &Path, settings: &[(&str, String)], work: &Path) -> Self {
        let config: Value =
            serde_json::from_slice(&fs::read(folder.join(".vc-config.json")).unwrap()).unwrap();
        assert_eq!(config["runtime"], "executable", "{config}");
        let executable = folder.join(config["handler"].as_str().unwrap());
        let name = folder.file_stem().unwrap().to_str().unwrap();
        // In the temporary folder: a unix socket's path has at most some hundred bytes.
        let socket = work.join(format!("{name}.sock"));
        let listener = UnixListener::bind(&socket).unwrap();
        let port = free_port();
        let mut environment = settings.to_vec();
        environment.extend([
            // Vercel reserves names of Lambda's. Whoever looks for them first ends up nowhere.
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("VERCEL", "1".to_owned()),
            ("VERCEL_DEV_PORT", port.to_string()),
            ("VERCEL_IPC_PATH", socket.display().to_string()),
        ]);
        let mut command = Command::new(executable);
        let process = Process::start(command.current_dir(folder), &environment, &work.join(name));
        let connected = timeout(PATIENCE, listener.accept()).await;
        let (stream, _) = connected.expect("the function does not call its host").unwrap();
        let mut messages = BufReader::new(stream);
        let started = timeout(PATIENCE, message(&mut messages)).await.unwrap().unwrap();
        assert_eq!(started["type"], "server-started", "{started}");
        assert_eq!(started["payload"]["httpPort"], port, "{started}");
        let waiting = Waiting::default();
        let reader = tokio::spawn(read(messages, Arc::clone(&waiting)));
        let function = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            requests: AtomicU64::new(0),
            waiting,
            ending: AsyncMutex::new((process, reader)),
        };
        let ping = Request::get("/_vercel/ping").header("host", "x").body(Bytes::new()).unwrap();
        assert_eq!(wire::ask(function.address, ping).await.unwrap().body(), "OK");
        function
    }

    /// One request as Vercel's bridge sends it. That its "end" follows is part of every answer.
    pub(super) async fn ask(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let invocation = format!("inv_{number}");
        let (sender, end) = oneshot::channel();
        self.waiting.lock().unwrap().insert(number, sender);
        let headers = request.headers_mut();
        headers.insert("x-vercel-internal-invocation-id", invocation.parse().unwrap());
        headers.insert("x-vercel-internal-request-id", number.into());
        let answer = wire::ask(self.address, request).await?;
        let end = timeout(PATIENCE, end).await.map_err(|_| "no end message".to_owned())?;
        let context = json!({"invocationId": invocation, "requestId": number});
        assert_eq!(end.unwrap(), json!({"context": context, "error": null}));
        Ok(answer)
    }

    /// SIGTERM. It ends with 0, and no message is left over.
    pub(crate) async fn stop(&self) {
        let mut ending = self.ending.lock().await;
        assert!(ending.0.terminate().await.success());
        timeout(PATIENCE, &mut ending.1).await.expect("the socket stays open").unwrap();
        assert!(self.waiting.lock().unwrap().is_empty(), "a request never ended");
    }
}

/// The next message; `None` when the process has ended.
async fn message(from: &mut BufReader<UnixStream>) -> Option<Value> {
    let mut bytes = Vec::new();
    from.read_until(0, &mut bytes).await.unwrap();
    Some(serde_json::from_slice(bytes.strip_suffix(b"\0")?).unwrap())
}

async fn read(mut messages: BufReader<UnixStream>, waiting: Waiting) {
    while let Some(mut message) = message(&mut messages).await {
        if message["type"] == "end" {
            let number = message["payload"]["context"]["requestId"].as_u64().unwrap();
            let sender = waiting.lock().unwrap().remove(&number).expect("one end for each request");
            // Nobody waits where the answer was lost, and that fails elsewhere.
            let _ = sender.send(message["payload"].take());
        }
    }
}
