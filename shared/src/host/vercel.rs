//! Vercel's bridge, and plain HTTP on loopback where no host is found: one HTTP/1.1 server.
//!
//! Vercel's own crate `vercel_runtime` 2.4 serves alike, and ends the process when file handles run
//! out, and drops the requests in flight when the host ends it: a dial, between Twilio's answer and our
//! record of it. The messages to the bridge are that crate's.

use std::convert::Infallible;
use std::io::Write;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::endpoint::{App, Endpoint};
use crate::settings::Platform;

use super::ending::{patience, terminated};
use super::{Error, body, client};

/// After a connection could not be accepted: some of those that are open will have ended.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run<E: Endpoint>(
    endpoint: E,
    app: Arc<App>,
    platform: Platform,
) -> Result<(), Error> {
    let port = std::env::var("VERCEL_DEV_PORT").ok().and_then(|port| port.parse().ok());
    let port: u16 = port.unwrap_or(3000);
    let bridge = Bridge::connect();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let terminated = terminated();
    bridge.started(port);
    // Without Vercel in front anybody may have written the header. The peer is not told.
    let is_vercels = platform != Platform::Bare;
    let answer = move |request: Request<Incoming>| {
        let client = is_vercels.then(|| client::real_ip(request.headers())).flatten();
        body::answer(endpoint, Arc::clone(&app), client, request)
    };
    serve(listener, terminated, bridge, answer).await;
    Ok(())
}

/// Answers until the process is told to end; then takes no more requests and finishes those that it has.
async fn serve<F, A>(
    listener: TcpListener,
    terminated: impl Future<Output = ()>,
    bridge: Bridge,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Bytes>> + Send + 'static,
{
    let connections = GracefulShutdown::new();
    // Each request holds a sender, whether or not its caller is still there: when all are gone, all are
    // answered.
    let (in_flight, mut finished) = mpsc::channel::<Infallible>(1);
    let mut terminated = pin!(terminated);
    let mut is_full = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut terminated => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !is_full {
                    warn!(service = "close-loop", %error, "no connection could be accepted");
                }
                is_full = true;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        is_full = false;
        let (answer, bridge, in_flight) = (answer.clone(), bridge.clone(), in_flight.clone());
        let service = service_fn(move |request| {
            let (invocation, (sender, answered)) = (Invocation::of(&request), oneshot::channel());
            let (answer, bridge, in_flight) = (answer.clone(), bridge.clone(), in_flight.clone());
            tokio::spawn(async move {
                let response = if request.uri().path() == "/_vercel/ping" {
                    Response::new(Bytes::from_static(b"OK"))
                } else {
                    answer(request).await
                };
                // Fails where the caller has hung up.
                let _ = sender.send(response.map(Full::new));
                // The answer is written first: the host may stop this process at its end.
                tokio::task::yield_now().await;
                bridge.ended(invocation);
                drop(in_flight);
            });
            answered
        });
        let connection =
            http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connections.watch(connection));
    }
    drop((listener, in_flight));
    let finishing = async {
        connections.shutdown().await;
        finished.recv().await;
    };
    tokio::select! {
        () = finishing => {}
        () = patience() => warn!(service = "close-loop", "requests were cut off: the process ends"),
    }
}

/// How the host names a request, where it does.
struct Invocation(Option<(String, u64)>);

impl Invocation {
    fn of<B>(request: &Request<B>) -> Self {
        let header = |name| request.headers().get(name)?.to_str().ok();
        let id = header("x-vercel-internal-invocation-id").map(str::to_owned);
        Self(id.zip(header("x-vercel-internal-request-id").and_then(|text| text.parse().ok())))
    }
}

/// Where the host is told what happens: JSON messages, each with a zero byte behind it. In a shell there
/// is none.
#[derive(Clone, Default)]
struct Bridge(Option<Arc<Mutex<dyn Write + Send>>>);

impl Bridge {
    #[cfg(unix)]
    fn connect() -> Self {
        let Some(path) = std::env::var_os("VERCEL_IPC_PATH") else { return Self::default() };
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(stream) => Self(Some(Arc::new(Mutex::new(stream)))),
            Err(error) => {
                warn!(service = "close-loop", %error, "Vercel's bridge cannot be reached");
                Self::default()
            }
        }
    }

    #[cfg(not(unix))]
    fn connect() -> Self {
        Self::default()
    }

    fn started(&self, port: u16) {
        if self.0.is_none() {
            // The line that `vercel dev` waits for.
            println!("Dev server listening: {port}");
        }
        self.tell(&json!({
            "type": "server-started", "payload": {"initDuration": 0, "httpPort": port}
        }));
    }

    fn ended(&self, Invocation(invocation): Invocation) {
        let Some((id, request)) = invocation else { return };
        let context = json!({"invocationId": id, "requestId": request});
        self.tell(&json!({"type": "end", "payload": {"context": context, "error": null}}));
    }

    fn tell(&self, message: &Value) {
        let Some(stream) = &self.0 else { return };
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = stream.write_all(format!("{message}\0").as_bytes()) {
            warn!(service = "close-loop", %error, "Vercel's bridge was not told");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    use super::*;

    /// The paused clock jumps over the time that requests have.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_keeps_no_process_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (began, mut begun) = mpsc::channel::<()>(1);
        let never = move |_| {
            let began = began.clone();
            async move {
                began.send(()).await.unwrap();
                std::future::pending().await
            }
        };
        let (tell, told) = oneshot::channel::<()>();
        let told = async { told.await.unwrap() };
        let served = tokio::spawn(serve(listener, told, Bridge::default(), never));
        let mut caller = TcpStream::connect(address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut caller, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        begun.recv().await.unwrap();
        let at = Instant::now();
        tell.send(()).unwrap();
        served.await.unwrap();
        assert_eq!(at.elapsed().as_secs(), 20);
    }
}
