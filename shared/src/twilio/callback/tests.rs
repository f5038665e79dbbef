//! Twilio's callbacks, each as documented, with a field more, with any field less, and as nonsense.

use proptest::prelude::*;

use super::*;
use crate::twilio::created_call;

pub(super) const CALL: &str = "CA11111111111111111111111111111111";
const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const RECORDING: &str = "RE22222222222222222222222222222222";
const STREAM: &str = "MZ33333333333333333333333333333333";
const FROM: &str = "+15017122661";
const TO: &str = "+15558675310";
const RECORDING_URL: &str = "https://api.twilio.com/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Recordings/RE22222222222222222222222222222222";

pub(super) type Fields = &'static [(&'static str, &'static str)];

const SIDS: Fields = &[("CallSid", CALL), ("AccountSid", ACCOUNT)];
/// What every webhook about the call as a whole has.
const WHOLE: Fields = &[
    ("From", FROM),
    ("To", TO),
    ("Called", TO),
    ("Caller", FROM),
    ("ApiVersion", "2010-04-01"),
    ("Direction", "outbound-api"),
    ("FromCity", ""),
    ("FromState", ""),
    ("FromZip", ""),
    ("FromCountry", "US"),
    ("ToCity", "SAN FRANCISCO"),
    ("ToState", "CA"),
    ("ToZip", ""),
    ("ToCountry", "US"),
    ("CallerCity", ""),
    ("CallerState", ""),
    ("CallerZip", ""),
    ("CallerCountry", "US"),
    ("CalledCity", "SAN FRANCISCO"),
    ("CalledState", "CA"),
    ("CalledZip", ""),
    ("CalledCountry", "US"),
];
const PROGRESS: Fields = &[("CallbackSource", "call-progress-events")];
const ANSWERED: Fields = &[("CallStatus", "in-progress")];
const NOT_TALKED: Fields = &[("CallDuration", "0"), ("Duration", "0")];
const TALKED: Fields = &[("CallDuration", "42"), ("Duration", "1"), ("SipResponseCode", "200")];
const COMPLETED: Fields = &[
    ("CallStatus", "completed"),
    ("SequenceNumber", "3"),
    ("Timestamp", "Sun, 22 Nov 2026 10:06:51 +0000"),
];
const RECORDED: Fields = &[
    ("RecordingSid", RECORDING),
    ("RecordingUrl", RECORDING_URL),
    ("RecordingChannels", "2"),
    ("RecordingStartTime", "Sun, 22 Nov 2026 10:06:09 +0000"),
    ("RecordingSource", "OutboundAPI"),
    ("RecordingTrack", "both"),
];

/// Name of the sample, the endpoint that gets it, and its fields.
pub(super) type Sample = (&'static str, To, &'static [Fields]);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum To {
    Recording,
    Status,
    Voice,
}

#[rustfmt::skip]
pub(super) const SAMPLES: &[Sample] = &[
    ("voice_webhook", To::Voice, &[SIDS, WHOLE, ANSWERED]),
    ("voice_webhook_sync_amd", To::Voice, &[SIDS, WHOLE, ANSWERED,
        &[("AnsweredBy", "human"), ("MachineDetectionDuration", "1530")]]),
    ("status_initiated", To::Status, &[SIDS, WHOLE, PROGRESS, &[("CallStatus", "initiated"),
        ("SequenceNumber", "0"), ("Timestamp", "Sun, 22 Nov 2026 10:06:01 +0000")]]),
    ("status_ringing", To::Status, &[SIDS, WHOLE, PROGRESS, &[("CallStatus", "ringing"),
        ("SequenceNumber", "1"), ("Timestamp", "Sun, 22 Nov 2026 10:06:02 +0000")]]),
    ("status_answered", To::Status, &[SIDS, WHOLE, PROGRESS, ANSWERED,
        &[("SequenceNumber", "2"), ("Timestamp", "Sun, 22 Nov 2026 10:06:09 +0000")]]),
    ("status_completed", To::Status, &[SIDS, WHOLE, PROGRESS, COMPLETED, TALKED]),
    ("status_completed_with_recording", To::Status, &[SIDS, WHOLE, PROGRESS, COMPLETED, TALKED,
        &[("RecordingUrl", RECORDING_URL), ("RecordingSid", RECORDING), ("RecordingDuration", "41")]]),
    ("status_busy", To::Status, &[SIDS, WHOLE, PROGRESS, NOT_TALKED, &[("CallStatus", "busy"),
        ("SequenceNumber", "2"), ("SipResponseCode", "486"), ("Timestamp", "Sun, 22 Nov 2026 10:06:05 +0000")]]),
    ("status_no_answer", To::Status, &[SIDS, WHOLE, PROGRESS, NOT_TALKED, &[("CallStatus", "no-answer"),
        ("SequenceNumber", "2"), ("SipResponseCode", "487"), ("Timestamp", "Sun, 22 Nov 2026 10:07:01 +0000")]]),
    ("status_failed", To::Status, &[SIDS, WHOLE, PROGRESS, NOT_TALKED, &[("CallStatus", "failed"),
        ("SequenceNumber", "1"), ("SipResponseCode", "404"), ("Timestamp", "Sun, 22 Nov 2026 10:06:03 +0000")]]),
    ("status_canceled", To::Status, &[SIDS, WHOLE, PROGRESS, NOT_TALKED, &[("CallStatus", "canceled"),
        ("SequenceNumber", "2"), ("SipResponseCode", "487"), ("Timestamp", "Sun, 22 Nov 2026 10:06:04 +0000")]]),
    ("recording_in_progress", To::Recording, &[SIDS, RECORDED, &[("RecordingStatus", "in-progress")]]),
    ("recording_completed", To::Recording, &[SIDS, RECORDED,
        &[("RecordingStatus", "completed"), ("RecordingDuration", "41"), ("ErrorCode", "0")]]),
    ("recording_absent", To::Recording, &[SIDS, RECORDED,
        &[("RecordingStatus", "absent"), ("ErrorCode", "16101")]]),
    ("async_amd", To::Status, &[SIDS,
        &[("AnsweredBy", "machine_start"), ("MachineDetectionDuration", "2400")]]),
    ("stream_started", To::Status, &[SIDS, &[("StreamSid", STREAM), ("StreamName", "my_stream"),
        ("StreamEvent", "stream-started"), ("Timestamp", "2026-11-22T10:06:10.123Z")]]),
    ("stream_error", To::Status, &[SIDS, &[("StreamSid", STREAM), ("StreamName", STREAM),
        ("StreamEvent", "stream-error"), ("StreamError", "31921 Stream - WebSocket - Close Error"),
        ("Timestamp", "2026-11-22T10:06:10.500Z")]]),
];

pub(super) fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-22T12:00:00Z").unwrap()
}

fn sample(name: &str) -> (To, Vec<(String, String)>) {
    let (_, to, parts) = SAMPLES.iter().find(|(known, ..)| *known == name).unwrap();
    (*to, pairs(parts))
}

pub(super) fn pairs(parts: &[Fields]) -> Vec<(String, String)> {
    parts.concat().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Through the wire format, to the endpoint that gets it.
pub(super) fn parse(
    to: To,
    pairs: &[(String, String)],
    call_id: Option<CallId>,
) -> Result<(CallRef, Fact, Timestamp), NotACallback> {
    let form = Form::parse(serde_urlencoded::to_string(pairs).unwrap().as_bytes()).unwrap();
    let (call, seen) = match to {
        To::Recording => recording_callback(&form, call_id, now())?,
        To::Status => status_callback(&form, call_id, now())?,
        To::Voice => {
            let voice = VoiceRequest::parse(&form, call_id)?;
            (voice.call, Observation { at: now(), fact: Fact::Answered(voice.answer) })
        }
    };
    Ok((call, seen.fact, seen.at))
}

fn named(call_id: Option<CallId>) -> CallRef {
    CallRef::Named { call_sid: CallSid::parse(CALL).unwrap(), call_id }
}

fn parties() -> Option<Parties> {
    let (from, to) = (Some(Party::new(FROM)), Some(Party::new(TO)));
    Some(Parties { direction: Some(Direction::Outbound), from, to })
}

fn status(word: &str, number: u32, end: Option<(u32, u16)>) -> Fact {
    Fact::Status(StatusEvent {
        status: CallStatus::parse(word),
        sequence: Some(number),
        duration_seconds: end.map(|(seconds, _)| seconds),
        sip_response_code: end.map(|(_, sip)| sip),
        answered_by: None,
        error_code: None,
        parties: parties(),
        recording: None,
    })
}

/// An end that names the recording; its file may not be ready.
fn recorded_end() -> Fact {
    let Fact::Status(event) = status("completed", 3, Some((42, 200))) else { panic!() };
    let Fact::Recording(recording) = recording(RecordingStatus::Processing, Some(41), None) else {
        panic!()
    };
    let recording = Some(RecordingEvent { channels: None, ..recording });
    Fact::Status(StatusEvent { recording, ..event })
}

fn recording(
    status: RecordingStatus,
    duration_seconds: Option<u32>,
    error_code: Option<u32>,
) -> Fact {
    let (recording_sid, channels) = (RecordingSid::parse(RECORDING).unwrap(), Some(2));
    Fact::Recording(RecordingEvent {
        recording_sid,
        status,
        duration_seconds,
        channels,
        error_code,
    })
}

fn stream(event: &str, error: Option<&str>) -> Fact {
    let (stream_sid, event) = (STREAM.to_owned(), event.to_owned());
    Fact::Stream(StreamEvent { stream_sid, event, error: error.map(str::to_owned) })
}

fn voice(answered_by: Option<&str>) -> Fact {
    let answered_by = answered_by.map(AnsweredBy::new);
    Fact::Answered(AgentAnswer { answered_by, parties: parties(), ..AgentAnswer::default() })
}

#[rustfmt::skip]
#[test]
fn every_sample_is_exactly_this_observation() {
    let machine = || Fact::MachineDetected { answered_by: AnsweredBy::new("machine_start") };
    let error = Some("31921 Stream - WebSocket - Close Error");
    let expected = [
        ("voice_webhook", voice(None), "12:00:00Z"),
        ("voice_webhook_sync_amd", voice(Some("human")), "12:00:00Z"),
        ("status_initiated", status("initiated", 0, None), "10:06:01Z"),
        ("status_ringing", status("ringing", 1, None), "10:06:02Z"),
        ("status_answered", status("in-progress", 2, None), "10:06:09Z"),
        ("status_completed", status("completed", 3, Some((42, 200))), "10:06:51Z"),
        ("status_completed_with_recording", recorded_end(), "10:06:51Z"),
        ("status_busy", status("busy", 2, Some((0, 486))), "10:06:05Z"),
        ("status_no_answer", status("no-answer", 2, Some((0, 487))), "10:07:01Z"),
        ("status_failed", status("failed", 1, Some((0, 404))), "10:06:03Z"),
        ("status_canceled", status("canceled", 2, Some((0, 487))), "10:06:04Z"),
        ("recording_in_progress", recording(RecordingStatus::InProgress, None, None), "12:00:00Z"),
        ("recording_completed", recording(RecordingStatus::Completed, Some(41), None), "12:00:00Z"),
        ("recording_absent", recording(RecordingStatus::Absent, None, Some(16101)), "12:00:00Z"),
        ("async_amd", machine(), "12:00:00Z"),
        ("stream_started", stream("stream-started", None), "10:06:10.123Z"),
        ("stream_error", stream("stream-error", error), "10:06:10.5Z"),
    ];
    assert_eq!(expected.len(), SAMPLES.len());
    for (name, fact, time) in expected {
        let (to, pairs) = sample(name);
        let at = Timestamp::parse_rfc3339(&format!("2026-11-22T{time}")).unwrap();
        assert_eq!(parse(to, &pairs, None), Ok((named(None), fact, at)), "{name}");
    }
}

#[test]
fn a_field_nobody_knows_changes_nothing() {
    for (name, to, parts) in SAMPLES {
        let known = pairs(parts);
        let mut more = known.clone();
        more.insert(0, ("Surprise".to_owned(), "a=b&c".to_owned()));
        assert_eq!(parse(*to, &more, None), parse(*to, &known, None), "{name}");
    }
}

#[test]
fn every_field_but_the_call_sid_may_be_missing_or_empty_or_nonsense() {
    for (name, to, parts) in SAMPLES {
        let all = pairs(parts);
        for (index, (field, _)) in
            all.iter().enumerate().filter(|(_, (field, _))| field != "CallSid")
        {
            let (mut less, mut empty, mut nonsense) = (all.clone(), all.clone(), all.clone());
            less.remove(index);
            empty[index].1.clear();
            nonsense[index].1 = "\u{1F4DE} -1.5e99".to_owned();
            assert!(parse(*to, &nonsense, None).is_ok(), "{name} with nonsense as {field}");
            let (call, ..) = parse(*to, &less, None).unwrap_or_else(|_| panic!("{name} - {field}"));
            assert_eq!(call, named(None));
            assert_eq!(parse(*to, &less, None), parse(*to, &empty, None), "{name} - {field}");
        }
    }
}

#[test]
fn what_has_no_call_sid_is_no_callback() {
    for (name, to, parts) in SAMPLES {
        let (index, all) = (0, pairs(parts));
        assert_eq!(all[index].0, "CallSid");
        for wrong in
            ["", "CA1", "RE11111111111111111111111111111111", "CA1111111111111111111111111111111g"]
        {
            let mut bad = all.clone();
            bad[index].1 = wrong.to_owned();
            assert_eq!(parse(*to, &bad, None), Err(NotACallback), "{name}: {wrong}");
        }
        assert_eq!(parse(*to, &all[1..], None), Err(NotACallback), "{name}");
    }
}

#[test]
fn a_call_with_our_id_is_linked_and_its_parties_are_left_to_the_intent() {
    let call_id = Some(CallId::new([7; 16], true));
    let (to, pairs) = sample("status_ringing");
    let (call, fact, _) = parse(to, &pairs, call_id.clone()).unwrap();
    assert_eq!(call, named(call_id));
    assert!(matches!(fact, Fact::Status(StatusEvent { parties: None, .. })));
}

#[test]
fn a_status_that_tells_who_picked_up_is_still_a_status() {
    let (to, mut pairs) = sample("status_completed");
    pairs.push(("AnsweredBy".to_owned(), "fax".to_owned()));
    let Ok((_, Fact::Status(event), _)) = parse(to, &pairs, None) else { panic!("no status") };
    assert_eq!(event.answered_by, Some(AnsweredBy::new("fax")));
    assert_eq!(event.status, CallStatus::Completed);
}

#[test]
fn a_recording_callback_without_a_usable_sid_is_still_news_of_the_call() {
    let (to, mut pairs) = sample("recording_completed");
    pairs.retain(|(name, _)| name != "RecordingSid");
    let (call, fact, _) = parse(to, &pairs, None).unwrap();
    assert_eq!(call, named(None));
    assert!(matches!(fact, Fact::Status(event) if !event.status.is_terminal()));
}

#[test]
fn voice_is_told_who_rings_whom_and_which_way() {
    let form = |extra: Fields| Form::from_pairs(pairs(&[SIDS, extra]));
    let voice = |extra| VoiceRequest::parse(&form(extra), None).unwrap();
    let ours = voice(WHOLE);
    assert_eq!((ours.from.as_str(), ours.to.as_str()), (FROM, TO));
    assert_eq!(ours.direction, Direction::Outbound);
    assert_eq!(voice(&[("Direction", "outbound-dial")]).direction, Direction::OutboundDial);
    let theirs = voice(&[("Direction", "inbound"), ("From", "anonymous")]);
    assert_eq!((theirs.from.as_str(), theirs.direction), ("anonymous", Direction::Inbound));
}

#[test]
fn the_direction_is_kept_as_told() {
    for (word, direction) in [
        ("inbound", Some(Direction::Inbound)),
        ("outbound-api", Some(Direction::Outbound)),
        ("outbound-dial", Some(Direction::OutboundDial)),
        ("outbound", None),
        ("Inbound", None),
    ] {
        assert_eq!(Direction::parse(word), direction, "{word}");
    }
}

/// Of a call that is not being answered, Twilio asks for no TwiML in earnest.
#[test]
fn only_a_call_in_progress_or_ringing_asks_for_an_agent() {
    let refused = |extra: Fields, call_id| {
        let form = Form::from_pairs(pairs(&[SIDS, extra]));
        VoiceRequest::parse(&form, call_id).unwrap().refusal.is_some()
    };
    for word in ["in-progress", "ringing", ""] {
        assert!(!refused(vec![("CallStatus", word)].leak(), None), "{word}");
    }
    for word in ["no-answer", "completed", "busy", "failed", "canceled", "queued", "ringing ", "x"]
    {
        assert!(refused(vec![("CallStatus", word)].leak(), None), "{word}");
    }
    let child: Fields = &[("CallStatus", "in-progress"), ("ParentCallSid", PARENT)];
    assert!(refused(child, Some(CallId::new([7; 16], false))));
    assert!(!refused(child, None), "a leg without our id is a call of its own");
}

pub(super) const PARENT: &str = "CA99999999999999999999999999999999";

/// Twilio posts the callbacks of a `<Dial>`'s leg to its parent's address.
#[test]
fn another_leg_under_our_id_names_nothing_and_says_nothing_of_the_call() {
    let call_id = CallId::new([7; 16], false);
    for (name, to, parts) in SAMPLES.iter().filter(|(_, to, _)| *to != To::Voice) {
        let mut all = pairs(parts);
        all.push(("ParentCallSid".to_owned(), PARENT.to_owned()));
        let (call, fact, _) = parse(*to, &all, Some(call_id.clone())).unwrap();
        assert_eq!(call, CallRef::Ours(call_id.clone()), "{name}");
        let Fact::ChildLeg { call_sid, .. } = &fact else { panic!("{name}: {fact:?}") };
        assert_eq!(call_sid.as_str(), CALL);
        let folded = crate::call::Call::fold(None, None, &[Observation { at: now(), fact }]);
        assert_eq!(folded.status_at(now()), "unknown", "{name}");
        assert_eq!((folded.ended_at, folded.recording, folded.answered_by), (None, None, None));
        assert_eq!(folded.timeline[0].event, "child-leg");
        // Without our id it is a call of its own.
        assert_eq!(parse(*to, &all, None).unwrap().0, named(None), "{name}");
    }
}

#[test]
fn the_rest_answer_names_the_call() {
    let body = format!(
        r#"{{"sid":"{CALL}","account_sid":"{ACCOUNT}","to":"{TO}","status":"queued","duration":null,
           "queue_time":"0","subresource_uris":{{"recordings":"/2010-04-01/x.json"}}}}"#
    );
    let (sid, status) = created_call(body.as_bytes()).unwrap();
    assert_eq!((sid.as_str(), status), (CALL, CallStatus::Queued));
    for error in [r#"{"code":21211,"message":"no","status":400}"#, r#"{"code":20003,"status":401}"#]
    {
        assert_eq!(created_call(error.as_bytes()), None);
    }
}

/// The table must not drift from the file it restates, where that file is at hand.
#[test]
fn the_table_restates_the_shared_samples() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/twilio/sample_payloads.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: the shared samples are not on this machine");
        return;
    };
    let file: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let forms: Vec<_> =
        file.iter().filter(|(name, _)| *name != "meta" && !name.starts_with("rest_")).collect();
    assert_eq!(forms.len(), SAMPLES.len());
    for (name, given) in forms {
        let (_, ours) = sample(name);
        let ours = ours.into_iter().map(|(name, value)| (name, value.into())).collect();
        assert_eq!(given, &serde_json::Value::Object(ours), "{name}");
    }
    for (name, given) in file.iter().filter(|(name, _)| name.starts_with("rest_")) {
        let named = created_call(given.to_string().as_bytes()).is_some();
        assert_eq!(named, name.starts_with("rest_created_201"), "{name}");
    }
}

/// Half of it ASCII, control characters included.
const ANY_TEXT: &str = "([\\x00-\\x7f]|(?s:.)){0,40}";

proptest! {
    #[test]
    fn no_form_panics_and_only_the_call_sid_decides(
        mut pairs in prop::collection::vec((prop_oneof![
            prop::sample::select(vec!["CallStatus", "SequenceNumber", "Timestamp", "AnsweredBy",
                "StreamEvent", "StreamSid", "StreamError", "RecordingSid", "RecordingStatus",
                "ErrorCode", "CallDuration", "Direction", "From"]).prop_map(str::to_owned),
            ANY_TEXT,
        ], ANY_TEXT), 0..12),
        named in any::<bool>(),
    ) {
        // Twilio writes no name twice.
        pairs.sort();
        pairs.dedup_by(|later, first| later.0 == first.0);
        if named {
            pairs.insert(0, ("CallSid".to_owned(), CALL.to_owned()));
        }
        for to in [To::Recording, To::Status, To::Voice] {
            let parsed = parse(to, &pairs, None);
            prop_assert_eq!(parsed.is_ok(), named);
            if let Ok((_, fact, at)) = parsed {
                let body = serde_json::to_string(&Observation { at, fact: fact.clone() }).unwrap();
                let kept: Observation = serde_json::from_str(&body).unwrap();
                prop_assert_eq!(kept.fact, fact);
            }
        }
    }
}
