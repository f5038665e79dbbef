//! A store in a folder of its own, and the calls that the tests tell it of.

use std::path::{Path, PathBuf};
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use shared::call::{AgentAnswer, CallId, CallRef, CallSid, Fact, Intent, Observation, Timestamp};
use shared::store::{Lookup, Nonce, Record, Sqlite, Store};

/// A folder of this test's own, gone when the test is over.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("close-loop-sqlite-{}-{number}", id())))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("made by the store").join("calls.sqlite")
    }

    pub(crate) fn open(&self) -> Sqlite {
        open(&self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Calls are kept for one day.
pub(crate) fn open(file: &Path) -> Sqlite {
    Sqlite::open(file, 1).unwrap()
}

pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_795_341_600_000).plus(Duration::from_secs(second))
}

/// A delivery of its own, whatever was delivered before.
pub(crate) fn delivery() -> Nonce {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Nonce::new((u128::from(number) << 96 | u128::from(id())).to_be_bytes())
}

pub(crate) fn sid(number: u32) -> CallSid {
    CallSid::parse(&format!("CA{number:032x}")).unwrap()
}

pub(crate) fn our_id(number: u32) -> CallId {
    CallId::new(u128::from(number).to_be_bytes(), true)
}

pub(crate) fn linked(number: u32) -> CallRef {
    CallRef::Named { call_sid: sid(number), call_id: Some(our_id(number)) }
}

/// A callback whose URL does not carry our id.
pub(crate) fn unlinked(number: u32) -> CallRef {
    CallRef::Named { call_sid: sid(number), call_id: None }
}

/// Intents and events as the stores keep them.
pub(crate) fn intent(number: u32) -> Intent {
    let intent = json!({"id": our_id(number), "to": "+12125550123", "from": "+12125550100", "rec": false,
        "ring": 30, "limit": 900, "vars": {"name": "Jane", "attempt": number}});
    serde_json::from_value(intent).unwrap()
}

pub(crate) fn status(word: &str, sequence: u32) -> Observation {
    let event = json!({"t": at(sequence.into()), "f": {"e": {"s": word, "n": sequence}}});
    serde_json::from_value(event).unwrap()
}

pub(crate) fn answered() -> Observation {
    Observation { at: at(9), fact: Fact::Answered(AgentAnswer::default()) }
}

/// Two ends among them, which Twilio does not rule out.
pub(crate) fn life() -> [Observation; 5] {
    [("initiated", 0), ("ringing", 1), ("in-progress", 2), ("completed", 3), ("failed", 4)]
        .map(|(word, sequence)| status(word, sequence))
}

pub(crate) async fn load(store: &Sqlite, number: u32) -> Option<Record> {
    let by_sid = store.load(&Lookup::CallSid(sid(number)), at(0)).await.unwrap();
    let by_id = store.load(&Lookup::CallId(our_id(number)), at(0)).await.unwrap();
    assert_eq!(by_sid, by_id, "the two names of one call show two");
    by_sid
}

pub(crate) fn word(record: &Record) -> String {
    record.fold().status_at(at(0)).to_owned()
}

pub(crate) type Delivery = (u32, CallRef, Observation);

/// Every event of some calls, each three times, in an order drawn by `seed`.
pub(crate) fn deliveries(calls: u32, seed: u64) -> Vec<Delivery> {
    let refs = |call| [linked(call), unlinked(call), linked(call)];
    let mut all: Vec<Delivery> = (0..calls)
        .flat_map(|call| life().map(|seen| (call, seen)))
        .flat_map(|(call, seen)| refs(call).map(|by| (call, by, seen.clone())))
        .collect();
    let mut state = seed;
    for index in (1..all.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
    }
    all
}

/// Writes them one after the other and counts those that ended a call.
pub(crate) async fn deliver(store: &Sqlite, deliveries: &[Delivery]) -> usize {
    let mut ended = 0;
    for (number, call, seen) in deliveries {
        let observed = store.observe(call, seen, &delivery(), at(0)).await.unwrap();
        ended += usize::from(observed.ended_the_call(seen));
        store.begin(&intent(*number), at(0)).await.unwrap();
    }
    ended
}

pub(crate) async fn assert_all_lived(store: &Sqlite, calls: u32) {
    for call in 0..calls {
        let record = load(store, call).await.unwrap();
        assert_eq!((record.intent(), word(&record).as_str()), (Some(&intent(call)), "failed"));
        assert_eq!(record.observations.len(), life().len() + 1);
    }
}
