//! One call: duplicates, lost replies, expiry, the list.

use serde_json::json;
use shared::call::{Fact, Intent, Observation};
use shared::store::{Lookup, Record};

use crate::Opened;
use crate::calls::*;

/// Two deliveries with one key are one fact.
pub async fn the_first_body_under_a_key_wins(store: &Opened) {
    let first = status("ringing", 1);
    let second = Observation { at: at(77), ..first.clone() };
    assert!(store.observe(&linked(1), &first, &delivery(), at(0)).await.unwrap().is_new);
    let again = store.observe(&linked(1), &second, &delivery(), at(1)).await.unwrap();
    assert_eq!((again.is_new, again.before.observations), (false, vec![first.clone()]));
    assert_eq!(load(&**store, 1).await.unwrap().observations, [first]);
}

/// make-call may be repeated by a client that lost the reply.
pub async fn an_intent_written_twice_is_one(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    store.begin(&intent(1), at(0)).await.unwrap();
    let record = store.load(&Lookup::CallId(our_id(1)), at(0)).await.unwrap().unwrap();
    assert_eq!(record.observations, [Observation { at: at(0), fact: Fact::Intended(intent(1)) }]);
    assert_eq!(store.recent(9, at(0)).await.unwrap(), [record]);
}

/// A client that sends its request again meets its own write and must still be told it is new.
pub async fn a_delivery_whose_reply_was_lost_is_new_again(store: &Opened) {
    let (mine, end) = (delivery(), status("completed", 3));
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    for _ in 0..2 {
        let observed = store.observe(&linked(1), &end, &mine, at(0)).await.unwrap();
        assert_eq!((observed.is_new, observed.ended_the_call(&end)), (true, true));
        assert_eq!(observed.before.observations, [status("ringing", 1)]);
    }
    let other = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert_eq!((other.is_new, other.ended_the_call(&end)), (false, false));
    let mine_again = store.observe(&linked(1), &end, &mine, at(0)).await.unwrap();
    assert!(mine_again.is_new, "a stranger's delivery made ours old");
}

/// The reply tells what was there before, and nothing of what came with it.
pub async fn a_write_tells_what_was_known_before_it(store: &Opened) {
    let events = [status("initiated", 0), status("ringing", 1), machine("human")];
    let mut known: Vec<Observation> = Vec::new();
    for event in &events {
        let observed = store.observe(&unlinked(1), event, &delivery(), at(0)).await.unwrap();
        assert_eq!(observed.before.observations, known);
        known.push(event.clone());
        known.sort_by_key(Observation::key);
    }
}

/// Every fact with all it can hold, in texts that some store might spoil.
pub async fn every_kind_of_fact_comes_back_as_it_went_in(store: &Opened) {
    let party = json!({"d": "o", "f": "+12125550100", "t": "sip:zoë&co@x.example"});
    let set = [
        json!({"x": {"c": 21_211}}),
        json!("u"),
        json!({"e": {"s": "failed", "n": 4, "d": 0, "c": 486, "b": "human", "x": 13_224, "p": party}}),
        json!({"e": {"s": "a-word-of-tomorrow"}}),
        json!({"v": {"c": "conv_01", "x": "elevenlabs 429: \"quotes\", \\ and\nlines", "b": "fax", "p": party}}),
        json!({"a": {"b": "machine_end_beep"}}),
        json!({"s": {"s": "MZ00000000000000000000000000000001", "e": "stream-error",
            "x": "31921 Stream - WebSocket - Close Error – “naïve” \u{1f4de}"}}),
        json!({"r": {"r": "RE000000000000000000000000000000ab", "s": "absent", "d": 0, "c": 1, "x": 16_101}}),
    ];
    let mut expected: Vec<Observation> = set.iter().map(|fact| seen(1, fact)).collect();
    for event in &expected {
        assert!(store.observe(&linked(1), event, &delivery(), at(0)).await.unwrap().is_new);
    }
    let big = "long ".repeat(1_500) + "ü";
    let spoken = json!({"id": our_id(1), "to": "+12125550123", "from": "+12125550100", "rec": true,
        "ring": 600, "limit": 14_400, "amd": "DetectMessageEnd",
        "vars": {"a b": "O'Hara & <Söhne>", "n": 1.5, "big": 12_345_678_901_234_567_890_u64,
            "yes": true, "text": big, "empty": ""}});
    let spoken: Intent = serde_json::from_value(spoken).unwrap();
    store.begin(&spoken, at(0)).await.unwrap();
    expected.push(Observation { at: at(0), fact: Fact::Intended(spoken) });
    expected.sort_by_key(Observation::key);
    assert_eq!(load(&**store, 1).await.unwrap().observations, expected);
}

/// A later callback does not make a call newer.
pub async fn recent_calls_come_newest_first_and_no_more_than_asked_for(store: &Opened) {
    for (number, second) in [(1, 20), (2, 40), (3, 30)] {
        store.begin(&intent(number), at(second)).await.unwrap();
    }
    store.observe(&linked(1), &status("completed", 3), &delivery(), at(50)).await.unwrap();
    assert_eq!(recent(store, 9, 60).await, [2, 3, 1].map(our_id));
    assert_eq!(recent(store, 2, 60).await, [2, 3].map(our_id));
    assert_eq!(store.recent(0, at(60)).await.unwrap(), []);
}

/// Days are a detail of some stores; a call of the day before yesterday is still listed.
pub async fn recent_calls_reach_back_over_days_without_any(store: &Opened) {
    for (number, second) in [(1, 0), (2, 5), (3, DAY), (4, 4 * DAY), (5, 4 * DAY + 1)] {
        store.begin(&intent(number), at(second)).await.unwrap();
    }
    // Heard of again on a later day: it stays where it was.
    store.observe(&linked(2), &status("completed", 3), &delivery(), at(4 * DAY)).await.unwrap();
    let now = 4 * DAY + 3600;
    assert_eq!(recent(store, 9, now).await, [5, 4, 3, 2, 1].map(our_id));
    assert_eq!(recent(store, 4, now).await, [5, 4, 3, 2].map(our_id));
    assert_eq!(recent(store, 9, 20 * DAY).await.len(), 5);
}

async fn recent(store: &Opened, limit: u32, now: u64) -> Vec<shared::call::CallId> {
    let records = store.recent(limit, at(now)).await.unwrap();
    records.into_iter().map(|record: Record| record.call_id.unwrap()).collect()
}

/// A call that rang us is listed under Twilio's name alone, and is no younger for what comes later.
pub async fn a_call_heard_of_again_stays_where_it_was_in_the_list(store: &Opened) {
    for (number, word, second) in [(1, "ringing", 0), (2, "ringing", 10), (1, "completed", 20)] {
        let seen = status(word, second);
        store.observe(&unlinked(number), &seen, &delivery(), at(second.into())).await.unwrap();
    }
    let recent = store.recent(9, at(20)).await.unwrap();
    let sids: Vec<_> = recent.into_iter().map(|record| record.call_sid.unwrap()).collect();
    assert_eq!(sids, [sid(2), sid(1)]);
}
