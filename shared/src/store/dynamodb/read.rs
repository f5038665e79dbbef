//! Reading calls back. Reads are consistent, but for the list of the newest, whose index lags a
//! little behind.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::operation::query::QueryOutput;

use super::DynamoDb;
use super::failure::failure;
use super::item::{GPK, GSK, Item, LISTED, PK, RECENT, day, get_text, text};
use super::request::find;
use super::row::{Rows, call_key, linked_id, name_of, named_sid, vars_key};
use crate::call::{CallId, CallSid, Timestamp};
use crate::store::{Calls, Lookup, Record, StoreError, StoreFuture};

impl Calls for DynamoDb {
    /// 1 or 2 requests.
    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            match by {
                Lookup::CallId(call_id) => self.load_by_id(call_id, now).await,
                Lookup::CallSid(call_sid) => self.load_by_sid(call_sid, now).await,
            }
        })
    }

    /// 1 request for the names and 2 for every 100 calls; `Listing` says when there are more.
    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async move {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut records = Vec::new();
            if limit == 0 {
                return Ok(records);
            }
            let mut listing = Listing::open(self, limit, now).await?;
            while records.len() < limit {
                // More than once only if some have expired and wait for DynamoDB.
                let keys = listing.next(self, limit - records.len()).await?;
                if keys.is_empty() {
                    break;
                }
                records.extend(self.records(&keys, now).await?);
            }
            Ok(records)
        })
    }
}

/// How many days back calls are looked for that an earlier version listed by day. A fixed number:
/// a year of them took seconds. The calls themselves are found by their names all the same.
const EARLIER_DAYS: i64 = 8;

/// The newest calls, from several partitions of the index. An instance looks at those of earlier
/// versions until it has found them empty once.
struct Listing(Vec<Partition>);

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

impl Listing {
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
    /// The rows of a dialled call and of its variables.
    fn keys_of(call_id: &CallId) -> Vec<String> {
        let variables = call_id.has_variables().then(|| vars_key(call_id));
        [call_key(call_id.as_str())].into_iter().chain(variables).collect()
    }

    /// What is known under a `callId`: its row, if nobody else's SID is in it, and its variables.
    pub(super) async fn rows_by_id(
        &self,
        call_id: &CallId,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        self.get_all(&Self::keys_of(call_id), now).await
    }

    async fn load_by_id(
        &self,
        call_id: &CallId,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let items = self.rows_by_id(call_id, now).await?;
        let by_id = find(&items, &call_key(call_id.as_str()));
        let call_sid = by_id.and_then(named_sid);
        let by_sid = match &call_sid {
            Some(call_sid) => self.get(&call_key(call_sid.as_str()), now).await?,
            None => None,
        };
        Ok(joined(call_id, by_id, by_sid.as_ref(), &items))
    }

    async fn load_by_sid(
        &self,
        call_sid: &CallSid,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let Some(by_sid) = self.get(&call_key(call_sid.as_str()), now).await? else {
            return Ok(None);
        };
        if let Some(call_id) = linked_id(&by_sid) {
            let items = self.rows_by_id(&call_id, now).await?;
            // The call is as old as its row: once that is gone, what is left of it is gone too.
            let Some(by_id) = find(&items, &call_key(call_id.as_str())) else { return Ok(None) };
            if is_of(by_id, call_sid) {
                let rows = Rows {
                    by_id: Some(by_id),
                    by_sid: Some(&by_sid),
                    vars: find(&items, &vars_key(&call_id)),
                };
                return Ok(Some(rows.record(Some(&call_id), Some(call_sid), None)));
            }
        }
        let rows = Rows { by_sid: Some(&by_sid), ..Rows::default() };
        Ok(Some(rows.record(None, Some(call_sid), None)))
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

    /// The calls of these rows, in their order, but for those that have expired.
    async fn records(&self, keys: &[String], now: Timestamp) -> Result<Vec<Record>, StoreError> {
        let listed = self.get_all(keys, now).await?;
        let mut others = Vec::new();
        for item in &listed {
            others.extend(named_sid(item).map(|sid| call_key(sid.as_str())));
            let call_id = name_of(item).and_then(|name| CallId::parse(name).ok());
            others.extend(call_id.filter(CallId::has_variables).map(|id| vars_key(&id)));
        }
        // Two calls never claim one SID, but a batch with a key twice would be refused whole.
        others.sort_unstable();
        others.dedup();
        let others = self.get_all(&others, now).await?;
        let records = keys.iter().filter_map(|key| find(&listed, key)).filter_map(|item| {
            let name = name_of(item)?;
            if let Ok(call_id) = CallId::parse(name) {
                let by_sid = named_sid(item).and_then(|sid| find(&others, &call_key(sid.as_str())));
                return joined(&call_id, Some(item), by_sid, &others);
            }
            let call_sid = CallSid::parse(name).ok()?;
            let rows = Rows { by_sid: Some(item), ..Rows::default() };
            Some(rows.record(None, Some(&call_sid), None))
        });
        Ok(records.collect())
    }
}

/// Whether the row of a `callId` belongs to this SID.
pub(super) fn is_of(by_id: &Item, call_sid: &CallSid) -> bool {
    named_sid(by_id).is_none_or(|named| named == *call_sid)
}

/// The record of a dialled call. The row of its SID counts unless it belongs to another call.
fn joined(
    call_id: &CallId,
    by_id: Option<&Item>,
    by_sid: Option<&Item>,
    items: &[Item],
) -> Option<Record> {
    let rows = Rows {
        by_id: Some(by_id?),
        by_sid: by_sid.filter(|item| linked_id(item).is_none_or(|other| other == *call_id)),
        vars: find(items, &vars_key(call_id)),
    };
    Some(rows.record(Some(call_id), named_sid(by_id?).as_ref(), None))
}
