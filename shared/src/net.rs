//! The one HTTP client of a function.
//!
//! rustls with ring and the webpki roots: aws-lc-rs would cost 45 to 85 ms of CPU on the first
//! handshake of every cold start, and reading the system's certificates 4 to 5 ms. Connections are kept
//! alive; redirects are never followed, because a redirected dial would be a second dial and a
//! redirected download would send our credentials elsewhere.

use std::error::Error as _;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use reqwest::{IntoUrl, Request, RequestBuilder, Response};
use rustls::{ClientConfig, RootCertStore};

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Builds the client. Fails only if the TLS settings contradict each other.
pub fn client() -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        // A proxy that is set for a shell must not see our credentials.
        .no_proxy()
        .user_agent(concat!("close-loop/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| describe(&error))
}

/// The network as the endpoints see it: reqwest's, or one that a test breaks.
pub trait Transport: Send + Sync {
    /// Sends one request, within its own time-out, and gives the head of the answer.
    fn send(&self, request: Request) -> Sent<'_>;
}

/// What [`Transport::send`] returns.
pub type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response, SendError>> + Send + 'a>>;

/// Why no answer came. The texts are for the log and name no URL, which may be signed or hold a
/// number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Not one byte was sent.
    NotSent(String),
    /// Time ran out after something was sent.
    TimedOut(String),
    /// The connection broke after something was sent.
    Broken(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotSent(why) | Self::TimedOut(why) | Self::Broken(why)) = self;
        f.write_str(why)
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        let why = describe(&error);
        // No connection was made, or the request could not be built.
        if error.is_connect() || error.is_builder() {
            Self::NotSent(why)
        } else if error.is_timeout() {
            Self::TimedOut(why)
        } else {
            Self::Broken(why)
        }
    }
}

impl Transport for reqwest::Client {
    fn send(&self, request: Request) -> Sent<'_> {
        let answer = self.execute(request);
        Box::pin(async move { Ok(answer.await?) })
    }
}

/// Builds requests and sends them over a [`Transport`].
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    transport: Arc<dyn Transport>,
}

impl From<reqwest::Client> for Http {
    fn from(client: reqwest::Client) -> Self {
        Self { transport: Arc::new(client.clone()), client }
    }
}

impl Http {
    /// Requests as `client` builds them, over another transport than the client's own.
    #[must_use]
    pub fn over(client: reqwest::Client, transport: Arc<dyn Transport>) -> Self {
        Self { client, transport }
    }

    /// A GET, not yet sent.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.get(url)
    }

    /// A POST, not yet sent.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        self.transport.send(request.build()?).await
    }
}

/// What went wrong, without the URL, which may be signed or hold a number.
#[must_use]
pub fn describe(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connection failed"
    } else {
        "request failed"
    };
    let mut innermost = error.source();
    while let Some(deeper) = innermost.and_then(|source| source.source()) {
        innermost = Some(deeper);
    }
    innermost.map_or_else(|| kind.to_owned(), |cause| format!("{kind}: {cause}"))
}

/// Why an answer could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The connection broke, or time ran out.
    Broken(String),
    /// Over the limit.
    TooLarge,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => f.write_str(why),
            Self::TooLarge => f.write_str("the answer is too large"),
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read_limited(mut response: Response, limit: usize) -> Result<Bytes, ReadError> {
    let mut body = BytesMut::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| ReadError::Broken(describe(&error)))?
    {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
