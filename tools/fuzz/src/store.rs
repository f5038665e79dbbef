//! What stores answer us. An attacker who can write there can do worse, but a record of another version must
//! not take a function down.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use shared::call::{
    AgentAnswer, CallId, CallRef, CallSid, DynamicVariables, E164, Fact, Intent, Observation,
    Timestamp,
};
use shared::settings::{AwsIdentity, BaseUrl, DynamoDbUrl, Secret};
use shared::store::{DynamoDb, Lookup, Nonce, Record, Redis, Store, StoreError};

use crate::input::lines;
use crate::vendor::Vendor;
use crate::world::{client, wait_for_network};

/// An operation, a status, and the answer of Upstash's REST interface.
pub(crate) fn redis(data: &[u8]) {
    static SIDE: LazyLock<(Vendor, Redis)> = LazyLock::new(|| {
        let vendor = Vendor::start();
        let (url, token) = (base(&vendor), secret());
        let redis = Redis::over_rest(&url, &token, &client(), 30);
        (vendor, redis)
    });
    let ([operation, status], body) = lines(data);
    SIDE.0.answers(status, ("", ""), body);
    wait_for_network(operate(operation, &SIDE.1));
}

/// An operation, and the attributes of the item that it finds: lines of name, type and value. They
/// are made JSON of here: the SDK repeats a request whose answer it cannot read, and takes its time.
pub(crate) fn dynamodb(data: &[u8]) {
    static SIDE: LazyLock<(Vendor, DynamoDb)> = LazyLock::new(|| {
        let vendor = Vendor::start();
        let identity = AwsIdentity {
            access_key_id: "AKIA0".to_owned(),
            secret_access_key: secret(),
            session_token: None,
        };
        let url = DynamoDbUrl {
            table: "calls".to_owned(),
            region: "us-east-1".to_owned(),
            identity,
            endpoint: Some(base(&vendor)),
        };
        let store = DynamoDb::new(&url, &client(), 30);
        (vendor, store)
    });
    let ([operation], attributes) = lines(data);
    let text = String::from_utf8_lossy(attributes);
    let item: Map<String, Value> = text.split('\n').filter_map(attribute).collect();
    let body = json!({
        "Attributes": item, "Item": item, "Items": [item], "Responses": {"calls": [item]},
        "UnprocessedKeys": {}, "Count": 1, "ScannedCount": 1,
    });
    let header = ("content-type", "application/x-amz-json-1.0");
    SIDE.0.answers("200", header, body.to_string().as_bytes());
    wait_for_network(operate(operation, &SIDE.1));
}

fn attribute(line: &str) -> Option<(String, Value)> {
    let (name, rest) = line.split_once('\t')?;
    let (kind, value) = rest.split_once('\t')?;
    let value = match kind {
        "N" => json!({ "N": value }),
        "B" => json!({ "BOOL": value == "true" }),
        "M" => json!({ "M": { name: { "S": value }, value: { "N": "1" } } }),
        "L" => json!({ "SS": value.split(',').collect::<Vec<_>>() }),
        _ => json!({ "S": value }),
    };
    Some((name.to_owned(), value))
}

/// One operation; what comes of it is read as an endpoint would.
async fn operate(operation: &str, store: &impl Store) {
    let now = Timestamp::from_millis(1_795_341_600_000);
    let nonce = Nonce::new([9; 16]);
    let call_id = CallId::new([7; 16], true);
    let Ok(call_sid) = CallSid::parse("CA11111111111111111111111111111111") else { return };
    let named = CallRef::Named { call_sid: call_sid.clone(), call_id: Some(call_id.clone()) };
    let inbound = CallRef::Named { call_sid: call_sid.clone(), call_id: None };
    let seen = Observation { at: now, fact: Fact::DialUnknown };
    match operation {
        "recent" => told(store.recent(25, now).await.map(|records| {
            records.iter().for_each(read);
        })),
        "observe" => told(store.observe(&named, &seen, &nonce, now).await.map(|observed| {
            let _ = observed.ended_the_call(&seen);
        })),
        "inbound" => told(store.observe(&inbound, &seen, &nonce, now).await.map(drop)),
        "claim" => told(store.claim(&named, &nonce, now).await.map(drop)),
        "answer" => {
            let seen = Observation { at: now, fact: Fact::Answered(AgentAnswer::default()) };
            told(store.answer(&named, "<Response/>", &seen, now).await);
        }
        "begin" => {
            let Ok(number) = E164::parse("+12125550123") else { return };
            let intent = Intent {
                call_id,
                to: number.clone(),
                from: number,
                record: false,
                timeout_seconds: 30,
                time_limit_seconds: 900,
                machine_detection: None,
                is_anonymous: false,
                dynamic_variables: DynamicVariables::default(),
            };
            told(store.begin(&intent, now).await);
        }
        "sid" => found(store.load(&Lookup::CallSid(call_sid), now).await),
        _ => found(store.load(&Lookup::CallId(call_id), now).await),
    }
}

fn found(result: Result<Option<Record>, StoreError>) {
    told(result.map(|record| record.iter().for_each(read)));
}

fn read(record: &Record) {
    let _ = (record.fold(), record.intent());
}

/// The text of an error goes to the log, so it must be short.
fn told(result: Result<(), StoreError>) {
    if let Err(error) = result {
        assert!(error.to_string().len() < 400, "{error}");
    }
}

#[expect(clippy::expect_used, reason = "the addresses of a vendor are addresses")]
fn base(vendor: &Vendor) -> BaseUrl {
    BaseUrl::parse(&vendor.url).expect("an address")
}

#[expect(clippy::expect_used, reason = "a word is a secret")]
fn secret() -> Secret {
    Secret::parse("secret").expect("a secret")
}
