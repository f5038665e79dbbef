//! What goes over the wire, against answers from a list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::*;
use crate::call::{CallId, CallRef, CallSid, Intent, Observation};
use crate::settings::{AwsIdentity, Secret};
use crate::store::{Claim, Lookup, Store as _};

/// Keeps every request and gives the next answer, or an empty one.
#[derive(Clone, Debug, Default)]
struct Wire {
    sent: Arc<Mutex<Vec<Value>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut body: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        body["op"] = json!(request.headers().get("x-amz-target").unwrap().split('.').nth(1));
        self.sent.lock().unwrap().push(body);
        let (status, answer) = self.answers.lock().unwrap().pop_front().unwrap_or((200, json!({})));
        let response = http::Response::builder()
            .status(status)
            .body(SdkBody::from(answer.to_string()))
            .unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
    }
}

impl Wire {
    fn store(&self) -> DynamoDb {
        let secret = Secret::parse("secret").unwrap();
        let identity = AwsIdentity {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: secret,
            session_token: None,
        };
        let url = DynamoDbUrl {
            table: "calls".to_owned(),
            region: "eu-central-1".to_owned(),
            identity,
            endpoint: None,
        };
        DynamoDb::over(client::client(&url, self.clone()), &url, 1)
    }

    fn answer(&self, status: u16, answer: Value) {
        self.answers.lock().unwrap().push_back((status, answer));
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

const NOW: i64 = 1_795_341_600_123;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

fn id() -> String {
    "ab".repeat(16)
}

fn sid() -> String {
    format!("CA{}", "1".repeat(32))
}

fn linked() -> CallRef {
    CallRef::Named {
        call_sid: CallSid::parse(&sid()).unwrap(),
        call_id: Some(CallId::parse(&id()).unwrap()),
    }
}

fn seen(fact: &Value) -> Observation {
    serde_json::from_value(json!({"t": NOW, "f": fact})).unwrap()
}

/// The old image of a call that make-call has linked.
fn linked_image() -> Value {
    json!({"Attributes": {"pk": {"S": format!("CALL#{}", id())}, "sid": {"S": sid()},
        "linked": {"N": "1"}}})
}

fn intent_with_variables() -> Intent {
    let intent = json!({"id": format!("{}v", id()), "to": "+12125550123", "from": "+12125550100",
        "rec": false, "ring": 30, "limit": 900, "vars": {"name": "Jane"}});
    serde_json::from_value(intent).unwrap()
}

#[tokio::test]
async fn a_callback_of_a_linked_call_is_one_update() {
    let wire = Wire::default();
    wire.answer(200, linked_image());
    let ringing = seen(&json!({"e": {"s": "ringing", "n": 1}}));
    let observed =
        wire.store().observe(&linked(), &ringing, &Nonce::new([0xcd; 16]), now()).await.unwrap();
    assert!(observed.is_new);
    let expected = json!({
        "op": "UpdateItem",
        "TableName": "calls",
        "Key": {"pk": {"S": format!("CALL#{}", id())}},
        "ReturnValues": "ALL_OLD",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "UpdateExpression": "SET #a0 = if_not_exists(#a0, :v0), #a1 = if_not_exists(#a1, :v1), \
            #a2 = if_not_exists(#a2, :v2), #a3 = if_not_exists(#a3, :v3), \
            #a4 = if_not_exists(#a4, :v4), #a5 = if_not_exists(#a5, :v5)",
        "ConditionExpression": "(attribute_not_exists(#a5) OR #a5 > :v6) \
            AND (attribute_not_exists(#a1) OR #a1 = :v7) AND (#a6 = :v8)",
        "ExpressionAttributeNames": {"#a0": "e#001#ringing", "#a1": "sid", "#a2": "gpk",
            "#a3": "gsk", "#a4": "ttl", "#a5": "until", "#a6": "linked"},
        "ExpressionAttributeValues": {
            ":v0": {"S": format!(r#"cdcdcdcd|{NOW}|{{"e":{{"n":1,"s":[2]}}}}"#)},
            ":v1": {"S": sid()},
            ":v2": {"S": "D#all"},
            ":v3": {"S": format!("{NOW}#{}", id())},
            ":v4": {"N": "1795428001"},
            ":v5": {"N": "1795428000123"},
            ":v6": {"N": "1795341600123"},
            ":v7": {"S": sid()},
            ":v8": {"N": "1"},
        },
    });
    assert_eq!(wire.take(), [expected]);
}

#[tokio::test]
async fn make_calls_note_links_first_and_costs_two_requests() {
    let wire = Wire::default();
    let queued = seen(&json!({"e": {"s": "queued"}}));
    let (intent, sid) = (intent_with_variables(), CallSid::parse(&sid()).unwrap());
    wire.store().placed(&intent, &sid, &queued, &Nonce::new([1; 16]), now()).await.unwrap();
    let sent = wire.take();
    let keys: Vec<_> = sent.iter().map(|request| request["Key"]["pk"]["S"].clone()).collect();
    assert_eq!(keys, [format!("CALL#{sid}"), format!("CALL#{}v", id())]);
    let expression = "SET #a0 = if_not_exists(#a0, :v0), #a1 = if_not_exists(#a1, :v1), \
        #a2 = if_not_exists(#a2, :v2), #a4 = if_not_exists(#a4, :v3), \
        #a5 = if_not_exists(#a5, :v4) REMOVE #a3";
    assert_eq!(sent[0]["UpdateExpression"], expression);
    let names = &sent[0]["ExpressionAttributeNames"];
    assert_eq!((&names["#a0"], &names["#a2"]), (&json!("call"), &json!("vars")));
}

/// A refused condition, with the item as it is.
fn refused(item: &Value) -> Value {
    json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "", "Item": item})
}

/// What an earlier version wrote before it linked, and perhaps never did.
#[tokio::test]
async fn a_mark_of_an_earlier_version_that_only_promised_to_link_counts_for_nothing() {
    let wire = Wire::default();
    let promised = json!({"pk": {"S": format!("CALL#{}", id())}, "sid": {"S": sid()},
        "linked": {"S": "e#000#initiated"}});
    wire.answer(400, refused(&promised));
    let ringing = seen(&json!({"e": {"s": "ringing", "n": 1}}));
    wire.store().observe(&linked(), &ringing, &Nonce::new([1; 16]), now()).await.unwrap();
    let sent = wire.take();
    let keys: Vec<_> = sent.iter().map(|request| request["Key"]["pk"]["S"].clone()).collect();
    let (by_id, by_sid) = (format!("CALL#{}", id()), format!("CALL#{}", sid()));
    assert_eq!(keys, [by_id.clone(), by_sid, by_id]);
    assert_eq!(sent[1]["ExpressionAttributeNames"]["#a0"], "call");
    let mark = sent[2]["ExpressionAttributeNames"].as_object().unwrap();
    assert!(mark.values().any(|name| name == "linked"), "{mark:?}");
}

/// DynamoDB refuses an expression that sets one attribute twice: "Two document paths overlap".
#[tokio::test]
async fn an_event_that_came_under_the_sid_alone_is_written_once_by_the_request_that_links() {
    let wire = Wire::default();
    let completed = seen(&json!({"e": {"s": "completed", "n": 3}}));
    let key = completed.key();
    let mut alone = json!({"pk": {"S": format!("CALL#{}", sid())}});
    alone[&key] = json!({"S": format!(r#"0a0a0a0a|{NOW}|{{"e":{{"n":3,"s":[2]}}}}"#)});
    wire.answer(400, refused(&json!({"pk": {"S": format!("CALL#{}", id())}})));
    wire.answer(200, json!({"Attributes": alone}));
    let delivery = Nonce::new([1; 16]);
    let observed = wire.store().observe(&linked(), &completed, &delivery, now()).await.unwrap();
    assert!(!observed.is_new);
    let sent = wire.take();
    let names = sent[2]["ExpressionAttributeNames"].as_object().unwrap();
    let (name, _) = names.iter().find(|(_, name)| **name == key).unwrap();
    let expression = sent[2]["UpdateExpression"].as_str().unwrap();
    assert_eq!(expression.matches(&format!("{name} = ")).count(), 1, "{expression}");
    let values = sent[2]["ExpressionAttributeValues"].as_object().unwrap();
    assert!(values.values().any(|value| *value == alone[&key]), "the first body wins: {values:?}");
}

#[tokio::test]
async fn voice_costs_two_writes_and_a_look_at_the_row_of_the_call_id_beside_the_second() {
    let wire = Wire::default();
    let store = wire.store();
    let image =
        json!({"Attributes": {"pk": {"S": format!("CALL#{}", sid())}, "call": {"S": id()}}});
    wire.answer(200, image.clone());
    let claim = store.claim(&linked(), &Nonce::new([1; 16]), now()).await.unwrap();
    assert!(matches!(claim, Claim::First(_)));
    wire.answer(200, image);
    wire.answer(200, json!({"Item": linked_image()["Attributes"]}));
    store.answer(&linked(), "<Response/>", &seen(&json!({"v": {}})), now()).await.unwrap();
    let sent = wire.take();
    let ops: Vec<_> = sent.iter().map(|request| request["op"].clone()).collect();
    assert_eq!(ops, ["UpdateItem", "UpdateItem", "GetItem"]);
    assert_eq!(sent[0]["ExpressionAttributeNames"]["#a0"], "claim");
    assert_eq!(sent[1]["ExpressionAttributeNames"]["#a1"], "v#answer");
}

/// A name in the index.
fn listed(millis: i64, id: &str) -> Value {
    json!({"pk": {"S": format!("CALL#{id}")}, "gsk": {"S": format!("{millis}#{id}")}})
}

#[tokio::test]
async fn calls_that_an_earlier_version_listed_by_day_stand_in_their_place() {
    let wire = Wire::default();
    let store = wire.store();
    let ids = ["a", "b", "c"].map(|digit| digit.repeat(32));
    wire.answer(200, json!({"Items": [listed(NOW, &ids[0]), listed(NOW - 200, &ids[2])]}));
    wire.answer(200, json!({"Items": [listed(NOW - 100, &ids[1])]}));
    (2..=8).for_each(|_| wire.answer(200, json!({"Items": []})));
    let items: Vec<_> = ids.iter().map(|id| json!({"pk": {"S": format!("CALL#{id}")}})).collect();
    wire.answer(200, json!({"Responses": {"calls": items}}));
    let records = store.recent(9, now()).await.unwrap();
    let found: Vec<_> = records.into_iter().map(|record| record.call_id.unwrap()).collect();
    assert_eq!(found, ids.map(|id| CallId::parse(&id).unwrap()));
    let partitions: Vec<_> = wire
        .take()
        .iter()
        .filter(|request| request["op"] == "Query")
        .map(|request| request["ExpressionAttributeValues"][":gpk"]["S"].clone())
        .collect();
    assert_eq!(partitions[..3], ["D#all", "D#20779", "D#20778"]);
    assert_eq!(partitions.len(), 9);
}

#[tokio::test]
async fn an_instance_that_has_found_no_calls_listed_by_day_looks_for_them_no_more() {
    let wire = Wire::default();
    let store = wire.store();
    for expected in [9, 1] {
        (0..expected).for_each(|_| wire.answer(200, json!({"Items": []})));
        assert!(store.recent(25, now()).await.unwrap().is_empty());
        assert_eq!(wire.take().len(), expected);
    }
}

#[tokio::test]
async fn variables_stay_out_of_the_item_that_callbacks_write_to() {
    let wire = Wire::default();
    wire.store().begin(&intent_with_variables(), now()).await.unwrap();
    let sent = wire.take();
    let first_values: Vec<_> = sent
        .iter()
        .map(|request| request["ExpressionAttributeValues"][":v0"]["S"].clone())
        .collect();
    let meta = format!(
        r#"|{NOW}|{{"m":{{"from":"+12125550100","limit":900,"rec":false,"ring":30,"to":"+12125550123"}}}}"#
    );
    assert_eq!(first_values, [r#"{"name":"Jane"}"#.to_owned(), meta]);
}

#[tokio::test]
async fn an_error_is_told_by_its_code_alone() {
    let wire = Wire::default();
    let refusal = json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        "message": "a text that names the key"});
    wire.answer(400, refusal);
    let by = Lookup::CallSid(CallSid::parse(&sid()).unwrap());
    let error = wire.store().load(&by, now()).await.unwrap_err();
    assert_eq!(error.to_string(), "DynamoDB GetItem: ResourceNotFoundException");
}
