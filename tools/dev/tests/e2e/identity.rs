//! A callback acts on the call that the record says it is, never on what its query alone says.

use fakes::ElevenLabsAnswer;
use serde_json::{Value, json};

use crate::bench::{ANSWERS, Bench, call_sid};
use crate::log;

const OTHER: &str = "+12125550124";

/// A call that rings on: its callbacks do not arrive.
async fn ringing(bench: &Bench) -> Value {
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let (status, dialled) = bench.dial(json!({ "to": ANSWERS })).await;
    assert_eq!(status, 200, "{dialled}");
    bench.twilio.all_settled().await;
    dialled
}

fn path(endpoint: &str, dialled: &Value) -> String {
    format!("{endpoint}?callId={}", dialled["callId"].as_str().unwrap())
}

/// Twilio posts the callbacks of a `<Dial>`'s leg to its parent's address; some do not name the parent.
#[tokio::test]
async fn another_legs_end_frees_no_slot_and_ends_nothing() {
    for parent in [true, false] {
        let bench = Bench::with(&[("CALL_MAX_CONCURRENT", "1")]).await;
        let dialled = ringing(&bench).await;
        let child = call_sid('c');
        let sid = dialled["callSid"].as_str().unwrap();
        let mut end = vec![
            ("CallSid", child.as_str()),
            ("CallStatus", "completed"),
            ("SequenceNumber", "3"),
            ("CallDuration", "9"),
            ("Direction", "outbound-dial"),
        ];
        end.extend(parent.then_some(("ParentCallSid", sid)));
        assert_eq!(bench.webhook(&path("status", &dialled), &end).await.0, 204);
        assert_eq!(bench.dial(json!({ "to": OTHER })).await.1["reason"], "concurrency_limit");
        let call = bench.status(&path("", &dialled)[1..]).await.1;
        assert_eq!((&call["callSid"], &call["endedAt"]), (&json!(sid), &Value::Null), "{call}");
        assert_eq!(Bench::events(&call).iter().filter(|event| **event == "child-leg").count(), 1);
        // The call's own end does both.
        let end = [("CallSid", sid), ("CallStatus", "completed"), ("SequenceNumber", "3")];
        assert_eq!(bench.webhook(&path("status", &dialled), &end).await.0, 204);
        assert_eq!(bench.dial(json!({ "to": OTHER })).await.0, 200);
    }
}

#[tokio::test]
async fn another_leg_that_comes_first_does_not_take_the_calls_name() {
    let bench = Bench::new().await;
    bench.create_answers(fakes::CreateFault::ServerErrorNoCall);
    let (_, lost) = bench.dial(json!({ "to": ANSWERS })).await;
    let (child, parent) = (call_sid('c'), call_sid('a'));
    let params =
        [("CallSid", child.as_str()), ("ParentCallSid", &parent), ("CallStatus", "ringing")];
    assert_eq!(bench.webhook(&path("status", &lost), &params).await.0, 204);
    let query = format!("callId={}", lost["callId"].as_str().unwrap());
    let before = bench.status(&query).await.1;
    assert_eq!((&before["callSid"], &before["status"]), (&Value::Null, &json!("unknown")));
    let params = [("CallSid", parent.as_str()), ("CallStatus", "ringing"), ("SequenceNumber", "1")];
    assert_eq!(bench.webhook(&path("status", &lost), &params).await.0, 204);
    let after = bench.status(&query).await.1;
    assert_eq!((&after["callSid"], &after["status"]), (&json!(parent), &json!("ringing")));
}

#[tokio::test]
async fn another_legs_recording_machine_and_stream_mark_nothing_of_the_call() {
    let bench = Bench::new().await;
    let dialled = ringing(&bench).await;
    let (child, recording, stream) =
        (call_sid('c'), format!("RE{}", "c".repeat(32)), format!("MZ{}", "c".repeat(32)));
    let told = [
        ("recording", vec![("RecordingSid", recording.as_str()), ("RecordingStatus", "completed")]),
        ("status", vec![("AnsweredBy", "machine_start"), ("MachineDetectionDuration", "1")]),
        ("status", vec![("StreamSid", stream.as_str()), ("StreamEvent", "stream-stopped")]),
    ];
    for (endpoint, mut params) in told {
        params.push(("CallSid", &child));
        assert_eq!(bench.webhook(&path(endpoint, &dialled), &params).await.0, 204);
    }
    let call = bench.status(&path("", &dialled)[1..]).await.1;
    assert_eq!((&call["recording"], &call["answeredBy"]), (&Value::Null, &Value::Null), "{call}");
    assert!(!Bench::events(&call).contains(&"stream-stopped"));
}

#[tokio::test]
async fn voice_registers_nothing_for_another_leg_or_for_a_call_that_is_not_answered() {
    let bench = Bench::new().await;
    let (sid, parent) = (call_sid('e'), call_sid('a'));
    let query = format!("voice?callId={}", "0".repeat(32));
    for status in ["no-answer", "completed", "busy", "failed", "canceled", "queued", "nonsense"] {
        let params = [("CallSid", sid.as_str()), ("CallStatus", status)];
        let (code, body) = bench.webhook("voice", &params).await;
        assert_eq!(
            (code, body.contains("<Response><Hangup/></Response>")),
            (200, true),
            "{status}"
        );
    }
    let params =
        [("CallSid", sid.as_str()), ("CallStatus", "in-progress"), ("ParentCallSid", &parent)];
    assert!(bench.webhook(&query, &params).await.1.contains("<Response><Hangup/></Response>"));
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 0);
    assert_eq!(bench.status(&format!("callSid={sid}")).await.0, 404, "nothing was answered");
}

#[tokio::test]
async fn another_accounts_callback_is_403_with_one_line_and_no_trace() {
    let (other, ours) = (format!("AC{}", "e".repeat(32)), format!("AC{}", "5".repeat(32)));
    let bench = Bench::with(&[("TWILIO_SUBACCOUNT_SIDS", &ours)]).await;
    for (endpoint, other) in
        [("status", &*other), ("recording", &*other), ("voice", &*other), ("status", "")]
    {
        let sid = call_sid('9');
        let params = [("CallSid", sid.as_str()), ("CallStatus", "ringing"), ("AccountSid", other)];
        let before = log::lines_with(&["account_not_ours", endpoint]).len();
        let (code, body) = bench.webhook(endpoint, &params).await;
        assert_eq!((code, body.contains("account_not_ours")), (403, true), "{endpoint} {body}");
        assert_eq!(log::lines_with(&["account_not_ours", endpoint]).len(), before + 1);
        assert_eq!(bench.status(&format!("callSid={sid}")).await.0, 404);
    }
    let sid = call_sid('5');
    let params = [("CallSid", sid.as_str()), ("CallStatus", "ringing"), ("AccountSid", &ours)];
    assert_eq!(bench.webhook("status", &params).await.0, 204);
}

#[tokio::test]
async fn a_call_that_a_dial_rang_is_shown_as_told() {
    let bench = Bench::new().await;
    let (sid, parent) = (call_sid('d'), call_sid('a'));
    let params = [
        ("CallSid", sid.as_str()),
        ("CallStatus", "ringing"),
        ("ParentCallSid", &parent),
        ("Direction", "outbound-dial"),
    ];
    assert_eq!(bench.webhook("status", &params).await.0, 204);
    let call = bench.status(&format!("callSid={sid}")).await.1;
    assert_eq!((&call["direction"], &call["status"]), (&json!("outbound-dial"), &json!("ringing")));
}

/// What ElevenLabs' answer would have Twilio do never reaches Twilio.
#[tokio::test]
async fn an_answer_with_more_than_the_agents_stream_is_an_apology() {
    let bench = Bench::new().await;
    for answer in [
        ElevenLabsAnswer::Dial,
        ElevenLabsAnswer::Redirect,
        ElevenLabsAnswer::ForeignStream,
        ElevenLabsAnswer::ForeignCallback,
    ] {
        bench.agent_answers(answer);
        let call = bench.call(json!({ "to": ANSWERS })).await;
        assert_eq!(call["diagnosis"][0]["code"], "agent_not_connected", "{answer:?} {call}");
        let voice = bench.twilio.deliveries().into_iter().rev();
        let voice =
            voice.into_iter().find(|sent| sent.response_body.contains("<Response>")).unwrap();
        assert!(voice.response_body.contains("<Say>Technical"), "{}", voice.response_body);
        for foreign in ["evil", "Dial", "Redirect", "Stream"] {
            assert!(!voice.response_body.contains(foreign), "{}", voice.response_body);
        }
    }
}
