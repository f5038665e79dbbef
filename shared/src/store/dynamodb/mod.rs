//! DynamoDB: one table, writes to single items only.
//!
//! A row is an item, its fields are attributes; `gpk` and `gsk` are its place in the index of the newest,
//! `until` its expiry and `ttl` the same for DynamoDB, which takes days over it. Leases ([`lease`]) and days
//! ([`day`]) have items of their own. Each write may be repeated by the SDK after a lost reply.

mod client;
mod day;
mod item;
mod lease;
mod newest;
mod request;
#[cfg(test)]
mod tests;
mod update;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::request::Written as Answer;
use self::update::Update;
use super::{Admission, Lease, Nonce, Put, Row, RowKey, Set, StoreFuture, Table, Written};
use crate::call::Timestamp;
use crate::settings::DynamoDbUrl;

/// How many requests an instance has under way at once. More would wait for its one thread, and time
/// out for want of it, and each would open a connection of its own.
const AT_ONCE: usize = 64;

/// A DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    client: Client,
    table: String,
    retention: Duration,
    turns: Arc<Semaphore>,
    /// Whether this instance has found no calls that an earlier version listed by day.
    days_are_empty: Arc<AtomicBool>,
}

impl DynamoDb {
    /// No I/O: the first operation connects. `retention_days` counts from a call's first write.
    #[must_use]
    pub fn new(url: &DynamoDbUrl, http: &reqwest::Client, retention_days: u32) -> Self {
        let client = client::client(url, client::OverReqwest(http.clone()));
        Self::over(client, url, retention_days)
    }

    fn over(client: Client, url: &DynamoDbUrl, retention_days: u32) -> Self {
        Self {
            client,
            table: url.table.clone(),
            retention: Duration::from_secs(u64::from(retention_days) * 24 * 60 * 60),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            days_are_empty: Arc::default(),
        }
    }

    /// Waits until a request may start: its time-outs begin only then. The semaphore is never closed,
    /// so there always is a turn.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }
}

impl Table for DynamoDb {
    fn retention(&self) -> Duration {
        self.retention
    }

    fn is_billed_by_size(&self) -> bool {
        true
    }

    /// 1 request, or 3 for a row that has expired and must not be new.
    fn put(&self, put: Put, now: Timestamp) -> StoreFuture<'_, Written> {
        Box::pin(async move {
            let (is_done, item) = match self.update(&Update::of_put(&put, now), now).await? {
                Answer::Done(before) => (true, before),
                Answer::Refused(found) => (false, found),
            };
            Ok(Written { is_done, before: item::row(&item), beside: None })
        })
    }

    fn delete(&self, row: RowKey, field: &'static str, value: String) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let update = Update::of(item::key(&row)).when("@ = ?", field, item::text(value));
            self.delete_item(&update).await
        })
    }

    /// 1 request, and one more for every 100 rows.
    fn read(&self, rows: Vec<RowKey>, now: Timestamp) -> StoreFuture<'_, Vec<Option<Row>>> {
        Box::pin(async move {
            let keys: Vec<String> = rows.iter().map(item::key).collect();
            let items = match keys.as_slice() {
                [key] => vec![self.get(key, now).await?],
                keys => self.get_all(keys, now).await?,
            };
            Ok(items.iter().map(|item| item.as_ref().map(item::row)).collect())
        })
    }

    fn newest(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<(String, Row)>> {
        Box::pin(self.newest_rows(limit, now))
    }

    fn lease(&self, lease: Lease, now: Timestamp) -> StoreFuture<'_, Admission> {
        Box::pin(async move { self.take_lease(&lease, now).await })
    }

    fn release(&self, set: Set, owner: String, is_spaced: bool) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.end_lease(&set, &owner, is_spaced).await })
    }

    fn add_to_day(
        &self,
        name: String,
        limit: u32,
        entry: Nonce,
        now: Timestamp,
    ) -> StoreFuture<'_, Admission> {
        Box::pin(async move { self.add_entry(&name, limit, &entry, now).await })
    }

    fn remove_from_day(&self, name: String, entry: Nonce, now: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.remove_entry(&name, &entry, now).await })
    }
}
