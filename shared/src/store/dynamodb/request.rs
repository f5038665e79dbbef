//! The few requests this store is made of.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use tokio::time::sleep;

use super::DynamoDb;
use super::client::failure;
use super::item::{Item, PK, UNTIL, get_text, is_expired, millis, text};
use super::update::Update;
use crate::call::Timestamp;
use crate::store::StoreError;

/// What `BatchGetItem` takes at once.
pub(super) const BATCH: usize = 100;

/// How often keys that DynamoDB left unread are asked again, and after what pause at first.
const READS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The outcome of a conditional write. Both variants hold the item as it was before the write. If
/// there was no item, they hold nothing or the key alone.
#[derive(Clone, Debug)]
pub(super) enum Written {
    Done(Item),
    Refused(Item),
}

impl DynamoDb {
    /// One `UpdateItem`. Two more if it meets an expired item, which is deleted, never extended.
    pub(super) async fn update(
        &self,
        update: &Update,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let written = self.update_once(update).await?;
        let Written::Refused(item) = &written else { return Ok(written) };
        if !is_expired(item, now) {
            return Ok(written);
        }
        let expired = Update::of(&update.key).when("@ <= ?", UNTIL, millis(now));
        // Another request may delete it first. An item that is there afterwards is a new one.
        self.delete_item(&expired).await?;
        match self.update_once(update).await? {
            Written::Refused(item) if is_expired(&item, now) => Err(StoreError::new(
                "DynamoDB: an item was modified concurrently; giving up after one retry",
            )),
            written => Ok(written),
        }
    }

    async fn update_once(&self, update: &Update) -> Result<Written, StoreError> {
        let _turn = self.turn().await;
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, text(&update.key))
            .set_update_expression(update.expression())
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(Some(update.names()))
            .set_expression_attribute_values(update.values())
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Written::Done(answer.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(error)) if is_refused_update(error.err()) => {
                match error.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(refused) => {
                        Ok(Written::Refused(refused.item.unwrap_or_default()))
                    }
                    _ => Ok(Written::Refused(Item::new())),
                }
            }
            Err(error) => Err(failure("UpdateItem", &error)),
        }
    }

    /// One `DeleteItem` on the update's conditions; that they do not hold is no error.
    pub(super) async fn delete_item(&self, update: &Update) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PK, text(&update.key))
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(Some(update.names()))
            .set_expression_attribute_values(update.values())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), DeleteItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(())
            }
            Err(error) => Err(failure("DeleteItem", &error)),
        }
    }

    /// One consistent `GetItem`; nothing that has expired.
    pub(super) async fn get(&self, key: &str, now: Timestamp) -> Result<Option<Item>, StoreError> {
        let _turn = self.turn().await;
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PK, text(key))
            .consistent_read(true)
            .send()
            .await;
        let item = answer.map_err(|error| failure("GetItem", &error))?.item;
        Ok(item.filter(|item| !is_expired(item, now)))
    }

    /// Consistent `BatchGetItem`s of at most [`BATCH`] keys each; nothing that has expired. No key may come
    /// twice.
    pub(super) async fn get_all(
        &self,
        keys: &[String],
        now: Timestamp,
    ) -> Result<Vec<Option<Item>>, StoreError> {
        let mut items = HashMap::with_capacity(keys.len());
        let _turn = self.turn().await;
        for keys in keys.chunks(BATCH) {
            let mut wanted = KeysAndAttributes::builder().consistent_read(true);
            for key in keys {
                wanted = wanted.keys(Item::from([(PK.to_owned(), text(key))]));
            }
            let mut wanted = Some(wanted.build().map_err(StoreError::new)?);
            let mut pause = PAUSE;
            for _ in 0..READS {
                let Some(still_wanted) = wanted.take() else { break };
                let request = self.client.batch_get_item().request_items(&self.table, still_wanted);
                let answer =
                    request.send().await.map_err(|error| failure("BatchGetItem", &error))?;
                let found = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
                items
                    .extend(found.filter_map(|item| Some((get_text(&item, PK)?.to_owned(), item))));
                wanted = answer
                    .unprocessed_keys
                    .and_then(|left| left.into_iter().next())
                    .map(|(_, w)| w);
                if wanted.is_some() {
                    sleep(pause).await;
                    pause *= 2;
                }
            }
            if wanted.is_some() {
                return Err(StoreError::new("DynamoDB BatchGetItem: keys were left unread"));
            }
        }
        let alive = |key| items.remove(key).filter(|item| !is_expired(item, now));
        Ok(keys.iter().map(alive).collect())
    }
}

fn is_refused_update(error: &UpdateItemError) -> bool {
    matches!(error, UpdateItemError::ConditionalCheckFailedException(_))
}
