//! `/control`.

use crate::support::*;
use serde_json::{Value, json};

#[tokio::test]
async fn faults_are_read_and_replaced_as_json() {
    let world = World::new().await;
    let url = format!("{}/control", world.base);
    let before = http("GET", &url, &[], "").await.unwrap().json();
    assert_eq!(before["twilio"]["create"], "ok");
    assert_eq!(
        before["elevenlabs"],
        json!({
            "answer": "ok",
            "delayMs": 0,
            "conversations": "ok",
            "processingReads": 0,
            "startWithinMs": null,
            "requiredVariables": [],
        })
    );
    let faults = r#"{"twilio":{"create":"reject:21215","reorder":true},"recording":"gone"}"#;
    assert_eq!(http("PUT", &url, &[], faults).await.unwrap().status, 200);
    let after = http("GET", &url, &[], "").await.unwrap().json();
    assert_eq!(after["twilio"]["create"], "reject:21215");
    assert_eq!(after["recording"], "gone");
    assert_eq!(world.dial(TALKER, &[]).await.unwrap().json()["code"], 21215);
    assert_eq!(http("PUT", &url, &[], "{}").await.unwrap().json(), before);
}

#[tokio::test]
async fn bad_faults_are_refused_and_change_nothing() {
    let world = World::new().await;
    let url = format!("{}/control", world.base);
    for bad in [
        "{",
        r#"{"twillio":{}}"#,
        r#"{"twilio":{"create":"reject:x"}}"#,
        r#"{"elevenlabs":{"answer":"maybe"}}"#,
    ] {
        let reply = http("PUT", &url, &[], bad).await.unwrap();
        assert_eq!(reply.status, 400, "{bad}");
    }
    assert_eq!(world.fakes.faults(), fakes::Faults::default());
}

#[tokio::test]
async fn an_inbound_call_is_placed_by_post() {
    let world = World::new().await;
    let url = format!("{}/control/inbound", world.base);
    let call = json!({ "from": TALKER, "voiceUrl": format!("{}/voice", world.app_url) });
    let json = [("content-type", "application/json")];
    // Any page could send this without being asked for permission.
    assert_eq!(http("POST", &url, &[], &call.to_string()).await.unwrap().status, 415);
    let reply = http("POST", &url, &json, &call.to_string()).await.unwrap();
    let sid: Value = reply.json()["callSid"].clone();
    world.fakes.settled(sid.as_str().unwrap()).await;
    assert_eq!(world.column("/voice", "CallSid"), [sid.as_str().unwrap()]);
    assert_eq!(http("POST", &url, &json, "{}").await.unwrap().status, 400);
}

#[tokio::test]
async fn an_app_can_go_without_control() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/control", listener.local_addr().unwrap());
    let router = world.fakes.router_without_control();
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(http("GET", &url, &[], "").await.unwrap().status, 404);
}
