//! Ends of calls that no callback told: seen by ourselves, looked up at Twilio.

use std::sync::Arc;
use std::time::Duration;

use fakes::{DeliveryKind, ElevenLabsAnswer};
use http::Request;
use serde_json::{Value, json};
use shared::endpoint::{App, Status};

use crate::bench::{ANSWERS, Bench, NOBODY_LISTENS, ask};

async fn read_by(app: &Arc<App>, query: &str) -> Value {
    let url = format!("/api/twilio/status?{query}");
    let request = Request::get(url).header("sec-fetch-site", "same-origin").body("").unwrap();
    ask(Status, app, request).await.1
}

async fn read(app: &Arc<App>, call: &Value) -> Value {
    read_by(app, &format!("callId={}", call["callId"].as_str().unwrap())).await
}

/// As the call's own limits have it: it rang for at most 30 s and lasted at most 900.
#[tokio::test]
async fn a_call_whose_end_nobody_told_is_looked_up_once_when_somebody_reads_it_late_enough() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let before = read(&bench.later(Duration::from_secs(30 + 900 + 100)), &call).await;
    assert_eq!((&before["status"], bench.twilio.calls_looked_up()), (&json!("in-progress"), 0));
    let late = bench.later(Duration::from_secs(30 + 900 + 121));
    let first = read(&late, &call).await;
    assert_eq!(first["status"], "completed", "{first}");
    assert!(first["durationSeconds"].is_u64() && first["endedAt"].is_string(), "{first}");
    assert_eq!(read(&late, &call).await, first);
    assert_eq!(read(&bench.function(&[], None), &call).await["status"], "completed");
    assert_eq!(bench.twilio.calls_looked_up(), 1);
}

/// Sends what Twilio sent of one kind and a fault kept back.
async fn deliver(bench: &Bench, sid: &str, kind: DeliveryKind, event: &str) {
    let sent = bench.twilio.deliveries().into_iter().find(|sent| {
        sent.call_sid == sid && sent.kind == kind && sent.params.iter().any(|(_, v)| v == event)
    });
    let sent = sent.unwrap();
    let params: Vec<_> = sent.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let path = sent.url.rsplit("/api/twilio/").next().unwrap();
    assert_eq!(bench.webhook(path, &params).await.0, 204);
}

#[tokio::test]
async fn a_call_whose_stream_stopped_is_looked_up_soon_though_no_status_callback_comes() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let sid = call["callSid"].as_str().unwrap();
    deliver(&bench, sid, DeliveryKind::Stream, "stream-stopped").await;
    let late = read(&bench.later(Duration::from_secs(90)), &call).await;
    assert_eq!((&late["status"], bench.twilio.calls_looked_up()), (&json!("completed"), 1));
    assert!(late["durationSeconds"].is_u64(), "Twilio's word and not a guess: {late}");
}

#[tokio::test]
async fn a_call_that_heard_an_apology_is_looked_up_soon_too() {
    let bench = Bench::new().await;
    bench.faults(|faults| {
        faults.twilio.drop = 1.0;
        faults.elevenlabs.answer = ElevenLabsAnswer::ServerError;
    });
    let call = bench.call(json!({ "to": ANSWERS })).await;
    assert_eq!(call["status"], "in-progress");
    let late = read(&bench.later(Duration::from_secs(60)), &call).await;
    assert_eq!((&late["status"], bench.twilio.calls_looked_up()), (&json!("completed"), 1));
}

#[tokio::test]
async fn a_call_to_our_number_without_a_status_callback_ends_within_a_minute_of_reading() {
    for fault in [0.0, 1.0] {
        let bench = Bench::new().await;
        bench.faults(|faults| faults.twilio.drop = fault);
        let sid = bench.twilio.ring_in(ANSWERS, &bench.url("voice"), None);
        bench.twilio.settled(&sid).await;
        let query = format!("callSid={sid}");
        let late = read_by(&bench.later(Duration::from_secs(60)), &query).await;
        assert_eq!((&late["status"], &late["direction"]), (&json!("completed"), &json!("inbound")));
        assert!(late["endedAt"].is_string() && late["durationSeconds"].is_u64(), "{late}");
        let list = bench.status("").await.1;
        assert_eq!(list["calls"][0]["status"], "completed", "it is on record");
    }
}

#[tokio::test]
async fn a_list_shows_no_call_as_going_on_that_is_seen_to_have_ended() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        let sid = bench.twilio.ring_in(ANSWERS, &bench.url("voice"), None);
        bench.twilio.settled(&sid).await;
    }
    let list = read_by(&bench.later(Duration::from_secs(60)), "").await;
    let statuses: Vec<_> = list["calls"].as_array().unwrap().iter().map(|c| &c["status"]).collect();
    assert_eq!(statuses, ["completed", "completed"]);
}

#[tokio::test]
async fn where_twilio_cannot_be_asked_a_stopped_stream_is_taken_for_the_end_and_not_kept() {
    let bench = Bench::new().await;
    let sid = bench.twilio.ring_in(ANSWERS, &bench.url("voice"), None);
    bench.twilio.settled(&sid).await;
    let pairs = [("TWILIO_API_URL", NOBODY_LISTENS)];
    let query = format!("callSid={sid}");
    let app = bench.later_with(Duration::from_secs(600), &pairs);
    for _ in 0..3 {
        let late = read_by(&app, &query).await;
        assert_eq!(
            (&late["status"], &late["durationSeconds"]),
            (&json!("completed"), &Value::Null)
        );
    }
    let now = bench.status(&query).await.1;
    assert_eq!(now["status"], "in-progress", "too soon to look, and nothing was written");
}

#[tokio::test]
async fn a_call_that_goes_on_is_looked_up_once_in_a_while_whoever_reads() {
    let bench = Bench::new().await;
    let sid = crate::bench::call_sid('d');
    let params =
        [("CallSid", sid.as_str()), ("CallStatus", "in-progress"), ("Direction", "inbound")];
    assert_eq!(bench.webhook("status", &params).await.0, 204);
    let query = format!("callSid={sid}");
    for _ in 0..5 {
        // Twilio does not know it: nothing is guessed.
        let call = read_by(&bench.later(Duration::from_secs(60)), &query).await;
        assert_eq!(call["status"], "in-progress");
    }
    assert_eq!(bench.twilio.calls_looked_up(), 1);
    read_by(&bench.later(Duration::from_secs(106)), &query).await;
    assert_eq!(bench.twilio.calls_looked_up(), 2);
}
