//! Calls in Redis, over its own protocol or over Upstash's REST interface.
//!
//! One adapter over a narrow [`Transport`]: both roads may lead to one database, so the key names and
//! bodies do not depend on the road. A write is one `MULTI` and its own reply decides, because
//! Upstash is eventually consistent; a script runs only where a `MULTI` cannot be exact, and without
//! the key-locking shebang, which a real Redis 7.0 refuses (`stores.md` 3.2).

mod answers;
mod body;
mod eviction;
mod hash;
mod keys;
mod limits;
mod listing;
mod names;
mod observations;
mod read;
mod reply;
mod resp;
mod rest;
mod scripts;
mod transport;
mod view;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use self::hash::Born;
use self::reply::Reply;
use self::resp::Resp;
use self::rest::Rest;
use self::transport::{Command, Transport};
use super::StoreError;
use crate::call::Timestamp;
use crate::settings::{BaseUrl, Secret};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How much longer Redis keeps what has expired by our clocks: its own expiry only collects garbage.
const GARBAGE_DAYS: i64 = 7;

/// A Redis database.
#[derive(Clone)]
pub struct Redis {
    transport: Arc<dyn Transport>,
    /// How long a call is kept, milliseconds.
    retention_millis: i64,
    is_known_to_keep_keys: Arc<AtomicBool>,
}

impl Redis {
    /// Over Upstash's REST interface, with the client that the function already has. No request is
    /// made here. `retention_days` counts from a call's first write.
    #[must_use]
    pub fn over_rest(
        url: &BaseUrl,
        token: &Secret,
        http: &reqwest::Client,
        retention_days: u32,
    ) -> Self {
        Self::over(Rest::new(url, token, http), retention_days)
    }

    /// Over Redis' own protocol: `redis://` or `rediss://`. The connection is made with the first
    /// operation, and again after it broke.
    pub fn over_resp(url: &Secret, retention_days: u32) -> Result<Self, StoreError> {
        Ok(Self::over(Resp::new(url, None)?, retention_days))
    }

    /// As [`Redis::over_resp`], trusting this certificate authority (PEM) instead of the public ones.
    pub fn over_resp_trusting(
        url: &Secret,
        ca_pem: &[u8],
        retention_days: u32,
    ) -> Result<Self, StoreError> {
        Ok(Self::over(Resp::new(url, Some(ca_pem))?, retention_days))
    }

    fn over(transport: impl Transport + 'static, retention_days: u32) -> Self {
        Self {
            transport: Arc::new(transport),
            retention_millis: i64::from(retention_days) * DAY_MILLIS,
            is_known_to_keep_keys: Arc::default(),
        }
    }

    /// All of these at once or none, in one round trip.
    async fn run(&self, commands: Vec<Command>) -> Result<Vec<Reply>, StoreError> {
        let expected = commands.len();
        let replies = self.transport.run(commands).await?;
        if replies.len() == expected { Ok(replies) } else { Err(reply::unexpected()) }
    }

    /// One command.
    async fn run_one(&self, command: Command) -> Result<Reply, StoreError> {
        self.run(vec![command]).await?.pop().ok_or_else(reply::unexpected)
    }

    fn born(&self, now: Timestamp) -> Born {
        let created_at = now.as_millis();
        Born { created_at, expires_at: created_at.saturating_add(self.retention_millis) }
    }

    /// Lets Redis drop a key long after it has expired. A later write does not keep it.
    fn collect(&self, key: &str) -> Command {
        let seconds = (self.retention_millis + GARBAGE_DAYS * DAY_MILLIS) / 1000;
        Command::new(["EXPIRE", key, &seconds.to_string(), "NX"])
    }
}
