//! Callbacks late, doubled, shuffled and lost.

use std::sync::Arc;

use http::Request;
use serde_json::{Value, json};

use crate::bench::{ANSWERS, Bench, call_sid};

/// What must not depend on the order of arrival.
fn essence(call: &Value) -> Value {
    let events = {
        let mut events = Bench::events(call);
        events.sort_unstable();
        json!(events)
    };
    json!({"status": call["status"], "duration": call["durationSeconds"], "recording": call["recording"]["status"], "events": events})
}

#[tokio::test]
async fn shuffled_and_doubled_callbacks_give_the_same_call() {
    let straight = Bench::new().await.call(json!({ "to": ANSWERS })).await;
    let bench = Bench::new().await;
    for seed in 0..20 {
        bench.faults(|faults| {
            faults.twilio.reorder = true;
            faults.twilio.duplicate = 0.5;
            faults.twilio.seed = Some(seed);
        });
        let call = bench.call(json!({ "to": ANSWERS })).await;
        assert_eq!(essence(&call), essence(&straight), "seed {seed}");
    }
}

#[tokio::test]
async fn lost_callbacks_leave_a_call_that_is_known_to_be_answered() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let call = bench.call(json!({ "to": ANSWERS })).await;
    assert_eq!(call["status"], "in-progress", "voice was asked, so the person picked up");
    assert!(call["answeredAt"].is_string());
}

#[tokio::test]
async fn each_kind_of_end_is_told_apart() {
    let bench = Bench::new().await;
    let ends = [
        ("01", "busy"),
        ("02", "no-answer"),
        ("03", "failed"),
        ("06", "canceled"),
        ("07", "completed"),
    ];
    for (digits, status) in ends {
        let call = bench.call(json!({ "to": format!("+121255501{digits}") })).await;
        assert_eq!(call["status"], status);
        assert!(call["endedAt"].is_string(), "{call}");
    }
}

#[tokio::test]
async fn a_call_that_was_too_short_to_record_says_so() {
    let bench = Bench::new().await;
    let call = bench.call(json!({ "to": "+12125550107" })).await;
    assert_eq!(call["recording"]["status"], "absent");
    assert_eq!(call["diagnosis"][0]["code"], 16101);
    assert_eq!(call["diagnosis"][0]["severity"], "warning");
}

#[tokio::test]
async fn a_machine_that_picks_up_is_told_as_one() {
    let bench = Bench::new().await;
    let call = bench.call(json!({"to": "+12125550104", "machineDetection": "Enable"})).await;
    assert_eq!(
        (&call["answeredBy"], &call["status"]),
        (&json!("machine_start"), &json!("completed"))
    );
}

#[tokio::test]
async fn a_callback_of_an_unknown_call_creates_it() {
    let bench = Bench::new().await;
    let sid = call_sid('5');
    let params = [
        ("CallSid", sid.as_str()),
        ("CallStatus", "ringing"),
        ("SequenceNumber", "1"),
        ("From", ANSWERS),
        ("To", "+12125550100"),
        ("Direction", "inbound"),
    ];
    assert_eq!(bench.webhook("status", &params).await, (204, String::new()));
    assert_eq!(bench.webhook("status", &params).await.0, 204, "a duplicate is a success too");
    let (_, call) = bench.status(&format!("callSid={sid}")).await;
    assert_eq!((&call["status"], &call["direction"]), (&json!("ringing"), &json!("inbound")));
    assert_eq!(Bench::events(&call), ["ringing"]);
}

#[tokio::test]
async fn a_stream_error_reaches_the_record_with_its_meaning() {
    let bench = Bench::new().await;
    let sid = call_sid('6');
    let params = [
        ("CallSid", sid.as_str()),
        ("StreamSid", "MZ11111111111111111111111111111111"),
        ("StreamEvent", "stream-error"),
        ("StreamError", "31921 Stream - WebSocket - Close Error"),
    ];
    assert_eq!(bench.webhook("status", &params).await.0, 204);
    let (_, call) = bench.status(&format!("callSid={sid}")).await;
    assert_eq!(
        call["diagnosis"].as_array().unwrap().iter().filter(|d| d["code"] == 31921).count(),
        1
    );
}

#[tokio::test]
async fn an_outage_of_the_store_is_503_so_that_twilio_repeats() {
    use shared::endpoint::{Recording, Status};
    use shared::store::Unavailable;

    use crate::bench::{ask, sign};
    let bench = Bench::new().await;
    let app = bench.function(&[], Some(Arc::new(Unavailable("down".to_owned()))));
    let sid = call_sid('7');
    let params = [
        ("AccountSid", dev::SIMULATED_ACCOUNT_SID),
        ("CallSid", sid.as_str()),
        ("CallStatus", "ringing"),
    ];
    let request = |endpoint: &str| {
        let url = bench.url(endpoint);
        Request::post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", sign(&url, &params))
            .body(serde_urlencoded::to_string(params).unwrap())
            .unwrap()
    };
    assert_eq!(ask(Status, &app, request("status")).await.0, 503);
    assert_eq!(ask(Recording, &app, request("recording")).await.0, 503);
    // What Twilio repeats is in the URLs we gave it.
    bench.call(json!({ "to": ANSWERS })).await;
    let created = bench.twilio.calls_created().pop().unwrap();
    for name in ["StatusCallback", "RecordingStatusCallback"] {
        let (_, url) = created.params.iter().find(|(n, _)| n == name).unwrap();
        assert!(url.ends_with("#rc=2&rp=ct,rt,5xx"), "{url}");
    }
}

#[tokio::test]
async fn the_end_of_a_call_is_logged_once_however_often_it_is_told() {
    let bench = Bench::new().await;
    bench.faults(|faults| {
        faults.twilio.duplicate = 1.0;
        faults.twilio.reorder = true;
    });
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let call_id = call["callId"].as_str().unwrap();
    assert_eq!(crate::log::lines_with(&["call ended", call_id]).len(), 1);
}
