//! Redis' own protocol: one connection for all requests at once, made when it is first needed.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, TlsCertificates, Value};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::reply::{self, Reply};
use super::transport::{Command, Replies, Transport};
use crate::settings::Secret;
use crate::store::StoreError;

/// How long a connection, TLS included, may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a reply may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Resp {
    client: Client,
    /// Held while connecting, so that a thousand first requests share one connection.
    connection: Mutex<Option<Live>>,
}

/// A connection and its number, by which a broken one is told from its successor.
#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    number: u64,
}

impl Resp {
    pub(super) fn new(url: &Secret, ca_pem: Option<&[u8]>) -> Result<Self, StoreError> {
        // The crate uses the provider of the process. If one is installed already, it is this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match ca_pem {
            None => Client::open(url.reveal()),
            // The crate would take a text without a certificate, and then trust no server.
            Some(pem) if CertificateDer::from_pem_slice(pem).is_err() => {
                return Err(StoreError::new("the certificate authority of Redis is no PEM"));
            }
            Some(pem) => Client::build_with_tls(
                url.reveal(),
                TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) },
            ),
        };
        // The crate's own text may repeat the address.
        let client = client.map_err(|error| {
            StoreError::new(format!("the Redis address cannot be used: {}", error.category()))
        })?;
        Ok(Self { client, connection: Mutex::new(None) })
    }

    async fn exchange(&self, commands: &[Command]) -> Result<Vec<Reply>, StoreError> {
        let (live, is_fresh) = self.live_soon(0).await?;
        let number = live.number;
        let result = match send(live, commands).await {
            // A server closes a silent connection, and a frozen function is silent. Every operation
            // may be sent twice, so an operation that met a closed connection is sent again.
            Err(error) if !is_fresh && error.is_connection_dropped() => {
                let (live, _) = self.live_soon(number + 1).await?;
                let number = live.number;
                (send(live, commands).await, number)
            }
            result => (result, number),
        };
        match result {
            (Ok(values), _) => values.into_iter().map(Reply::from_resp).collect(),
            (Err(error), number) => {
                if error.is_unrecoverable_error() || error.is_io_error() {
                    self.forget(number).await;
                }
                Err(describe(error))
            }
        }
    }

    /// The time-out includes the wait for another request's attempt. If the server does not answer,
    /// requests in a queue must not wait for each other in turn.
    async fn live_soon(&self, least: u64) -> Result<(Live, bool), StoreError> {
        match timeout(CONNECT_TIMEOUT, self.live(least)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::new("redis: timeout")),
        }
    }

    /// The connection, if its number is at least this, or a new one.
    async fn live(&self, least: u64) -> Result<(Live, bool), StoreError> {
        let mut slot = self.connection.lock().await;
        if let Some(live) = slot.as_ref().filter(|live| live.number >= least) {
            return Ok((live.clone(), false));
        }
        let number = slot.take().map_or(least, |old| least.max(old.number + 1));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(REPLY_TIMEOUT));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(describe)?;
        let live = Live { connection, number };
        *slot = Some(live.clone());
        Ok((live, true))
    }

    /// Drops a broken connection, unless it has been replaced.
    async fn forget(&self, number: u64) {
        let mut slot = self.connection.lock().await;
        if slot.as_ref().is_some_and(|live| live.number == number) {
            *slot = None;
        }
    }
}

impl Transport for Resp {
    fn run(&self, commands: Vec<Command>) -> Replies<'_> {
        Box::pin(async move { self.exchange(&commands).await })
    }
}

async fn send(mut live: Live, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
    if let [command] = commands {
        return cmd(command).query_async(&mut live.connection).await.map(|value| vec![value]);
    }
    let mut pipeline = Pipeline::with_capacity(commands.len());
    pipeline.atomic();
    for command in commands {
        pipeline.add_command(cmd(command));
    }
    pipeline.query_async(&mut live.connection).await
}

fn cmd(Command(words): &Command) -> Cmd {
    let mut cmd = Cmd::new();
    for word in words {
        cmd.arg(word);
    }
    cmd
}

/// The code of an error reply, or what became of the connection; never an address or a text.
fn describe(error: RedisError) -> StoreError {
    if error.is_timeout() {
        return StoreError::new("redis: timeout");
    }
    if error.is_connection_refusal() {
        return StoreError::new("redis: connection refused");
    }
    if error.is_connection_dropped() {
        return StoreError::new("redis: connection lost");
    }
    // What is wrong with a transaction stands with its parts.
    if let Some(parts) = error.clone().into_server_errors()
        && let Some((_, part)) = parts.first()
    {
        return reply::refused(part.code(), part.details().unwrap_or_default());
    }
    if let Some(code) = error.code() {
        return reply::refused(code, error.detail().unwrap_or_default());
    }
    // The crate keeps its cause in an `Arc`, and hands that out.
    type Cause = Arc<dyn std::error::Error + Send + Sync>;
    let cause = error.source().and_then(|source| source.downcast_ref::<Cause>());
    let io = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    match io {
        // Its text may hold the host's name.
        Some(io) if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            StoreError::new("redis: the TLS handshake failed")
        }
        Some(io) => StoreError::new(format!("redis: connection failed: {}", io.kind())),
        None => StoreError::new(format!("redis: {}", error.category())),
    }
}
