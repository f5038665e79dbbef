//! Eleven calls, their keys and their limits, with a clock, names and nonces that are always the same.

use std::time::Duration;

use serde_json::{Value, json};
use shared::call::{CallId, CallRef, CallSid, Intent, Observation, Timestamp};
use shared::store::{KeyClaim, Nonce, Window};
use stores::calls::sid;

/// A hundred years: the rows must outlive the servers' own clocks.
pub(crate) const RETENTION_DAYS: u32 = 36_500;

/// One operation of a store.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) now: Timestamp,
    pub(crate) deed: Deed,
}

impl Step {
    /// Whether it only takes or gives a place: such rows may be lost.
    pub(crate) fn is_of_a_limit(&self) -> bool {
        use Deed::*;
        let is_window = matches!(self.deed, TakeWindow(..) | GiveWindowBack(..));
        is_window || matches!(self.deed, TakeSlot(_) | FreeSlot(_) | TakeDay(..) | GiveDayBack(..))
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Begin(Intent),
    Placed(Intent, CallSid, Observation),
    Observe(CallRef, Observation),
    Claim(CallRef, Nonce),
    Answer(CallRef, String, Observation),
    ClaimKey(KeyClaim),
    DoubtKey(KeyClaim),
    ReleaseKey(KeyClaim),
    TakeWindow(&'static str, Window, Nonce),
    GiveWindowBack(&'static str, Window, Nonce),
    TakeSlot(CallId),
    FreeSlot(CallId),
    TakeDay(&'static str, Nonce),
    GiveDayBack(&'static str, Nonce),
}

/// 2026-11-22T10:00:00.437Z and so many seconds more.
pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_795_341_600_437).plus(Duration::from_secs(second))
}

/// Our name of call `number`. Calls 2, 7 and 10 have no dynamic variables.
pub(crate) fn id(number: u32) -> CallId {
    CallId::new(
        (0xc1_u128 << 120 | u128::from(number)).to_be_bytes(),
        ![2, 7, 10].contains(&number),
    )
}

/// A callback whose URL carries our name.
pub(crate) fn linked(number: u32) -> CallRef {
    CallRef::Named { call_sid: sid(number), call_id: Some(id(number)) }
}

/// A callback whose URL does not.
pub(crate) fn unlinked(number: u32) -> CallRef {
    CallRef::Named { call_sid: sid(number), call_id: None }
}

pub(crate) fn intent(number: u32) -> Intent {
    let mut intent = json!({"id": id(number), "to": format!("+121255501{number:02}"),
        "from": "+12125550100", "rec": number != 10, "ring": 30, "limit": 900});
    if id(number).has_variables() {
        intent["vars"] = json!({"name": "Jane | #1", "attempt": number, "vip": true, "note": null});
    }
    if number == 1 {
        intent["amd"] = json!("DetectMessageEnd");
    }
    if number == 10 {
        intent["anon"] = json!(true);
    }
    serde_json::from_value(intent).unwrap()
}

/// Twilio's clock has whole seconds.
pub(crate) fn seen(second: u64, fact: &Value) -> Observation {
    let heard = at(second).as_millis();
    serde_json::from_value(json!({"t": heard - heard % 1000, "f": fact})).unwrap()
}

pub(crate) fn status(second: u64, word: &str, sequence: u32) -> Observation {
    seen(second, &json!({"e": {"s": word, "n": sequence}}))
}

pub(crate) fn completed(second: u64, sequence: u32) -> Observation {
    let end = json!({"s": "completed", "n": sequence, "d": 37, "c": 200});
    seen(second, &json!({ "e": end }))
}

pub(crate) fn recording(second: u64, number: u32, word: &str) -> Observation {
    let mut event = json!({"r": format!("RE{number:032x}"), "s": word});
    if word == "completed" {
        event["d"] = json!(35);
        event["c"] = json!(2);
    }
    seen(second, &json!({ "r": event }))
}

pub(crate) fn twiml(number: u32) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://api.us.elevenlabs.io/v1/convai/{number}"/></Connect></Response>"#
    )
}

/// Request `number` with the key of call `call`.
pub(crate) fn key(call: u32, number: u32) -> KeyClaim {
    KeyClaim {
        key: format!("{:064x}", 0xabc0 + call),
        fingerprint: format!("{:064x}", 0xdef0 + call),
        owner: nonce(number),
        call_id: id(number),
    }
}

/// What differs stands in front, where stores cut nonces short.
pub(crate) fn nonce(number: u32) -> Nonce {
    Nonce::new((u128::from(number) << 96 | 0x5eed).to_be_bytes())
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const CLIENT: &str = "c11e47";
pub(crate) const DESTINATION: &str = "de5711";
pub(crate) const CLIENTS: Window = Window { limit: 10, length: HOUR, spacing: Duration::ZERO };
pub(crate) const DESTINATIONS: Window =
    Window { limit: 5, length: DAY, spacing: Duration::from_secs(60) };
pub(crate) const ANONYMOUS: Window = Window { limit: 2, length: HOUR, spacing: Duration::ZERO };

/// How many calls at once, and in a day.
pub(crate) const SLOTS: u32 = 10;
pub(crate) const A_DAY: u32 = 100;

/// How long a slot is leased.
pub(crate) const LEASE: Duration = Duration::from_secs(990);

fn placed(second: u64, number: u32) -> Deed {
    let accepted = seen(second, &json!({"e": {"s": "queued"}}));
    Deed::Placed(intent(number), sid(number), accepted)
}

fn answer(second: u64, by: CallRef, number: u32) -> Deed {
    let mut said = json!({"c": format!("conv_{number}")});
    if by.call_id().is_none() {
        said["p"] = json!({"d": "i", "f": "anonymous", "t": "+12125550100"});
    }
    Deed::Answer(by, twiml(number), seen(second, &json!({ "v": said })))
}

fn stream(second: u64, event: &str) -> Observation {
    seen(second, &json!({"s": {"s": format!("MZ{:032x}", 1), "e": event}}))
}

/// All of it, in order. Steps are only ever added together with new rows.
pub(crate) fn steps() -> Vec<Step> {
    use Deed::*;
    let child = CallRef::Named { call_sid: sid(5), call_id: Some(id(1)) };
    let child_noted = json!({"c": {"i": sid(5), "s": "ringing"}});
    let inbound = json!({"s": "in-progress", "n": 0,
        "p": {"d": "i", "f": "anonymous", "t": "+12125550100"}});
    let at_second = |second, name, deed| Step { name, now: at(second), deed };
    vec![
        // The whole life of a call with variables.
        at_second(0, "1 claims its key", ClaimKey(key(1, 1))),
        at_second(
            1,
            "1 takes the destination's place",
            TakeWindow(DESTINATION, DESTINATIONS, nonce(1)),
        ),
        at_second(2, "1 takes a slot", TakeSlot(id(1))),
        at_second(3, "1 takes a place of the day", TakeDay("day", nonce(1))),
        at_second(4, "1 begins", Begin(intent(1))),
        at_second(5, "1 is placed", placed(5, 1)),
        at_second(6, "1 is initiated", Observe(linked(1), status(6, "initiated", 0))),
        at_second(7, "1 rings", Observe(linked(1), status(7, "ringing", 1))),
        at_second(8, "1 is claimed by voice", Claim(linked(1), nonce(101))),
        at_second(9, "1 is answered", answer(9, linked(1), 1)),
        at_second(10, "1 is in progress", Observe(linked(1), status(10, "in-progress", 2))),
        at_second(11, "1 streams", Observe(linked(1), stream(11, "stream-started"))),
        at_second(12, "1 is a human", Observe(linked(1), seen(12, &json!({"a": {"b": "human"}})))),
        at_second(13, "another leg under 1's id", Observe(child, status(13, "ringing", 1))),
        at_second(
            14,
            "1 notes the other leg",
            Observe(CallRef::Ours(id(1)), seen(13, &child_noted)),
        ),
        at_second(15, "the other leg, without 1's id", Observe(unlinked(5), status(15, "busy", 2))),
        // Without variables; its `ringing` is late.
        at_second(20, "2 begins", Begin(intent(2))),
        at_second(21, "2 is placed", placed(21, 2)),
        at_second(22, "2 is claimed by voice", Claim(linked(2), nonce(102))),
        at_second(23, "2 is answered", answer(23, linked(2), 2)),
        // A person rings us: voice is asked first.
        at_second(30, "3 is claimed by voice", Claim(unlinked(3), nonce(103))),
        at_second(31, "3 is answered", answer(31, unlinked(3), 3)),
        at_second(32, "3 is in progress", Observe(unlinked(3), seen(32, &json!({ "e": inbound })))),
        // Twilio's answer to the dial was lost, and a callback comes without our name.
        at_second(40, "4 claims its key", ClaimKey(key(4, 4))),
        at_second(41, "4 begins", Begin(intent(4))),
        at_second(
            42,
            "4 is initiated, without our id",
            Observe(unlinked(4), status(42, "initiated", 0)),
        ),
        at_second(43, "4 rings, with our id", Observe(linked(4), status(43, "ringing", 1))),
        at_second(44, "4 is claimed by voice", Claim(linked(4), nonce(104))),
        at_second(45, "4 is answered", answer(45, linked(4), 4)),
        at_second(
            46,
            "4 is in progress, without our id",
            Observe(unlinked(4), status(46, "in-progress", 2)),
        ),
        // The outcome of a dial is not known.
        at_second(50, "6 claims its key", ClaimKey(key(6, 6))),
        at_second(51, "6 takes a slot", TakeSlot(id(6))),
        at_second(52, "6 begins", Begin(intent(6))),
        at_second(68, "6 is unknown", Observe(CallRef::Ours(id(6)), seen(68, &json!("u")))),
        at_second(69, "6 doubts its key", DoubtKey(key(6, 6))),
        // Twilio refuses a dial: everything is given back.
        at_second(70, "7 claims its key", ClaimKey(key(7, 7))),
        at_second(
            71,
            "7 takes the destination's place",
            TakeWindow(DESTINATION, DESTINATIONS, nonce(7)),
        ),
        at_second(72, "7 takes a slot", TakeSlot(id(7))),
        at_second(73, "7 takes a place of the day", TakeDay("day", nonce(7))),
        at_second(74, "7 begins", Begin(intent(7))),
        at_second(
            75,
            "7 is refused",
            Observe(CallRef::Ours(id(7)), seen(75, &json!({"x": {"c": 21_211}}))),
        ),
        at_second(76, "7 gives the day back", GiveDayBack("day", nonce(7))),
        at_second(77, "7 gives its slot back", FreeSlot(id(7))),
        at_second(
            78,
            "7 gives the destination back",
            GiveWindowBack(DESTINATION, DESTINATIONS, nonce(7)),
        ),
        at_second(79, "7 releases its key", ReleaseKey(key(7, 7))),
        // Voice has claimed and not answered yet.
        at_second(80, "8 begins", Begin(intent(8))),
        at_second(81, "8 is claimed by voice", Claim(linked(8), nonce(108))),
        // An anonymous caller's call rings.
        at_second(90, "10 takes the client's place", TakeWindow(CLIENT, CLIENTS, nonce(10))),
        at_second(
            91,
            "10 takes an anonymous place",
            TakeWindow("anonymous calls", ANONYMOUS, nonce(110)),
        ),
        at_second(92, "10 takes an anonymous day's place", TakeDay("anonymous day", nonce(10))),
        at_second(93, "10 begins", Begin(intent(10))),
        at_second(94, "10 is placed", placed(94, 10)),
        at_second(95, "10 rings", Observe(linked(10), status(95, "ringing", 1))),
        // The ends of 1 and 2.
        at_second(100, "1 stops streaming", Observe(linked(1), stream(100, "stream-stopped"))),
        at_second(101, "1 is completed", Observe(linked(1), completed(101, 3))),
        at_second(102, "1 frees its slot", FreeSlot(id(1))),
        at_second(103, "1 is recorded", Observe(linked(1), recording(103, 1, "completed"))),
        at_second(104, "1's recordings are listed", Observe(linked(1), seen(104, &json!("q")))),
        at_second(
            105,
            "2 is recorded, without our id",
            Observe(unlinked(2), recording(105, 2, "completed")),
        ),
        at_second(106, "2 is completed", Observe(linked(2), completed(106, 3))),
        // Nothing could be sent; and a dial that is under way.
        at_second(110, "11 begins", Begin(intent(11))),
        at_second(111, "11 is unsent", Observe(CallRef::Ours(id(11)), seen(111, &json!("n")))),
        at_second(120, "9 claims its key", ClaimKey(key(9, 9))),
        at_second(121, "9 begins", Begin(intent(9))),
    ]
}
