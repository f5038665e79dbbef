//! The calls that the tests tell the stores of.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use shared::call::{AgentAnswer, CallId, CallRef, CallSid, Fact, Intent, Observation, Timestamp};
use shared::store::{Lookup, Nonce, Record, Store};

/// How long the tests' stores keep a call.
pub const RETENTION_DAYS: u32 = 30;

/// The same in seconds.
pub const RETENTION: u64 = 30 * DAY;

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// Noon of the day on which the test runs: some servers sweep by the real clock.
static NOON: LazyLock<Timestamp> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_millis(0).plus(Duration::from_secs(now / DAY * DAY + DAY / 2))
});

/// So many seconds after noon.
#[must_use]
pub fn at(second: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(second))
}

/// One millisecond before `at(second)`.
#[must_use]
pub fn just_before(second: u64) -> Timestamp {
    Timestamp::from_millis(at(second).as_millis() - 1)
}

/// A delivery of its own, whatever was delivered before.
#[must_use]
pub fn delivery() -> Nonce {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Nonce::new((u128::from(number) << 96 | u128::from(std::process::id())).to_be_bytes())
}

/// Twilio's name of call `number`.
#[must_use]
pub fn sid(number: u32) -> CallSid {
    CallSid::parse(&format!("CA{number:032x}")).unwrap()
}

/// Our name of call `number`.
#[must_use]
pub fn our_id(number: u32) -> CallId {
    CallId::new(u128::from(number).to_be_bytes(), true)
}

/// A callback whose URL carries our id, as all of them do.
#[must_use]
pub fn linked(number: u32) -> CallRef {
    CallRef::Named { call_sid: sid(number), call_id: Some(our_id(number)) }
}

/// A callback whose URL does not carry our id.
#[must_use]
pub fn unlinked(number: u32) -> CallRef {
    CallRef::Named { call_sid: sid(number), call_id: None }
}

/// The intent of call `number`.
#[must_use]
pub fn intent(number: u32) -> Intent {
    let intent = json!({"id": our_id(number), "to": "+12125550123", "from": "+12125550100",
        "rec": true, "ring": 30, "limit": 900, "vars": {"name": "Jane", "attempt": number}});
    serde_json::from_value(intent).unwrap()
}

/// An observation as the stores keep it.
#[must_use]
pub fn seen(second: u64, fact: &Value) -> Observation {
    serde_json::from_value(json!({"t": at(second), "f": fact})).unwrap()
}

/// A status callback.
#[must_use]
pub fn status(word: &str, sequence: u32) -> Observation {
    let mut event = json!({"s": word, "n": sequence});
    if word == "completed" {
        event["d"] = json!(37);
    }
    seen(sequence.into(), &json!({ "e": event }))
}

/// The status in Twilio's REST answer, which has no number.
#[must_use]
pub fn accepted() -> Observation {
    seen(0, &json!({"e": {"s": "queued"}}))
}

/// Voice connected the agent.
#[must_use]
pub fn answered() -> Observation {
    Observation { at: at(2), fact: Fact::Answered(AgentAnswer::default()) }
}

/// A recording callback of recording `number`.
#[must_use]
pub fn recording(number: u32, word: &str) -> Observation {
    let mut event = json!({"r": format!("RE{number:032x}"), "s": word});
    if word == "completed" {
        event["d"] = json!(35);
        event["c"] = json!(2);
    }
    seen(u64::from(number) + 4, &json!({ "r": event }))
}

/// A callback of the media stream.
#[must_use]
pub fn stream(event: &str) -> Observation {
    let second = if event == "stream-started" { 2 } else { 3 };
    seen(second, &json!({"s": {"s": "MZ00000000000000000000000000000001", "e": event}}))
}

/// The asynchronous result of machine detection.
#[must_use]
pub fn machine(word: &str) -> Observation {
    seen(3, &json!({"a": {"b": word}}))
}

/// The call by both of its names, which must show the same.
///
/// # Panics
/// If they do not.
pub async fn load(store: &dyn Store, number: u32) -> Option<Record> {
    let by_sid = store.load(&Lookup::CallSid(sid(number)), at(0)).await.unwrap();
    let by_id = store.load(&Lookup::CallId(our_id(number)), at(0)).await.unwrap();
    assert_eq!(by_sid, by_id, "the two names of one call show two");
    by_sid
}

/// The status of a record.
#[must_use]
pub fn word(record: &Record) -> String {
    record.fold().status_at(at(0)).to_owned()
}

/// In key order, as a record's set is.
#[must_use]
pub fn sorted<const N: usize>(mut set: [Observation; N]) -> [Observation; N] {
    set.sort_by_key(Observation::key);
    set
}
