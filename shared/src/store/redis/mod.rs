//! Redis, over its own protocol or over Upstash's REST interface.
//!
//! One adapter over a narrow [`Transport`]. Both transports may lead to one database, so names and
//! values are the same over both. A write is one script, and the caller decides from its reply,
//! because a later read at Upstash may not show the write. Rows are hashes, leases members of
//! sorted sets, days hashes of their own.

mod eviction;
mod reply;
mod resp;
mod rest;
mod rows;
mod scripts;
mod transport;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use self::reply::{Reply, unexpected};
use self::resp::Resp;
use self::rest::Rest;
use self::rows::{CALL, CALLS, GARBAGE, day_key, key, set_key};
use self::transport::{Command, Transport};
use super::limits::DAY_ENTRIES;
use super::{Admission, StoreFuture, Table, Written};
use super::{DAY_ENTRY_KEPT, DayHours, Lease, Nonce, Put, Row, RowKey, Set, StoreError};
use crate::call::Timestamp;
use crate::settings::{BaseUrl, Secret};

/// How many rows of the list are asked for at once.
const PAGE: usize = 50;

/// A Redis database.
#[derive(Clone)]
pub struct Redis {
    transport: Arc<dyn Transport>,
    retention: Duration,
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
            retention: Duration::from_secs(u64::from(retention_days) * 24 * 60 * 60),
            is_known_to_keep_keys: Arc::default(),
        }
    }

    /// All of these at once or none, in one round trip.
    async fn run(&self, commands: Vec<Command>) -> Result<Vec<Reply>, StoreError> {
        let expected = commands.len();
        let replies = self.transport.run(commands).await?;
        if replies.len() == expected { Ok(replies) } else { Err(unexpected()) }
    }

    /// One command.
    async fn run_one(&self, command: Command) -> Result<Reply, StoreError> {
        self.run(vec![command]).await?.pop().ok_or_else(unexpected)
    }

    async fn newest_rows(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(String, Row)>, StoreError> {
        let (mut rows, mut met, mut offset) = (Vec::new(), HashSet::new(), 0);
        while rows.len() < limit {
            let keys = self.page(offset, (limit - rows.len()).min(PAGE), now).await?;
            if keys.is_empty() {
                break;
            }
            offset += keys.len();
            let names = keys.iter().filter_map(|key| key.strip_prefix(CALL));
            // A row that is listed meanwhile moves the page.
            let names: Vec<_> = names.filter(|name| met.insert((*name).to_owned())).collect();
            let calls = names.iter().map(|name| RowKey::Call((*name).to_owned())).collect();
            let found = names.iter().zip(self.read_rows(calls, now).await?);
            rows.extend(found.filter_map(|(name, row)| Some(((*name).to_owned(), row?))));
        }
        Ok(rows)
    }

    /// Keys of the list, newest first. What has long expired leaves it.
    async fn page(
        &self,
        offset: usize,
        size: usize,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let (first, last) = (offset.to_string(), (offset + size - 1).to_string());
        let mut commands = vec![Command::new(["ZREVRANGE", CALLS, &first, &last])];
        if offset == 0 {
            let garbage = now.as_millis() - millis(self.retention) - GARBAGE;
            let garbage = garbage.to_string();
            commands.push(Command::new(["ZREMRANGEBYSCORE", CALLS, "-inf", &garbage]));
        }
        let keys = self.run(commands).await?.swap_remove(0).list()?;
        keys.into_iter().map(|key| key.text()?.ok_or_else(unexpected)).collect()
    }

    /// One round trip.
    async fn read_rows(
        &self,
        rows: Vec<RowKey>,
        now: Timestamp,
    ) -> Result<Vec<Option<Row>>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let commands = rows.iter().map(|row| Command::new(["HGETALL", &key(row)])).collect();
        let replies = self.run(commands).await?;
        rows.iter().zip(replies).map(|(row, reply)| rows::read(row, reply, now)).collect()
    }

    async fn eval(
        &self,
        script: &str,
        key: String,
        arguments: Vec<String>,
    ) -> Result<Reply, StoreError> {
        self.run_one(Command::eval(script, vec![key], arguments)).await
    }
}

fn millis(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap_or(i64::MAX)
}

/// A time at which there may be room again, as a script tells it.
fn time(text: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(text.parse().map_err(|_| unexpected())?))
}

const DAY: i64 = 24 * 60 * 60;

impl Table for Redis {
    fn retention(&self) -> Duration {
        self.retention
    }

    fn ready_to_dial(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.keeps_keys())
    }

    fn put(&self, put: Put, now: Timestamp) -> StoreFuture<'_, Written> {
        Box::pin(async move {
            let reply = self.run_one(rows::put(&put, now)).await?;
            rows::written(&put, reply, now)
        })
    }

    fn delete(&self, row: RowKey, field: &'static str, value: String) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.run_one(rows::delete(&row, field, &value)).await.map(|_| ()) })
    }

    fn read(&self, rows: Vec<RowKey>, now: Timestamp) -> StoreFuture<'_, Vec<Option<Row>>> {
        Box::pin(self.read_rows(rows, now))
    }

    fn newest(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<(String, Row)>> {
        Box::pin(self.newest_rows(usize::try_from(limit).unwrap_or(usize::MAX), now))
    }

    fn lease(&self, lease: Lease, now: Timestamp) -> StoreFuture<'_, Admission> {
        Box::pin(async move {
            let left = lease.until.as_millis().saturating_sub(now.as_millis()).max(0);
            let following = match lease.spacing {
                Duration::ZERO => String::new(),
                spacing => millis(spacing).saturating_sub(left).to_string(),
            };
            let arguments = vec![
                now.as_millis().to_string(),
                lease.owner,
                lease.limit.to_string(),
                lease.until.as_millis().to_string(),
                (left / 1000 + DAY).to_string(),
                following,
            ];
            let reply = self.eval(scripts::LEASE, set_key(&lease.set), arguments).await?;
            let Some(refusal) = reply.text()? else { return Ok(Admission::Granted) };
            match refusal.split_once(' ') {
                Some(("full", at)) => Ok(Admission::Full { free_at: time(at)? }),
                Some(("soon", at)) => Ok(Admission::CoolingDown { free_at: time(at)? }),
                _ => Err(unexpected()),
            }
        })
    }

    fn release(&self, set: Set, owner: String, _: bool) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.run_one(Command::new(["ZREM", &set_key(&set), &owner])).await.map(|_| ())
        })
    }

    fn add_to_day(
        &self,
        name: String,
        limit: u32,
        entry: Nonce,
        now: Timestamp,
    ) -> StoreFuture<'_, Admission> {
        Box::pin(async move {
            let arguments = vec![
                now.as_millis().to_string(),
                entry.as_str().to_owned(),
                limit.to_string(),
                DayHours::of(now).to_string(),
                DayHours::oldest(now).to_string(),
                now.as_millis().saturating_sub(millis(DAY_ENTRY_KEPT)).to_string(),
                DAY_ENTRIES.to_string(),
                (2 * DAY).to_string(),
            ];
            let reply = self.eval(scripts::TAKE_DAY, day_key(&name), arguments).await?;
            let Some(free_at) = reply.text()? else { return Ok(Admission::Granted) };
            Ok(Admission::Full { free_at: time(&free_at)? })
        })
    }

    fn remove_from_day(&self, name: String, entry: Nonce, _: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let entry = vec![entry.as_str().to_owned()];
            self.eval(scripts::GIVE_DAY_BACK, day_key(&name), entry).await.map(|_| ())
        })
    }
}
