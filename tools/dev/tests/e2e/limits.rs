//! The limits on dialling, each over HTTP with its reason, and what a refusal leaves behind.

use std::net::IpAddr;
use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};
use shared::endpoint::{App, ClientAddress, MakeCall};

use crate::bench::{ANSWERS, Bench, TOKEN, ask, dial_request};

const OTHER: &str = "+12125550124";

async fn dial_from(app: &Arc<App>, bench: &Bench, client: &str, to: &str) -> (u16, String, u64) {
    let mut request = dial_request(&bench.base, &json!({ "to": to }));
    if client == "token" {
        let bearer = format!("Bearer {TOKEN}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
    } else {
        let address: IpAddr = client.parse().unwrap();
        request.extensions_mut().insert(ClientAddress::new(address));
    }
    let (status, body, response) = ask(MakeCall, app, request).await;
    (status, reason(&body), retry_after(&response))
}

async fn dial(app: &Arc<App>, bench: &Bench, to: &str) -> (u16, String, u64) {
    dial_from(app, bench, "192.0.2.1", to).await
}

fn reason(body: &Value) -> String {
    body["reason"].as_str().unwrap_or_default().to_owned()
}

fn retry_after<T>(response: &Response<T>) -> u64 {
    let header = response.headers().get("retry-after");
    header.map_or(0, |value| value.to_str().unwrap().parse().unwrap())
}

fn refused(answer: &(u16, String, u64), status: u16, reason: &str, within: u64) {
    assert_eq!((answer.0, answer.1.as_str()), (status, reason));
    assert!((1..=within).contains(&answer.2), "Retry-After: {}", answer.2);
}

#[tokio::test]
async fn a_client_without_the_token_dials_so_often_an_hour_and_others_are_not_held_up() {
    let bench = Bench::new().await;
    let pairs = [("CALL_RATE_PER_CLIENT", "2"), ("CALL_COOLDOWN_SECONDS", "0")];
    let app = bench.function(&pairs, None);
    for to in [ANSWERS, OTHER] {
        assert_eq!(dial(&app, &bench, to).await.0, 200);
    }
    refused(&dial(&app, &bench, ANSWERS).await, 429, "rate_limited", 3600);
    assert_eq!(dial_from(&app, &bench, "192.0.2.2", ANSWERS).await.0, 200);
    // One network of IPv6 is one client.
    for (client, status) in [("2001:db8::1", 200), ("2001:db8::2", 200), ("2001:db8::3", 429)] {
        assert_eq!(dial_from(&app, &bench, client, OTHER).await.0, status, "{client}");
    }
    assert_eq!(bench.twilio.calls_attempted(), 5);
}

#[tokio::test]
async fn whoever_shows_the_token_is_held_up_by_no_window_of_clients() {
    let bench = Bench::new().await;
    let pairs =
        [("CALL_RATE_PER_CLIENT", "1"), ("CALL_COOLDOWN_SECONDS", "0"), ("MAKE_CALL_TOKEN", TOKEN)];
    let app = bench.function(&pairs, None);
    for _ in 0..3 {
        assert_eq!(dial_from(&app, &bench, "token", ANSWERS).await.0, 200);
    }
}

/// Places that are held for a moment refuse others, and that is all.
#[tokio::test]
async fn dials_at_once_that_come_to_nothing_lock_no_visitor_out() {
    let bench = Bench::new().await;
    let app =
        bench.function(&[("CALL_RATE_PER_CLIENT", "2"), ("CALL_COOLDOWN_SECONDS", "0")], None);
    bench.create_answers(fakes::CreateFault::Reject(21211));
    let dials = (0..20).map(|_| {
        let (app, request) = (Arc::clone(&app), dial_request(&bench.base, &json!({"to": ANSWERS})));
        tokio::spawn(async move { ask(MakeCall, &app, request).await.0 })
    });
    for dial in dials.collect::<Vec<_>>() {
        assert!(matches!(dial.await.unwrap(), 429 | 502));
    }
    bench.create_answers(fakes::CreateFault::Ok);
    assert_eq!(dial(&app, &bench, ANSWERS).await.0, 200);
}

#[tokio::test]
async fn a_number_rests_after_a_dial_and_is_rung_so_often_a_day() {
    let bench = Bench::new().await;
    let app = bench.function(&[], None);
    assert_eq!(dial(&app, &bench, ANSWERS).await.0, 200);
    refused(&dial(&app, &bench, ANSWERS).await, 429, "destination_cooldown", 30);
    assert_eq!(dial(&app, &bench, OTHER).await.0, 200, "another number is another matter");
    let pairs = [("CALL_MAX_PER_DESTINATION_PER_DAY", "1"), ("CALL_COOLDOWN_SECONDS", "0")];
    let app = bench.function(&pairs, None);
    refused(&dial(&app, &bench, ANSWERS).await, 429, "destination_daily_limit", 86_400);
    assert_eq!(bench.twilio.calls_attempted(), 2);
}

#[tokio::test]
async fn so_many_calls_go_on_at_once_and_one_that_has_ended_makes_room() {
    let bench = Bench::new().await;
    let app = bench.function(&[("CALL_MAX_CONCURRENT", "1")], None);
    bench.faults(|faults| faults.twilio.drop = 1.0);
    assert_eq!(dial(&app, &bench, ANSWERS).await.0, 200);
    refused(&dial(&app, &bench, OTHER).await, 429, "concurrency_limit", 30 + 900 + 60);
    let (_, list) = bench.status("").await;
    let sid = list["calls"][0]["callSid"].as_str().unwrap();
    let path = format!("status?callId={}", list["calls"][0]["callId"].as_str().unwrap());
    let end = [("CallSid", sid), ("CallStatus", "busy"), ("SequenceNumber", "1")];
    assert_eq!(bench.webhook(&path, &end).await.0, 204);
    assert_eq!(dial(&app, &bench, OTHER).await.0, 200, "its refusal gave the number back");
}

#[tokio::test]
async fn so_many_dials_a_day_and_a_refused_one_is_none_of_them() {
    let bench = Bench::new().await;
    let pairs = [("CALL_MAX_PER_DAY", "2"), ("CALL_COOLDOWN_SECONDS", "3600")];
    let app = bench.function(&pairs, None);
    assert_eq!(dial(&app, &bench, ANSWERS).await.0, 200);
    for _ in 0..3 {
        refused(&dial(&app, &bench, ANSWERS).await, 429, "destination_cooldown", 3600);
    }
    assert_eq!(dial(&app, &bench, OTHER).await.0, 200);
    refused(&dial(&app, &bench, "+12125550125").await, 429, "daily_limit", 25 * 3600);
    // What it took before that was given back.
    let app = bench.function(&[("CALL_COOLDOWN_SECONDS", "3600")], None);
    assert_eq!(dial(&app, &bench, "+12125550125").await.0, 200);
}

/// Nothing rang, so the day is as it was: else a number that Twilio refuses would end all dialling.
#[tokio::test]
async fn dials_that_twilio_refuses_take_nothing_of_the_day() {
    let bench = Bench::new().await;
    let pairs = [("CALL_MAX_PER_DAY", "1"), ("CALL_COOLDOWN_SECONDS", "0")];
    let app = bench.function(&pairs, None);
    for _ in 0..5 {
        assert_eq!(dial(&app, &bench, "+15005550001").await.1, "twilio_rejected");
    }
    assert_eq!(dial(&app, &bench, ANSWERS).await.0, 200);
    refused(&dial(&app, &bench, OTHER).await, 429, "daily_limit", 25 * 3600);
}

#[tokio::test]
async fn a_paused_service_dials_nobody() {
    let bench = Bench::new().await;
    let app = bench.function(&[("CALL_PAUSED", "yes")], None);
    assert_eq!(dial(&app, &bench, ANSWERS).await.1, "calling_paused");
    assert_eq!(bench.status("").await.1["calls"], json!([]));
    assert_eq!(bench.twilio.calls_attempted(), 0);
}
