//! Creating the table: for tests, and for whoever starts with an empty account.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};
use std::time::Duration;
use tokio::time::sleep;

use super::DynamoDb;
use super::failure::failure;
use super::item::{GPK, GSK, PK, RECENT, TTL};
use crate::store::StoreError;

/// How often, and how many times, a new table is asked whether it is ready: a minute in all.
const POLL: Duration = Duration::from_millis(500);
const POLLS: u32 = 120;

impl DynamoDb {
    /// Creates the table with its index, waits until it can be used and switches expiry on. A table
    /// that is there already is left as it is.
    ///
    /// Needs `CreateTable`, `DescribeTable` and `UpdateTimeToLive`; the functions need none of them.
    /// An implementation without expiry is tolerated: every read compares it itself.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        match description(self.client.create_table().table_name(&self.table))
            .map_err(StoreError::new)?
            .send()
            .await
        {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => {}
            Err(error) => return Err(failure("CreateTable", &error)),
        }
        self.wait_for_table().await?;
        let expiry = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build();
        // Refused where it is on already or unknown; either is fine.
        let _ = self
            .client
            .update_time_to_live()
            .table_name(&self.table)
            .time_to_live_specification(expiry.map_err(StoreError::new)?)
            .send()
            .await;
        Ok(())
    }

    async fn wait_for_table(&self) -> Result<(), StoreError> {
        for _ in 0..POLLS {
            let answer = self.client.describe_table().table_name(&self.table).send().await;
            let answer = answer.map_err(|error| failure("DescribeTable", &error))?;
            let status = answer.table().and_then(|table| table.table_status());
            if status == Some(&TableStatus::Active) {
                return Ok(());
            }
            sleep(POLL).await;
        }
        Err(StoreError::new("DynamoDB: the table did not become active"))
    }
}

type Built<T> = Result<T, aws_sdk_dynamodb::error::BuildError>;

/// `stores.md` 2.1. The index holds keys only, so that it is written once per call.
fn description(request: CreateTableFluentBuilder) -> Built<CreateTableFluentBuilder> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(RECENT)
        .key_schema(key(GPK, KeyType::Hash)?)
        .key_schema(key(GSK, KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    Ok(request
        .attribute_definitions(text_attribute(PK)?)
        .attribute_definitions(text_attribute(GPK)?)
        .attribute_definitions(text_attribute(GSK)?)
        .key_schema(key(PK, KeyType::Hash)?)
        .global_secondary_indexes(index)
        .billing_mode(BillingMode::PayPerRequest))
}

fn text_attribute(name: &str) -> Built<AttributeDefinition> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
}

fn key(name: &str, kind: KeyType) -> Built<KeySchemaElement> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}
