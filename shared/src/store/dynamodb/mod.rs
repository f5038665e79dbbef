//! Calls in DynamoDB: one table, single-item writes only.
//!
//! | row | holds | written by |
//! |---|---|---|
//! | `CALL#<callId>` | a call that we dialled: one attribute per observation, `sid`, `linked` | begin, observe |
//! | `CALL#<CallSid>` | a call that rang us: the same. Of a call that we dialled: `call`, the `callId` that it belongs to. Of both: voice's `claim`, `twiml` and `v#answer` | observe, claim, answer |
//! | `VARS#<callId>` | the dynamic variables, if there are any | begin |
//! | `KEY#` `WIN#` `CONC` `CNT#` | keys and limits | [`keys`], [`window`], [`slots`], [`day`] |
//!
//! Variables and TwiML stand outside the item that every callback writes to, because each write is
//! billed by the size of the whole item. Voice's part is keyed by `CallSid`, which is what must not
//! be answered twice, and stands in the row that links the two names, so that its claim links them
//! as well.
//!
//! # The link
//!
//! `CALL#<CallSid>` has `call` before `CALL#<callId>` has `linked`, and `linked` says that both are
//! done: a mark never says that a link is still to be made, because its writer may die. Setting
//! `call` shows, in the old image, all that was recorded under the SID alone, and from then on such a
//! record is turned away to the other row; so what was found there moves over exactly once, and of
//! all deliveries exactly one sees the call end. A link counts unless the other row names another
//! SID.
//!
//! # Repetitions
//!
//! Every write may be repeated by the SDK after a lost reply: values are set once, conditions
//! recognise their own nonce.

mod answer;
mod body;
mod both;
mod client;
mod create_table;
mod day;
mod failure;
mod http_client;
mod item;
mod keys;
mod limits;
mod link;
mod observe;
mod read;
mod request;
mod row;
mod slots;
#[cfg(test)]
mod tests;
mod update;
mod window;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use tokio::sync::{Semaphore, SemaphorePermit};

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
        let client = client::client(url, http_client::OverReqwest(http.clone()));
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

    /// Waits until a request may start: its time-outs begin only then. Nobody closes the semaphore,
    /// so there always is a turn.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    fn expiry(&self, now: Timestamp) -> Timestamp {
        now.plus(self.retention)
    }
}
