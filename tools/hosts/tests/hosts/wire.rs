//! HTTP as it is on the wire: the caller says what stands in `Host`, and no address is rewritten.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far longer than any answer takes; only what hangs meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Sends one request on a connection of its own.
pub(crate) async fn ask(
    to: SocketAddr,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, String> {
    let exchange = async {
        let stream = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // Ends by itself: with the sender or with the other side.
        tokio::spawn(connection);
        let answer = sender.send_request(request.map(Full::new)).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    timeout(PATIENCE, exchange).await.map_err(|_| format!("{to} did not answer"))?
}

/// A server that answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Server(JoinHandle<()>);

impl Server {
    /// Answers on a listener that was bound before, so that others could be told its port.
    pub(crate) fn start<F, A>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let handler = move |request: axum::extract::Request| {
            let answer = answer.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                answer(Request::from_parts(head, body)).await.map(axum::body::Body::from)
            }
        };
        Self::serve(listener, axum::Router::new().fallback(handler))
    }

    /// The same for a router.
    pub(crate) fn serve(listener: TcpListener, router: axum::Router) -> Self {
        Self::run(async move { axum::serve(listener, router).await.unwrap() })
    }

    /// The same for somebody who serves by himself.
    pub(crate) fn run(server: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes out what belongs to one connection and must not be passed on to the next.
pub(crate) fn without_hop_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}

/// An answer without anything but a status.
pub(crate) fn bare(status: u16) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::new()).unwrap()
}
