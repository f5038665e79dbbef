//! Reading calls back. Reads are consistent, but for the list of the newest, whose index lags a
//! little behind.

use aws_sdk_dynamodb::operation::query::QueryOutput;

use super::DynamoDb;
use super::failure::failure;
use super::item::{GPK, Item, PK, RECENT, day, get_text, text};
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

    /// A request a day back to the oldest of the calls, and 2 for every 100 calls.
    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async move {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut records = Vec::new();
            let mut day_wanted = day(now);
            let last_day = day_wanted.saturating_sub(self.retention_days());
            while day_wanted >= last_day && records.len() < limit {
                self.recent_of(day_wanted, limit, now, &mut records).await?;
                day_wanted -= 1;
            }
            Ok(records)
        })
    }
}

impl DynamoDb {
    fn retention_days(&self) -> i64 {
        i64::try_from(self.retention.as_secs() / (24 * 60 * 60)).unwrap_or(i64::MAX)
    }

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

    /// Adds the calls of one day to `records`, until there are `limit`.
    async fn recent_of(
        &self,
        day: i64,
        limit: usize,
        now: Timestamp,
        records: &mut Vec<Record>,
    ) -> Result<(), StoreError> {
        let mut start = None;
        loop {
            let page = self.page(day, limit - records.len(), start).await?;
            let keys: Vec<String> = page
                .items()
                .iter()
                .filter_map(|item| get_text(item, PK).map(str::to_owned))
                .collect();
            records.extend(self.records(&keys, now).await?);
            start = page.last_evaluated_key;
            // Fewer than asked for: some have expired and wait for DynamoDB.
            if start.is_none() || records.len() >= limit {
                return Ok(());
            }
        }
    }

    async fn page(
        &self,
        day: i64,
        limit: usize,
        start: Option<Item>,
    ) -> Result<QueryOutput, StoreError> {
        let _turn = self.turn().await;
        self.client
            .query()
            .table_name(&self.table)
            .index_name(RECENT)
            .key_condition_expression("#day = :day")
            .expression_attribute_names("#day", GPK)
            .expression_attribute_values(":day", text(format!("D#{day}")))
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
