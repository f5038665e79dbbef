//! The list of the newest rows. Its index lags a little behind, and is the one read that is not consistent.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::operation::query::QueryOutput;

use super::DynamoDb;
use super::client::failure;
use super::item::{CALL, GPK, GSK, Item, LISTED, PK, RECENT, day, get_text, row, text};
use crate::call::Timestamp;
use crate::store::{Row, StoreError};

/// How many days back calls are looked for that an earlier version listed by day. A fixed number:
/// a year of them took seconds. The calls themselves are found by their names all the same.
const EARLIER_DAYS: i64 = 8;

/// The newest calls, from several partitions of the index. An instance looks at those of earlier
/// versions until it has found them empty once.
struct Listed(Vec<Partition>);

/// One partition of the index, as far as it was read.
struct Partition {
    name: String,
    /// Sort keys and keys of rows, newest first.
    rows: VecDeque<(String, String)>,
    next: Next,
}

/// Where to go on reading.
enum Next {
    Start,
    After(Item),
    End,
}

impl Listed {
    async fn open(store: &DynamoDb, limit: usize, now: Timestamp) -> Result<Self, StoreError> {
        let days = if store.days_are_empty.load(Ordering::Relaxed) { 0 } else { EARLIER_DAYS };
        let days = (0..days).map(|back| format!("D#{}", day(now).saturating_sub(back)));
        let partition = |name| Partition { name, rows: VecDeque::new(), next: Next::Start };
        let partitions = std::iter::once(LISTED.to_owned()).chain(days).map(partition);
        let mut listing = Self(partitions.collect());
        listing.fill(store, limit).await?;
        if listing.0.iter().all(|partition| partition.name == LISTED) {
            store.days_are_empty.store(true, Ordering::Relaxed);
        }
        Ok(listing)
    }

    /// Reads on where nothing is left, and forgets the partitions that are at their end.
    async fn fill(&mut self, store: &DynamoDb, limit: usize) -> Result<(), StoreError> {
        for partition in &mut self.0 {
            partition.fill(store, limit).await?;
        }
        self.0.retain(|partition| !partition.rows.is_empty());
        Ok(())
    }

    /// The next keys of calls, at most `limit`; none at the end.
    async fn next(&mut self, store: &DynamoDb, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        while keys.len() < limit {
            self.fill(store, limit).await?;
            let newest = self.0.iter_mut().max_by(|a, b| a.rows.front().cmp(&b.rows.front()));
            let Some((_, key)) = newest.and_then(|partition| partition.rows.pop_front()) else {
                break;
            };
            keys.push(key);
        }
        Ok(keys)
    }
}

impl Partition {
    async fn fill(&mut self, store: &DynamoDb, limit: usize) -> Result<(), StoreError> {
        while self.rows.is_empty() {
            let start = match &self.next {
                Next::Start => None,
                Next::After(item) => Some(item.clone()),
                Next::End => return Ok(()),
            };
            let page = store.page(&self.name, limit, start).await?;
            let row = |item: &Item| {
                Some((get_text(item, GSK)?.to_owned(), get_text(item, PK)?.to_owned()))
            };
            self.rows.extend(page.items().iter().filter_map(row));
            self.next = page.last_evaluated_key.map_or(Next::End, Next::After);
        }
        Ok(())
    }
}

impl DynamoDb {
    /// 1 request for the names and 1 for every 100 rows; [`Listed`] says when there are more.
    pub(super) async fn newest_rows(
        &self,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<(String, Row)>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        let mut listed = Listed::open(self, limit, now).await?;
        while rows.len() < limit {
            // More than once only if some have expired and wait for DynamoDB.
            let keys = listed.next(self, limit - rows.len()).await?;
            if keys.is_empty() {
                break;
            }
            let items = self.get_all(&keys, now).await?;
            let found = keys
                .iter()
                .zip(items)
                .filter_map(|(key, item)| Some((key.strip_prefix(CALL)?.to_owned(), row(&item?))));
            rows.extend(found);
        }
        Ok(rows)
    }

    async fn page(
        &self,
        partition: &str,
        limit: usize,
        start: Option<Item>,
    ) -> Result<QueryOutput, StoreError> {
        let _turn = self.turn().await;
        self.client
            .query()
            .table_name(&self.table)
            .index_name(RECENT)
            .key_condition_expression("#gpk = :gpk")
            .expression_attribute_names("#gpk", GPK)
            .expression_attribute_values(":gpk", text(partition))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.min(1000)).unwrap_or(1000))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| failure("Query", &error))
    }
}
