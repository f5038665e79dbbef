//! The simulated ElevenLabs.

use crate::support::*;
use serde_json::{Value, json};

const REGISTER: &str = "/elevenlabs/v1/convai/twilio/register-call";
const SIGNED: &str = "/elevenlabs/v1/convai/conversation/get-signed-url";

fn request() -> Value {
    json!({
        "agent_id": "agent_x",
        "from_number": OURS,
        "to_number": TALKER,
        "direction": "outbound",
        "conversation_initiation_client_data": {
            "dynamic_variables": { "name": "Jane & Co", "attempt": 1, "vip": true },
        },
    })
}

#[tokio::test]
async fn a_registration_is_answered_with_twiml_for_one_conversation() {
    let world = World::new().await;
    let reply = world.register_with(&request().to_string()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type").unwrap(), "application/xml");
    let text = reply.text();
    let host = world.base.strip_prefix("http://").unwrap();
    let url = format!(r#"<Stream url="wss://{host}/elevenlabs/v1/convai/conversation">"#);
    assert!(text.contains(&url), "{text}");
    let id = text.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(id.strip_prefix("conv_").unwrap().len(), 28);
    assert_ne!(world.register().await.text(), text);
}

#[tokio::test]
async fn requests_are_kept_without_the_key() {
    let world = World::new().await;
    world.register().await;
    let seen = &world.fakes.elevenlabs_requests()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v1/convai/twilio/register-call")
    );
    assert!(seen.has_xi_api_key);
    assert!(seen.headers.iter().all(|(name, _)| name != "xi-api-key"));
    assert_eq!(seen.body.as_ref().unwrap()["direction"], "outbound");
}

#[tokio::test]
async fn each_field_is_checked() {
    let world = World::new().await;
    let data = "conversation_initiation_client_data";
    for (pointer, value, status) in [
        ("agent_id", json!(null), 422),
        ("to_number", json!(5), 422),
        ("direction", json!("outbound-api"), 422),
        ("dynamic_variables", json!({ "a": "b" }), 422),
        (data, json!({ "dynamic_variables": { "a": {} } }), 422),
        (data, json!({ "dynamic_variables": [] }), 422),
        ("agent_id", json!("agent_y"), 404),
    ] {
        let mut body = request();
        body[pointer] = value.clone();
        let reply = world.register_with(&body.to_string()).await;
        assert_eq!(reply.status, status, "{pointer} {value}");
        assert_eq!(reply.json()["detail"].is_array(), status == 422);
    }
    let mut body = request();
    body.as_object_mut().unwrap().remove("from_number");
    let reply = world.register_with(&body.to_string()).await;
    assert_eq!(reply.json()["detail"][0]["loc"], json!(["body", "from_number"]));
    assert_eq!(world.register_with("{").await.status, 422);
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_method_are_refused() {
    let world = World::new().await;
    for path in [REGISTER, SIGNED] {
        let method = if path == REGISTER { "POST" } else { "GET" };
        let url = format!("{}{path}", world.base);
        for headers in [&[("xi-api-key", "no")][..], &[]] {
            let reply = http(method, &url, headers, "").await.unwrap();
            assert_eq!(reply.status, 401);
            assert_eq!(reply.json()["detail"]["status"], "invalid_api_key");
        }
        let reply = http("PUT", &url, &[("xi-api-key", "xi")], "").await.unwrap();
        assert_eq!(reply.status, 405);
        assert_eq!(reply.json()["detail"], "Method Not Allowed");
    }
}

#[tokio::test]
async fn a_signed_url_is_a_credential_in_a_query() {
    let world = World::new().await;
    let url = format!("{}{SIGNED}", world.base);
    let key = [("xi-api-key", "xi")];
    let missing = http("GET", &url, &key, "").await.unwrap();
    assert_eq!(missing.status, 422);
    assert_eq!(missing.json()["detail"][0]["loc"], json!(["query", "agent_id"]));
    let reply = http("GET", &format!("{url}?agent_id=agent_x"), &key, "").await.unwrap();
    let signed = reply.json()["signed_url"].as_str().unwrap().to_owned();
    assert!(signed.starts_with("wss://") && signed.contains("conversation_signature=cvtkn_"));
    let with_id = format!("{url}?agent_id=agent_x&include_conversation_id=true");
    let reply = http("GET", &with_id, &key, "").await.unwrap();
    assert!(reply.json()["signed_url"].as_str().unwrap().contains("&conversation_id=conv_"));
}

#[tokio::test]
async fn each_error_has_the_body_of_the_contract() {
    let world = World::new().await;
    for (answer, status, pointer, expected) in [
        ("unauthorized", 401, "/detail/status", "missing_permissions"),
        ("not_found", 404, "/detail/status", "agent_not_found"),
        ("unprocessable", 422, "/detail/0/type", "missing"),
        ("rate_limited", 429, "/detail/code", "rate_limit_exceeded"),
        ("concurrency", 429, "/detail/code", "concurrent_limit_exceeded"),
    ] {
        world.faults(json!({ "elevenlabs": { "answer": answer } }));
        let reply = world.register().await;
        assert_eq!(reply.status, status, "{answer}");
        assert_eq!(reply.json().pointer(pointer).unwrap(), expected);
    }
}

#[tokio::test]
async fn answers_of_200_can_be_useless() {
    let world = World::new().await;
    let whole = world.register().await.text();
    for (answer, status, start) in [
        ("server_error", 500, "<html>"),
        ("nonsense", 200, "<!doctype html>"),
        ("not_twiml", 200, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Reject"),
        ("doctype", 200, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE"),
        ("empty", 200, ""),
    ] {
        world.faults(json!({ "elevenlabs": { "answer": answer } }));
        let reply = world.register().await;
        assert_eq!(reply.status, status, "{answer}");
        assert!(reply.text().starts_with(start), "{answer}: {}", reply.text());
        assert!(!start.is_empty() || reply.body.is_empty());
    }
    world.faults(json!({ "elevenlabs": { "answer": "truncated" } }));
    let half = world.register().await.body.len();
    assert_eq!(half, whole.len() / 2);
    world.faults(json!({ "elevenlabs": { "answer": "no_conversation_id" } }));
    let text = world.register().await.text();
    assert!(text.contains("<Stream") && !text.contains("<Parameter"));
}

#[tokio::test]
async fn three_other_shapes_are_valid() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "answer": "json_string" } }));
    assert!(world.register().await.json().as_str().unwrap().contains("<Stream"));
    world.faults(json!({ "elevenlabs": { "answer": "json_object" } }));
    let object = world.register().await.json();
    assert!(object["twiml"].as_str().unwrap().contains("<Stream"));
    world.faults(json!({ "elevenlabs": { "answer": "inbound_track" } }));
    let text = world.register().await.text();
    assert!(text.contains(r#"<Stream track="inbound_track" url="#));
}

#[tokio::test]
async fn hanging_up_gives_not_one_byte() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "answer": "hang_up" } }));
    let url = format!("{}{REGISTER}", world.base);
    let reply = http("POST", &url, &[("xi-api-key", "xi")], "{}").await;
    assert!(reply.is_none(), "{reply:?}");
}
