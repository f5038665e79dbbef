//! Asking for a call: authentication, validation, and answers that get lost.

use crate::support::*;
use serde_json::json;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_call_is_answered_with_the_full_resource() {
    let world = World::new().await;
    let reply = world.dial(TALKER, &[]).await.unwrap();
    let call = reply.json();
    assert_eq!(reply.status, 201);
    assert_eq!(call["status"], "queued");
    assert_eq!(call["direction"], "outbound-api");
    assert_eq!(call["to_formatted"], "(212) 555-0123");
    assert_eq!(call.as_object().unwrap().len(), 26);
    let sid = call["sid"].as_str().unwrap();
    assert!(sid.len() == 34 && sid.starts_with("CA"));
    let created = world.fakes.calls_created();
    assert_eq!(created[0].sid, sid);
    let events = created[0].params.iter().filter(|(name, _)| name == "StatusCallbackEvent");
    assert_eq!(events.count(), 4);
}

#[tokio::test]
async fn every_bad_parameter_has_its_own_code() {
    let world = World::new().await;
    let long = "x".repeat(4001);
    let table: &[(u32, &[(&str, &str)])] = &[
        (21201, &[("To", "")]),
        (21213, &[("From", "")]),
        (21205, &[("Url", "")]),
        (21205, &[("Url", "/voice")]),
        (21205, &[("Url", "ftp://app.example/voice")]),
        (21211, &[("To", "5551234567")]),
        (21211, &[("To", "+1212555012x")]),
        (21211, &[("To", OURS)]),
        (21212, &[("From", "2125550100")]),
        (21212, &[("From", "+15005550001")]),
        (21210, &[("From", "+12125550199")]),
        (21218, &[("ApplicationSid", "AP00000000000000000000000000000000")]),
        (21609, &[("StatusCallback", "status")]),
        (21609, &[("StatusCallback", "https://my_app.example/status")]),
        (21209, &[("Method", "PUT")]),
        (21209, &[("StatusCallbackMethod", "post")]),
        (21208, &[("Timeout", "601")]),
        (21208, &[("Timeout", "0")]),
        (21208, &[("Timeout", "soon")]),
        (21206, &[("SendDigits", "12x")]),
        (21234, &[("MachineDetection", "true")]),
        (32018, &[("Twiml", &long)]),
        (21217, &[("To", "+15005550001")]),
        (21214, &[("To", "+15005550002")]),
        (21215, &[("To", "+15005550003")]),
        (21216, &[("To", "+15005550004")]),
    ];
    for (code, extra) in table {
        let reply = world.dial(TALKER, extra).await.unwrap();
        assert_eq!(reply.status, 400, "{extra:?}");
        assert_eq!(reply.json()["code"], *code, "{extra:?}");
        let more = format!("https://www.twilio.com/docs/errors/{code}");
        assert_eq!(reply.json()["more_info"], more.as_str());
    }
    assert_eq!(world.fakes.calls_attempted(), table.len());
    assert!(world.fakes.calls_created().is_empty());
}

#[tokio::test]
async fn a_number_that_is_none_is_named_in_the_message() {
    let world = World::new().await;
    let reply = world.dial("5551234567", &[]).await.unwrap();
    let message = "The 'To' number 5551234567 is not a valid phone number.";
    assert_eq!(reply.json()["message"], message);
}

#[tokio::test]
async fn credentials_are_the_account_or_the_api_key() {
    let world = World::new().await;
    let url = world.account_url("Calls.json");
    for (user, password, status) in [
        (ACCOUNT, TOKEN, 400),
        ("SK01", "secret", 400),
        (ACCOUNT, "wrong", 401),
        ("SK01", TOKEN, 401),
    ] {
        let auth = basic(user, password);
        let headers = [("authorization", auth.as_str()), FORM];
        let reply = http("POST", &url, &headers, "").await.unwrap();
        assert_eq!(reply.status, status, "{user}:{password}");
    }
    let reply = http("POST", &url, &[FORM], "").await.unwrap();
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json()["code"], 20003);
    assert_eq!(reply.json()["message"], "Authenticate");
    assert!(reply.header("www-authenticate").is_some());
}

#[tokio::test]
async fn another_account_in_the_path_is_not_found() {
    let world = World::new().await;
    let auth = basic(ACCOUNT, TOKEN);
    let url = world.account_url("Calls.json").replace("ACa", "ACb");
    let headers = [("authorization", auth.as_str()), FORM];
    let reply = http("POST", &url, &headers, "").await.unwrap();
    assert_eq!((reply.status, reply.json()["code"].as_u64()), (404, Some(20404)));
}

#[tokio::test]
async fn a_json_body_is_refused() {
    let world = World::new().await;
    let auth = basic(ACCOUNT, TOKEN);
    let headers = [("authorization", auth.as_str()), ("content-type", "application/json")];
    let url = world.account_url("Calls.json");
    let reply = http("POST", &url, &headers, "{}").await.unwrap();
    assert_eq!((reply.status, reply.json()["code"].as_u64()), (400, Some(20001)));
}

#[tokio::test]
async fn test_credentials_create_a_call_that_never_rings() {
    let world = World::new().await;
    let sid = world.call(TALKER, &[("From", "+15005550006")]).await;
    assert!(world.fakes.deliveries().is_empty());
    let path = format!("Calls/{sid}.json");
    assert_eq!(world.get(&path).await.json()["status"], "queued");
    let canceled = world.post(&path, &[("Status", "canceled")]).await.unwrap();
    assert_eq!(canceled.json()["status"], "canceled");
    let again = world.post(&path, &[("Status", "canceled")]).await.unwrap();
    assert_eq!(again.json()["code"], 21220);
}

#[tokio::test]
async fn a_lost_reply_is_no_reply_and_the_call_goes_on() {
    let world = World::new().await;
    assert!(world.dial("+12125550105", &[]).await.is_none());
    world.faults(json!({ "twilio": { "create": "lose_reply" } }));
    assert!(world.dial(TALKER, &[]).await.is_none());
    world.fakes.all_settled().await;
    assert_eq!(world.fakes.calls_created().len(), 2);
    let list = world.get("Calls.json?To=%2B12125550105&Status=completed").await;
    assert_eq!(list.json()["calls"].as_array().unwrap().len(), 1);
    let statuses = world.column("/status", "CallStatus");
    assert_eq!(statuses.iter().filter(|status| *status == "completed").count(), 2);
}

#[tokio::test]
async fn each_fault_of_creation_answers_and_creates_as_it_says() {
    let world = World::new().await;
    for (fault, status, code, created) in [
        ("server_error", 500, Some(20500), 1),
        ("server_error_no_call", 500, Some(20500), 0),
        ("rate_limited", 429, Some(20429), 0),
        ("unauthorized", 401, Some(20003), 0),
        ("reject:21219", 400, Some(21219), 0),
        ("nonsense", 201, None, 1),
    ] {
        world.faults(json!({ "twilio": { "create": fault } }));
        let before = world.fakes.calls_created().len();
        let reply = world.dial(TALKER, &[]).await.unwrap();
        assert_eq!(reply.status, status, "{fault}");
        let body: Option<serde_json::Value> = serde_json::from_slice(&reply.body).ok();
        let told = body.and_then(|body| body["code"].as_u64());
        assert_eq!(told, code, "{fault}");
        let after = world.fakes.calls_created().len();
        assert_eq!(after - before, created, "{fault}");
    }
}

#[tokio::test]
async fn sids_differ_between_seeds_and_not_between_runs() {
    let mut sids = Vec::new();
    for seed in [1, 1, 2] {
        sids.push(World::seeded(seed).await.call(TALKER, &[]).await);
    }
    assert_eq!(sids[0], sids[1]);
    assert_ne!(sids[0], sids[2]);
}
