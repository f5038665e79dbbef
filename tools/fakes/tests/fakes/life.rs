//! The life of a call, as its callbacks tell it.

use crate::support::*;
use fakes::{DeliveryKind, sign};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_call_that_is_answered_fires_every_event_in_order() {
    let world = World::new().await;
    world.call(TALKER, &[("Record", "true"), ("RecordingChannels", "dual")]).await;
    let statuses = world.column("/status", "CallStatus");
    assert_eq!(statuses, ["initiated", "ringing", "in-progress", "completed"]);
    assert_eq!(world.column("/status", "SequenceNumber"), ["0", "1", "2", "3"]);
    let last = &world.forms("/status")[3];
    assert_eq!(last["SipResponseCode"], "200");
    assert_eq!(last["CallDuration"], "1");
    assert_eq!(last["Duration"], "1");
    assert!(last["Timestamp"].ends_with(" +0000"));
    assert!(last["RecordingUrl"].starts_with(&world.base));
    let recordings = world.column("/recording", "RecordingStatus");
    assert_eq!(recordings, ["in-progress", "completed"]);
    let recording = &world.forms("/recording")[1];
    assert_eq!(recording["RecordingChannels"], "2");
    assert_eq!(recording["RecordingSource"], "OutboundAPI");
    assert_eq!(recording["RecordingSid"], last["RecordingSid"]);
    assert!(!recording.contains_key("To"));
}

#[tokio::test]
async fn every_webhook_is_signed_over_what_the_app_received() {
    let world = World::new().await;
    let extra = [("Record", "true"), ("MachineDetection", "Enable"), ("AsyncAmd", "true")];
    world.call(TALKER, &extra).await;
    let seen = world.app.seen();
    assert_eq!(seen.len(), 8);
    for seen in seen {
        let url = format!("{}{}", world.app_url, seen.target);
        let expected = sign(TOKEN, &url, &decoded(&seen.body));
        assert_eq!(seen.headers["x-twilio-signature"], expected.as_str(), "{url}");
        assert_eq!(seen.headers["user-agent"], "TwilioProxy/1.1");
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        assert_eq!(seen.headers["content-type"], form);
        assert!(seen.headers.contains_key("i-twilio-idempotency-token"));
    }
}

#[tokio::test]
async fn the_voice_webhook_has_exactly_the_documented_fields() {
    let world = World::new().await;
    world.call(TALKER, &[]).await;
    let voice = &world.forms("/voice")[0];
    let mut expected: BTreeSet<String> =
        "CallSid AccountSid From To Called Caller ApiVersion Direction CallStatus"
            .split(' ')
            .map(str::to_owned)
            .collect();
    for who in ["From", "To", "Caller", "Called"] {
        for what in ["City", "State", "Zip", "Country"] {
            expected.insert(format!("{who}{what}"));
        }
    }
    assert_eq!(voice.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(voice["CallStatus"], "in-progress");
    assert_eq!(voice["ToCountry"], "US");
    assert_eq!(world.app.seen()[3].target, "/voice?callId=c1");
}

#[tokio::test]
async fn numbers_that_do_not_answer_end_as_their_pattern_says() {
    for (to, status, sip, sequence) in [
        ("+12125550101", "busy", "486", "2"),
        ("+12125550102", "no-answer", "487", "2"),
        ("+12125550103", "failed", "404", "1"),
        ("+12125550106", "canceled", "487", "2"),
    ] {
        let world = World::new().await;
        let sid = world.call(to, &[("Record", "true")]).await;
        let forms = world.forms("/status");
        let last = forms.last().unwrap();
        assert_eq!(last["CallStatus"], status);
        assert_eq!(last["SipResponseCode"], sip, "{status}");
        assert_eq!(last["SequenceNumber"], sequence, "{status}");
        assert_eq!(last["CallDuration"], "0", "{status}");
        assert!(world.forms("/voice").is_empty(), "{status}");
        assert!(world.forms("/recording").is_empty(), "{status}");
        let call = world.get(&format!("Calls/{sid}.json")).await.json();
        assert_eq!(call["status"], status);
    }
}

#[tokio::test]
async fn nobody_answers_until_the_timeout_has_passed_on_the_clock() {
    let world = World::new().await;
    let sid = world.call("+12125550102", &[("Timeout", "30")]).await;
    let call = world.get(&format!("Calls/{sid}.json")).await.json();
    assert_ne!(call["date_created"], call["end_time"]);
    assert_eq!(call["start_time"], serde_json::Value::Null);
}

#[tokio::test]
async fn without_a_list_of_events_only_the_end_is_told() {
    let world = World::new().await;
    let status = format!("{}/status", world.app_url);
    let voice = format!("{}/voice", world.app_url);
    let pairs = [
        ("To", TALKER),
        ("From", OURS),
        ("Url", voice.as_str()),
        ("StatusCallback", status.as_str()),
    ];
    world.post("Calls.json", &pairs).await.unwrap();
    world.fakes.all_settled().await;
    assert_eq!(world.column("/status", "CallStatus"), ["completed"]);
}

#[tokio::test]
async fn a_space_joined_event_list_sends_no_progress_events() {
    let world = World::new().await;
    let joined = "initiated ringing answered completed";
    world.call(TALKER, &[("StatusCallbackEvent", joined)]).await;
    assert!(world.forms("/status").is_empty());
    assert_eq!(world.forms("/voice").len(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_at_once_leaves_an_absent_recording() {
    let world = World::new().await;
    world.call("+12125550107", &[("Record", "true")]).await;
    let recording = &world.forms("/recording")[1];
    assert_eq!(recording["RecordingStatus"], "absent");
    assert_eq!(recording["ErrorCode"], "16101");
    let forms = world.forms("/status");
    assert_eq!(forms[3]["CallStatus"], "completed");
    assert!(!forms[3].contains_key("RecordingSid"));
}

#[tokio::test]
async fn synchronous_detection_is_told_in_the_voice_webhook() {
    for (mode, to, by) in [
        ("Enable", TALKER, "human"),
        ("Enable", "+12125550104", "machine_start"),
        ("DetectMessageEnd", "+12125550104", "machine_end_beep"),
    ] {
        let world = World::new().await;
        let sid = world.call(to, &[("MachineDetection", mode)]).await;
        let voice = &world.forms("/voice")[0];
        assert_eq!(voice["AnsweredBy"], by);
        assert!(voice.contains_key("MachineDetectionDuration"));
        let call = world.get(&format!("Calls/{sid}.json")).await.json();
        assert_eq!(call["answered_by"], by);
    }
}

#[tokio::test]
async fn asynchronous_detection_is_told_in_exactly_four_fields() {
    let world = World::new().await;
    let extra = [("MachineDetection", "Enable"), ("AsyncAmd", "true")];
    world.call("+12125550104", &extra).await;
    assert!(!world.forms("/voice")[0].contains_key("AnsweredBy"));
    let amd = &world.forms("/amd")[0];
    assert_eq!(amd.len(), 4);
    assert_eq!(amd["AnsweredBy"], "machine_start");
}

#[tokio::test]
async fn send_digits_switch_detection_off() {
    let world = World::new().await;
    let extra = [("MachineDetection", "Enable"), ("SendDigits", "W1#")];
    world.call(TALKER, &extra).await;
    assert!(!world.forms("/voice")[0].contains_key("AnsweredBy"));
}

#[tokio::test]
async fn a_person_who_rings_in_is_an_inbound_call() {
    let world = World::new().await;
    let voice = format!("{}/voice", world.app_url);
    let status = format!("{}/status", world.app_url);
    let sid = world.fakes.ring_in(TALKER, &voice, Some(&status));
    world.fakes.settled(&sid).await;
    let form = &world.forms("/voice")[0];
    assert_eq!(form["Direction"], "inbound");
    assert_eq!(form["To"], OURS);
    assert_eq!(world.column("/status", "CallStatus"), ["completed"]);
    assert!(world.fakes.calls_created().is_empty());
}

#[tokio::test]
async fn time_limit_ends_a_talk() {
    let world = World::new().await;
    world.app.voice(r#"<Response><Pause length="50"/></Response>"#);
    world.call(TALKER, &[("TimeLimit", "20")]).await;
    assert_eq!(world.column("/status", "CallDuration")[3], "20");
}

#[tokio::test]
async fn deliveries_are_kept_with_their_answers() {
    let world = World::new().await;
    let sid = world.call(TALKER, &[]).await;
    let deliveries = world.fakes.deliveries();
    let voice = deliveries.iter().find(|delivery| delivery.kind == DeliveryKind::Voice);
    let voice = voice.unwrap();
    assert_eq!((voice.status, voice.method.as_str()), (Some(200), "POST"));
    assert_eq!(voice.response_body, GOODBYE);
    assert_eq!(voice.call_sid, sid);
    assert_eq!(voice.param("CallSid"), Some(sid.as_str()));
}
