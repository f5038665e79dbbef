//! The fold against a naive model over every short sequence of callbacks, and by example.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::call::{AgentAnswer, E164, RecordingSid, RecordingStatus, StreamEvent};

const TERMINAL: [&str; 5] = ["completed", "busy", "failed", "no-answer", "canceled"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_795_341_600_000 + second * 1000)
}

fn seen(second: i64, fact: Fact) -> Observation {
    Observation { at: at(second), fact }
}

fn event(word: &str, sequence: Option<u32>) -> StatusEvent {
    StatusEvent {
        status: CallStatus::parse(word),
        sequence,
        duration_seconds: None,
        sip_response_code: None,
        answered_by: None,
        error_code: None,
        parties: None,
        recording: None,
    }
}

fn status(word: &str, sequence: u32) -> Observation {
    seen(10 + i64::from(sequence), Fact::Status(event(word, Some(sequence))))
}

fn recording(sid: char, word: &str, seconds: u32) -> Observation {
    let recording_sid = RecordingSid::parse(&format!("RE{}", sid.to_string().repeat(32))).unwrap();
    let event = RecordingEvent {
        recording_sid,
        status: RecordingStatus::parse(word),
        duration_seconds: Some(seconds),
        channels: Some(2),
        error_code: None,
    };
    seen(60, Fact::Recording(event))
}

fn stream(event: &str, error: Option<&str>) -> Observation {
    let (stream_sid, error) = ("MZ1".to_owned(), error.map(str::to_owned));
    seen(31, Fact::Stream(StreamEvent { stream_sid, event: event.to_owned(), error }))
}

fn detected(word: &str) -> Observation {
    seen(14, Fact::MachineDetected { answered_by: AnsweredBy::new(word) })
}

fn voice(conversation_id: &str) -> Observation {
    let conversation_id = Some(conversation_id.to_owned());
    seen(13, Fact::Answered(AgentAnswer { conversation_id, ..AgentAnswer::default() }))
}

fn intent() -> Intent {
    Intent {
        call_id: CallId::new([7; 16], false),
        to: E164::parse("+12125550123").unwrap(),
        from: E164::parse("+12125550100").unwrap(),
        record: false,
        timeout_seconds: 30,
        time_limit_seconds: 900,
        machine_detection: None,
        is_anonymous: false,
        dynamic_variables: DynamicVariables::default(),
    }
}

fn intended() -> Observation {
    seen(0, Fact::Intended(intent()))
}

fn fold(observations: &[Observation]) -> Call {
    Call::fold(None, None, observations)
}

/// The status at a moment when nothing is still being dialled.
fn word(call: &Call) -> &str {
    call.status_at(at(1_000_000))
}

fn kinds() -> [Observation; 9] {
    [
        status("initiated", 0),
        status("ringing", 1),
        status("in-progress", 2),
        status("completed", 3),
        status("no-answer", 4),
        recording('2', "completed", 41),
        stream("stream-error", Some("31921 Stream - WebSocket - Close Error")),
        detected("human"),
        voice("conv_1"),
    ]
}

/// What a person would expect to read after one more callback of [`kinds`], told word by word.
fn expected(now: &'static str, kind: usize) -> &'static str {
    match (now, kind) {
        // Of two different ends, the one with the later number.
        ("completed", 4) | ("no-answer", _) => "no-answer",
        ("completed", _) | (_, 3) => "completed",
        (_, 4) => "no-answer",
        ("in-progress", _) | (_, 2 | 8) => "in-progress",
        ("ringing", _) | (_, 1) => "ringing",
        (_, 0) => "initiated",
        _ => now,
    }
}

struct Walk {
    kinds: [Observation; 9],
    /// The fold of each set of kinds, in canonical order and without doubles.
    canonical: HashMap<u16, Call>,
    path: Vec<Observation>,
    folded: u32,
}

impl Walk {
    /// One more callback, and then every one that can follow it.
    fn step(&mut self, kind: usize, set: u16, before: &'static str, more: usize) {
        self.path.push(self.kinds[kind].clone());
        let (set, status, call) = (set | 1 << kind, expected(before, kind), fold(&self.path));
        self.folded += 1;
        assert_eq!(word(&call), status, "{:?}", self.path);
        assert_eq!(call.is_over(), TERMINAL.contains(&status), "{:?}", self.path);
        assert!(call.is_over() || !TERMINAL.contains(&before), "reopened: {:?}", self.path);
        self.check(set, &call);
        if more > 0 {
            (0..9).for_each(|next| self.step(next, set, status, more - 1));
        }
        self.path.pop();
    }

    fn check(&mut self, set: u16, call: &Call) {
        let has = |kind: usize| set & 1 << kind != 0;
        assert_eq!(call.timeline.len(), set.count_ones() as usize);
        assert_eq!(call.answered_at.is_some(), has(2) || has(8));
        assert_eq!(call.ended_at.is_some(), has(3) || has(4));
        assert_eq!(call.recording.is_some(), has(5));
        assert_eq!(call.error_codes.as_slice(), if has(6) { &[31921][..] } else { &[] });
        assert_eq!(call.answered_by.is_some(), has(7));
        assert_eq!(call.conversation_id.is_some(), has(8));
        let members = self.kinds.iter().enumerate().filter(|(kind, _)| has(*kind));
        let members = members.map(|(_, seen)| seen.clone());
        let canonical = self.canonical.entry(set);
        let canonical = canonical.or_insert_with(|| fold(&members.collect::<Vec<_>>()));
        assert_eq!(&*canonical, call, "{:?}", self.path);
    }
}

/// All 9 + 9² + ... + 9⁶ = 597,870 of them, doubles included; each prefix is folded once.
#[test]
fn every_sequence_of_up_to_six_callbacks_reads_as_a_person_expects() {
    let walk = |first| {
        let (canonical, path) = (HashMap::new(), Vec::new());
        let mut walk = Walk { kinds: kinds(), canonical, path, folded: 0 };
        walk.step(first, 0, "unknown", 5);
        walk.folded
    };
    let walks: Vec<_> = (0..9).map(|first| std::thread::spawn(move || walk(first))).collect();
    let folded: u32 = walks.into_iter().map(|walk| walk.join().unwrap()).sum();
    assert_eq!(folded, 597_870);
}

fn any_word() -> impl Strategy<Value = String> {
    let known = ["queued", "initiated", "ringing", "in-progress", "failed", "busy", "canceled"];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        3 => prop::sample::select(TERMINAL.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn any_number() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![2 => (0_u32..12).prop_map(Some), 1 => any::<u32>().prop_map(Some), 1 => Just(None)]
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let text = || prop::option::of(any::<String>());
    prop_oneof![
        1 => Just(intended().fact),
        1 => any::<Option<u32>>().prop_map(|code| Fact::DialRefused { code }),
        1 => Just(Fact::DialUnknown),
        6 => (any_word(), any_number(), any::<Option<u32>>()).prop_map(|(word, number, any)| {
            Fact::Status(StatusEvent { duration_seconds: any, error_code: any, ..event(&word, number) })
        }),
        1 => (text(), text()).prop_map(|(conversation_id, failure)| {
            Fact::Answered(AgentAnswer { conversation_id, failure, ..AgentAnswer::default() })
        }),
        1 => any::<String>().prop_map(|word| detected(&word).fact),
        1 => (any::<String>(), text()).prop_map(|(event, error)| stream(&event, error.as_deref()).fact),
        2 => (prop::sample::select(vec!['1', '2']), any_word(), any::<u32>())
            .prop_map(|(sid, word, seconds)| recording(sid, &word, seconds).fact),
    ]
}

/// A set in which every key has one body, as a store keeps it.
fn any_set() -> impl Strategy<Value = Vec<Observation>> {
    let seen = (0_i64..90_000, any_fact()).prop_map(|(millis, fact)| Observation {
        at: Timestamp::from_millis(at(0).as_millis() + millis),
        fact,
    });
    prop::collection::vec(seen, 0..14).prop_map(|mut all| {
        let mut keys = HashSet::new();
        all.retain(|seen| keys.insert(seen.key()));
        all
    })
}

/// The same set again, shuffled and with doubles.
fn shuffled(set: Vec<Observation>) -> impl Strategy<Value = (Vec<Observation>, Vec<Observation>)> {
    let doubles = prop::sample::subsequence(set.clone(), 0..=set.len());
    let again = doubles.prop_flat_map({
        let set = set.clone();
        move |doubles| Just([set.clone(), doubles].concat()).prop_shuffle()
    });
    (Just(set), again)
}

proptest! {
    #[test]
    fn neither_order_nor_doubles_change_a_call((set, again) in any_set().prop_flat_map(shuffled)) {
        prop_assert_eq!(fold(&again), fold(&set));
    }

    #[test]
    fn the_timeline_tells_every_fact_once_and_in_order(set in any_set()) {
        let call = fold(&set);
        prop_assert_eq!(call.timeline.len(), set.len());
        // Twilio's timestamps have whole seconds: within one, the order of a call decides.
        prop_assert!(call.timeline.is_sorted_by_key(|entry| entry.at.as_millis() / 1000));
    }

    #[test]
    fn a_call_is_over_exactly_when_its_status_says_so(set in any_set(), now in any::<i64>()) {
        let call = fold(&set);
        let word = call.status_at(Timestamp::from_millis(now));
        prop_assert_eq!(call.is_over(), TERMINAL.contains(&word), "{}", word);
    }

    #[test]
    fn once_twilio_ended_a_call_no_fact_reopens_it(set in any_set(), more in any_set()) {
        let ended = |call: &Call| matches!(&call.progress, Progress::Named(status) if status.is_terminal());
        if ended(&fold(&set)) {
            prop_assert!(ended(&fold(&[set, more].concat())));
        }
    }
}

#[test]
fn a_late_ringing_never_reopens_a_completed_call() {
    let call = fold(&[status("completed", 3), status("ringing", 1)]);
    assert_eq!(word(&call), "completed");
    let told: Vec<&str> = call.timeline.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(told, ["ringing", "completed"]);
}

#[test]
fn of_two_different_ends_the_later_number_wins_whatever_the_arrival() {
    for (earlier, later) in [(2, 3), (9, 10), (999, 1000)] {
        let (busy, completed) = (status("busy", later), status("completed", earlier));
        for both in [[busy.clone(), completed.clone()], [completed, busy]] {
            let call = fold(&both);
            assert_eq!((word(&call), call.ended_at), ("busy", Some(at(10 + i64::from(later)))));
        }
    }
}

#[test]
fn a_higher_number_does_not_lift_a_lower_class() {
    assert_eq!(
        word(&fold(&[status("completed", 0), status("in-progress", u32::MAX)])),
        "completed"
    );
    assert_eq!(word(&fold(&[status("initiated", 0), status("on-hold", u32::MAX)])), "initiated");
}

#[test]
fn the_first_of_two_bodies_under_one_key_wins() {
    let longer =
        Fact::Status(StatusEvent { duration_seconds: Some(99), ..event("completed", Some(3)) });
    let call = fold(&[status("completed", 3), seen(99, longer)]);
    assert_eq!((call.duration_seconds, call.ended_at), (None, Some(at(13))));
}

#[test]
fn a_callback_may_come_before_the_intent() {
    let call = fold(&[status("ringing", 1), intended()]);
    assert_eq!(word(&call), "ringing");
    assert_eq!(call.call_id, Some(intent().call_id));
    assert_eq!(call.direction, Some(Direction::Outbound));
    assert_eq!(call.to.as_ref().map(Party::as_str), Some("+12125550123"));
    assert_eq!(call.from.as_ref().map(Party::as_str), Some("+12125550100"));
}

#[test]
fn dialling_turns_to_unknown_when_its_budget_is_spent() {
    let call = fold(&[intended()]);
    let last = Timestamp::from_millis(at(15).as_millis() - 1);
    assert_eq!((call.status_at(at(0)), call.status_at(last)), ("dialling", "dialling"));
    assert_eq!(call.status_at(at(15)), "unknown");
}

#[test]
fn a_lost_answer_is_unknown_at_once_until_a_callback_names_the_call() {
    let lost = [intended(), seen(1, Fact::DialUnknown)];
    assert_eq!(fold(&lost).status_at(at(1)), "unknown");
    let healed = [lost.as_slice(), &[status("ringing", 1)]].concat();
    assert_eq!(fold(&healed).status_at(at(2)), "ringing");
}

#[test]
fn a_refused_dial_has_failed_and_keeps_twilios_code() {
    let call = fold(&[intended(), seen(1, Fact::DialRefused { code: Some(21211) })]);
    assert_eq!(call.status_at(at(1)), "failed");
    assert!(call.is_over());
    assert_eq!(call.error_codes, [21211]);
}

#[test]
fn nothing_known_is_unknown() {
    let call = fold(&[]);
    assert_eq!((word(&call), call.is_over(), call.created_at), ("unknown", false, None));
}

#[test]
fn voices_answer_counts_although_the_callback_of_it_is_lost() {
    let call = fold(&[intended(), status("ringing", 1), voice("conv_1")]);
    assert_eq!(word(&call), "in-progress");
    assert_eq!(call.answered_at, Some(at(13)));
    assert_eq!(word(&fold(&[voice("conv_1"), status("completed", 3)])), "completed");
}

#[test]
fn a_call_was_answered_when_that_was_first_heard_of() {
    let call = fold(&[status("in-progress", 2), voice("conv_1"), status("completed", 30)]);
    assert_eq!((call.answered_at, call.ended_at), (Some(at(12)), Some(at(40))));
    assert_eq!(fold(&[status("busy", 2)]).answered_at, None);
    assert_eq!(fold(&[status("in-progress", 2)]).ended_at, None);
}

/// As the version before wrote them; the one-letter names never change.
#[test]
fn observations_of_an_older_version_are_still_read() {
    let read = |text: &str| serde_json::from_str::<Observation>(text).unwrap();
    let call = fold(&[
        read(r#"{"t":1,"f":{"v":{"c":"conv_1","b":"human","p":{"d":"o","f":"a","t":"b"}}}}"#),
        read(r#"{"t":2,"f":{"s":{"s":"MZ1","e":"stream-stopped"}}}"#),
        read(r#"{"t":3,"f":{"e":{"s":"completed","n":3,"d":7,"c":200}}}"#),
        read(r#"{"t":4,"f":{"r":{"r":"RE11111111111111111111111111111111","s":"completed"}}}"#),
        read(r#"{"t":5,"f":{"a":{"b":"machine_start"}}}"#),
    ]);
    assert_eq!((word(&call), call.duration_seconds), ("completed", Some(7)));
    assert_eq!(call.direction, Some(Direction::Outbound));
    assert_eq!(call.recording.unwrap().status, RecordingStatus::Completed);
    assert_eq!(call.answered_by, Some(AnsweredBy::new("machine_start")));
}

#[test]
fn a_call_lasts_as_long_as_the_event_says_that_ended_it() {
    let lasting = |word, sequence, seconds| {
        let duration_seconds = Some(seconds);
        seen(9, Fact::Status(StatusEvent { duration_seconds, ..event(word, Some(sequence)) }))
    };
    let call = fold(&[lasting("failed", 2, 7), lasting("completed", 3, 42)]);
    assert_eq!(call.duration_seconds, Some(42));
    assert_eq!(fold(&[lasting("in-progress", 2, 7)]).duration_seconds, None);
}

#[test]
fn the_asynchronous_detection_outranks_a_synchronous_one() {
    let answered_by = Some(AnsweredBy::new("unknown"));
    let synchronous =
        seen(13, Fact::Answered(AgentAnswer { answered_by, ..AgentAnswer::default() }));
    let who = |set: &[Observation]| fold(set).answered_by.map(|who| who.as_str().to_owned());
    assert_eq!(who(&[detected("machine_start"), synchronous.clone()]).unwrap(), "machine_start");
    assert_eq!(who(&[synchronous]).unwrap(), "unknown");
    assert_eq!(who(&[status("completed", 3)]), None);
}

#[test]
fn of_two_detections_the_later_one_counts_whatever_the_alphabet_says() {
    let who = |set: &[Observation]| fold(set).answered_by.map(|who| who.as_str().to_owned());
    let at = |second, word| Observation { at: at(second), ..detected(word) };
    for (first, second) in [("human", "machine_start"), ("machine_start", "human")] {
        let both = [at(14, first), at(15, second)];
        assert_eq!(who(&both).unwrap(), second);
        assert_eq!(who(&[both[1].clone(), both[0].clone()]).unwrap(), second);
    }
    assert_eq!(who(&[at(14, "human"), at(15, "martian")]).unwrap(), "human");
}

#[test]
fn a_word_that_is_none_of_twilios_is_a_line_and_no_state() {
    let call = fold(&[intended(), status("on-hold", 7), recording('1', "odd", 3), detected("x")]);
    assert_eq!(word(&call), "unknown");
    assert_eq!((call.recording, call.recordings, call.answered_by), (None, vec![], None));
    assert_eq!(call.timeline.len(), 4);
}

#[test]
fn the_end_names_a_recording_and_its_own_callback_says_more() {
    let Fact::Recording(told) = recording('1', "processing", 41).fact else { panic!() };
    let end = StatusEvent { recording: Some(told), ..event("completed", Some(3)) };
    let end = seen(13, Fact::Status(end));
    let of = |set: &[Observation]| fold(set).recording.unwrap().status.as_str().to_owned();
    assert_eq!(of(&[end.clone(), recording('1', "in-progress", 0)]), "processing");
    for word in ["completed", "absent"] {
        assert_eq!(of(&[recording('1', word, 41), end.clone()]), word);
    }
    let both = fold(&[end, recording('2', "completed", 7)]);
    let sids: Vec<_> = both.recordings.iter().map(|known| known.status.as_str()).collect();
    assert_eq!(sids, ["processing", "completed"]);
}

#[test]
fn a_closed_stream_and_an_apology_show_that_the_call_is_ending() {
    let failure = Some("elevenlabs 429".to_owned());
    let apology = seen(13, Fact::Answered(AgentAnswer { failure, ..AgentAnswer::default() }));
    let started = |second| Observation { at: at(second), ..stream("stream-started", None) };
    let closing = |set: &[Observation]| fold(set).closing_at;
    assert_eq!(closing(&[apology]), Some(at(13)));
    assert_eq!(closing(&[voice("c"), started(14)]), None);
    assert_eq!(closing(&[started(14), stream("stream-stopped", None)]), Some(at(31)));
    assert_eq!(closing(&[stream("stream-error", None)]), Some(at(31)));
    assert_eq!(closing(&[stream("stream-stopped", None), started(32)]), None);
}

#[test]
fn a_completed_recording_outranks_everything_said_about_it() {
    let best = |set: &[Observation]| fold(set).recording.unwrap().status.as_str().to_owned();
    let (begun, done) = (recording('2', "in-progress", 0), recording('2', "completed", 41));
    assert_eq!(best(&[done.clone(), begun.clone()]), "completed");
    assert_eq!(best(&[recording('3', "absent", 0), done]), "completed");
    assert_eq!(best(&[begun, recording('1', "absent", 0)]), "absent");
    // Of equals one is chosen, whatever the order.
    let (one, two) = (recording('1', "completed", 5), recording('2', "completed", 6));
    assert_eq!(fold(&[one.clone(), two.clone()]).recording, fold(&[two, one]).recording);
}

#[test]
fn a_call_was_created_with_its_intent_else_when_it_was_first_heard_of() {
    let early = seen(-5, Fact::Status(event("initiated", Some(0))));
    assert_eq!(fold(&[early.clone(), intended()]).created_at, Some(at(0)));
    assert_eq!(fold(&[status("ringing", 1), early]).created_at, Some(at(-5)));
}

#[test]
fn an_apology_keeps_its_reason_and_an_error_code_counts_once() {
    let failure = Some("elevenlabs 429".to_owned());
    let apology = seen(13, Fact::Answered(AgentAnswer { failure, ..AgentAnswer::default() }));
    let failed = StatusEvent { error_code: Some(31921), ..event("failed", Some(3)) };
    let error = |name| stream(name, Some("31921 Stream - WebSocket - Close Error"));
    let wordy = stream("stream-stopped", Some("it just closed"));
    let call = fold(&[apology, seen(14, Fact::Status(failed)), error("stream-error"), wordy]);
    assert_eq!(call.failure.as_deref(), Some("elevenlabs 429"));
    assert_eq!(call.error_codes, [31921]);
}
