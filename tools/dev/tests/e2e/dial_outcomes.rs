//! How a dial can end, and that none of the ends dials twice.

use std::sync::Arc;
use std::time::Duration;

use fakes::CreateFault;
use serde_json::{Value, json};
use shared::call::DIAL_BUDGET;
use shared::endpoint::{Endpoint as _, MakeCall, Status};
use shared::store::Unavailable;

use crate::bench::{ANSWERS, Bench, UNREACHABLE, ask, dial_request};
use crate::stores::HangsAfterTheDial;

/// Twilio's answer, our status, our reason, and the call's status afterwards.
async fn outcome(create: CreateFault) -> (u16, Value, Value) {
    let bench = Bench::new().await;
    bench.create_answers(create);
    let (status, body) = bench.dial(json!({ "to": ANSWERS })).await;
    bench.twilio.all_settled().await;
    let (_, list) = bench.status("").await;
    assert_eq!(bench.twilio.calls_attempted(), 1, "asked once and never again");
    (status, body, list["calls"][0].clone())
}

#[tokio::test]
async fn a_lost_reply_is_told_as_unknown_and_the_callbacks_find_the_call() {
    let bench = Bench::new().await;
    bench.create_answers(CreateFault::LoseReply);
    let (status, body) = bench.dial(json!({"to": ANSWERS, "dynamicVariables": {"a": 1}})).await;
    assert_eq!((status, &body["reason"]), (502, &json!("twilio_unknown_outcome")));
    bench.twilio.all_settled().await;
    let (_, call) = bench.status(&format!("callId={}", body["callId"].as_str().unwrap())).await;
    assert_eq!(call["status"], "completed", "{call}");
    assert_eq!(call["callSid"], json!(bench.twilio.calls_created()[0].sid));
    // Voice found the variables although only we knew them.
    let request = bench.twilio.elevenlabs_requests().pop().unwrap().body.unwrap();
    assert_eq!(request["conversation_initiation_client_data"]["dynamic_variables"]["a"], 1);
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn an_error_of_twilios_that_placed_the_call_is_unknown_too() {
    for create in [CreateFault::ServerError, CreateFault::Nonsense] {
        let (status, body, call) = outcome(create).await;
        assert_eq!((status, &body["reason"]), (502, &json!("twilio_unknown_outcome")));
        assert_eq!(call["status"], "completed");
        assert_eq!(call["callId"], body["callId"]);
    }
}

#[tokio::test]
async fn an_unknown_outcome_that_never_rings_reads_unknown() {
    let (status, body, call) = outcome(CreateFault::ServerErrorNoCall).await;
    assert_eq!((status, &body["reason"]), (502, &json!("twilio_unknown_outcome")));
    assert_eq!(call["status"], "unknown");
    assert_eq!(call["diagnosis"][0]["code"], "outcome_unknown");
}

#[tokio::test]
async fn a_refusal_of_twilios_keeps_its_code_and_says_what_to_do() {
    let (status, body, call) = outcome(CreateFault::Reject(21219)).await;
    assert_eq!(
        (status, &body["reason"], &body["code"]),
        (502, &json!("twilio_rejected"), &json!(21219))
    );
    assert!(body["error"].as_str().unwrap().contains("trial"));
    assert!(body["message"].as_str().unwrap().contains("Verify"));
    assert_eq!(body["details"], "https://www.twilio.com/docs/errors/21219");
    assert_eq!((&call["status"], &call["diagnosis"][0]["code"]), (&json!("failed"), &json!(21219)));
}

#[tokio::test]
async fn credentials_that_twilio_refuses_are_named_as_such() {
    let (status, body, call) = outcome(CreateFault::Unauthorized).await;
    assert_eq!((status, &body["reason"]), (502, &json!("twilio_unauthorized")));
    assert_eq!(body["code"], 20003);
    assert_eq!(call["status"], "failed");
}

/// The paused clock jumps over the pauses between the tries.
#[tokio::test(start_paused = true)]
async fn a_rate_limited_dial_is_tried_thrice_and_then_says_when_to_dial_again() {
    let bench = Bench::new().await;
    bench.create_answers(CreateFault::RateLimited);
    let app = bench.function(&[], None);
    let request = dial_request(&bench.base, &json!({ "to": ANSWERS }));
    let (status, body, response) = ask(MakeCall, &app, request).await;
    assert_eq!((status, &body["reason"]), (429, &json!("twilio_rate_limited")));
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!((bench.twilio.calls_attempted(), bench.twilio.calls_created().len()), (3, 0));
    assert_eq!(bench.status("").await.1["calls"][0]["status"], "failed");
}

/// The paused clock jumps over the ten seconds that a dial waits.
#[tokio::test(start_paused = true)]
async fn a_twilio_that_never_answers_leaves_the_outcome_unknown() {
    let bench = Bench::new().await;
    bench.create_answers(CreateFault::Never);
    let (status, body) = bench.dial(json!({ "to": ANSWERS })).await;
    assert_eq!((status, &body["reason"]), (502, &json!("twilio_unknown_outcome")), "{body}");
}

#[tokio::test]
async fn a_twilio_that_cannot_be_reached_was_sent_nothing() {
    let bench = Bench::new().await;
    let app = bench.function(&[("TWILIO_API_URL", UNREACHABLE)], None);
    let (status, body, _) =
        ask(MakeCall, &app, dial_request(&bench.base, &json!({"to": ANSWERS}))).await;
    assert_eq!((status, &body["reason"]), (502, &json!("twilio_unreachable")));
    assert!(body["callId"].is_string(), "by which the page can read what became of it");
    let call = bench.status("").await.1["calls"][0].clone();
    assert_eq!(
        (&call["status"], &call["timeline"][1]["source"]),
        (&json!("failed"), &json!("close-loop"))
    );
    assert_eq!(call["diagnosis"][0]["code"], "twilio_unreachable");
}

/// The paused clock jumps over the three seconds that a dial waits for the store.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_keeps_no_caller_waiting_and_nothing_is_dialled() {
    let bench = Bench::new().await;
    let app = bench.function(&[], Some(crate::stores::hanging()));
    let request = dial_request(&bench.base, &json!({ "to": ANSWERS }));
    let (status, body, _) = ask(MakeCall, &app, request).await;
    assert_eq!((status, &body["reason"]), (503, &json!("store_unavailable")));
    assert_eq!(bench.twilio.calls_attempted(), 0);
}

/// Twilio's refusal is known and the store hangs, before any of the dial's places is given back.
#[tokio::test(start_paused = true)]
async fn giving_everything_back_takes_no_longer_than_the_host_waits() {
    // How much of its time the dial did not use here, because everything was quick up to then.
    let unused = Duration::from_secs(5);
    for (create, unused) in
        [(CreateFault::Reject(21219), DIAL_BUDGET), (CreateFault::Never, unused)]
    {
        let bench = Bench::new().await;
        bench.create_answers(create);
        let store = HangsAfterTheDial::before(bench.app.store.clone(), bench.twilio.clone());
        let app = bench.function(&[], Some(store));
        let mut request = dial_request(&bench.base, &json!({ "to": ANSWERS }));
        request.headers_mut().insert("idempotency-key", "a".parse().unwrap());
        let began = tokio::time::Instant::now();
        let (status, body, _) = ask(MakeCall, &app, request).await;
        let took = began.elapsed();
        assert_eq!(status, 502, "{body}");
        assert!(took + unused <= MakeCall::LONGEST, "{took:?}");
    }
}

#[tokio::test]
async fn without_the_store_nothing_is_dialled() {
    let bench = Bench::new().await;
    let app = bench.function(&[], Some(Arc::new(Unavailable("down".to_owned()))));
    let (status, body, _) =
        ask(MakeCall, &app, dial_request(&bench.base, &json!({"to": ANSWERS}))).await;
    assert_eq!((status, &body["reason"]), (503, &json!("store_unavailable")));
    assert_eq!(bench.twilio.calls_attempted(), 0);
    let request = http::Request::get(format!("/api/twilio/status?callId={}", "0".repeat(32)))
        .header("sec-fetch-site", "same-origin");
    let (status, body, _) = ask(Status, &app, request.body("").unwrap()).await;
    assert_eq!((status, &body["reason"]), (503, &json!("store_unavailable")));
}

#[tokio::test]
async fn twilios_test_numbers_go_through_to_twilio_and_come_back_with_its_word() {
    let bench = Bench::new().await;
    for (to, code) in [
        ("+15005550001", 21217),
        ("+15005550002", 21214),
        ("+15005550003", 21215),
        ("+15005550004", 21216),
    ] {
        let (status, body) = bench.dial(json!({ "to": to })).await;
        assert_eq!((status, &body["code"]), (502, &json!(code)), "{to}");
    }
}
