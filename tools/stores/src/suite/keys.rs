//! Idempotency keys: what each state of a key means for the next request.

use shared::call::CallRef;
use shared::store::keys::{IN_FLIGHT, claim, find};
use shared::store::{KeyClaim, KeyState, Nonce};

use crate::Opened;
use crate::calls::*;

/// Request `owner` with key `key`, which would place call `owner`.
#[must_use]
pub fn request(key: &str, owner: u8) -> KeyClaim {
    KeyClaim {
        key: key.to_owned(),
        fingerprint: "the same request".to_owned(),
        owner: Nonce::new([owner; 16]),
        call_id: our_id(owner.into()),
    }
}

async fn state(store: &Opened, request: &KeyClaim, second: u64) -> KeyState {
    claim(&**store, request, at(second)).await.unwrap()
}

/// The key is done, and what is known of its call comes with it.
fn assert_done(state: KeyState, call: u32) {
    let KeyState::Done { call_sid, record } = state else { panic!("{state:?}") };
    assert_eq!((call_sid, record.call_id.clone()), (sid(call), Some(our_id(call))));
    assert_eq!(record.intent(), Some(&intent(call)));
}

/// Nothing found: dial. And a client that lost the reply finds its own claim.
pub async fn a_key_nobody_used_is_ours_however_often_we_ask(store: &Opened) {
    for _ in 0..3 {
        assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    }
    assert_eq!(state(store, &request("another key", 2), 0).await, KeyState::Claimed);
}

/// Other request under the same key.
pub async fn a_key_used_for_another_request_is_refused(store: &Opened) {
    let other = KeyClaim { fingerprint: "another".to_owned(), ..request("key", 2) };
    assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    assert_eq!(state(store, &other, 0).await, KeyState::Reused);
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &accepted(), &delivery(), at(1)).await.unwrap();
    assert_eq!(state(store, &other, 100).await, KeyState::Reused);
}

fn in_flight(number: u32) -> KeyState {
    KeyState::InFlight { call_id: our_id(number) }
}

/// The dial was made: the same answer again, by whichever way we heard of it.
pub async fn a_key_whose_call_has_a_name_gives_the_same_answer_again(store: &Opened) {
    assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &accepted(), &delivery(), at(1)).await.unwrap();
    for second in [1, 60, 3600] {
        assert_done(state(store, &request("key", 2), second).await, 1);
    }
}

/// A request that claims nothing sees what a claim would have met, and leaves no trace.
pub async fn a_key_is_found_without_being_claimed(store: &Opened) {
    let (mine, other) = (request("key", 1), "another fingerprint");
    let found = async |fingerprint: &str, second| {
        find(&**store, &mine.key, fingerprint, at(second)).await.unwrap()
    };
    assert_eq!(found(&mine.fingerprint, 0).await, None);
    assert_eq!(state(store, &mine, 0).await, KeyState::Claimed);
    assert_eq!(found(&mine.fingerprint, 0).await, Some(in_flight(1)));
    assert_eq!(found(other, 0).await, Some(KeyState::Reused));
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &accepted(), &delivery(), at(1)).await.unwrap();
    assert_done(found(&mine.fingerprint, 60).await.unwrap(), 1);
    assert_eq!(found(&mine.fingerprint, RETENTION).await, None, "it has expired");
}

/// Younger than the dial budget, and older.
pub async fn a_key_without_an_outcome_is_in_flight_and_then_unknown(store: &Opened) {
    let (key, budget) = (request("key", 1), IN_FLIGHT.as_secs());
    assert_eq!(state(store, &key, 0).await, KeyState::Claimed);
    store.begin(&intent(1), at(0)).await.unwrap();
    let mine = request("key", 2);
    assert_eq!(state(store, &mine, 0).await, in_flight(1));
    let last = claim(&**store, &mine, just_before(budget)).await.unwrap();
    assert_eq!(last, in_flight(1));
    for second in [budget, 3600, RETENTION - 1] {
        let unknown = KeyState::Unknown { call_id: our_id(1) };
        assert_eq!(state(store, &mine, second).await, unknown);
    }
}

/// Twilio's answer was lost and there was time to say so.
pub async fn a_doubted_key_is_unknown_at_once_and_only_its_owner_can_doubt_it(store: &Opened) {
    let (mine, stranger) = (request("key", 1), request("key", 2));
    assert_eq!(state(store, &mine, 0).await, KeyState::Claimed);
    store.begin(&intent(1), at(0)).await.unwrap();
    store.mark_unknown(&stranger, at(1)).await.unwrap();
    assert_eq!(state(store, &stranger, 1).await, in_flight(1));
    store.mark_unknown(&mine, at(1)).await.unwrap();
    store.mark_unknown(&mine, at(1)).await.unwrap();
    assert_eq!(state(store, &stranger, 1).await, KeyState::Unknown { call_id: our_id(1) });
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(2)).await.unwrap();
    assert_done(state(store, &stranger, 2).await, 1);
}

/// make-call died between Twilio's answer and our record of it.
pub async fn a_crash_between_dial_and_save_never_dials_again_and_the_first_callback_resolves_it(
    store: &Opened,
) {
    assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    store.begin(&intent(1), at(0)).await.unwrap();
    let later = IN_FLIGHT.as_secs();
    for owner in 2..9 {
        let unknown = KeyState::Unknown { call_id: our_id(1) };
        assert_eq!(state(store, &request("key", owner), later).await, unknown);
    }
    store.observe(&linked(1), &status("initiated", 0), &delivery(), at(later)).await.unwrap();
    assert_done(state(store, &request("key", 9), later).await, 1);
}

/// The same crash one step earlier: nothing but the claim was written.
pub async fn a_crash_before_the_intent_never_dials_either(store: &Opened) {
    assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    let later = IN_FLIGHT.as_secs();
    let unknown = KeyState::Unknown { call_id: our_id(1) };
    assert_eq!(state(store, &request("key", 2), later).await, unknown);
}

/// A definite refusal frees the key; no other request can.
pub async fn a_released_key_is_free_and_only_its_owner_can_release_it(store: &Opened) {
    let (mine, stranger) = (request("key", 1), request("key", 2));
    assert_eq!(state(store, &mine, 0).await, KeyState::Claimed);
    store.release_key(&stranger).await.unwrap();
    assert_eq!(state(store, &stranger, 0).await, in_flight(1));
    store.release_key(&mine).await.unwrap();
    store.release_key(&mine).await.unwrap();
    assert_eq!(state(store, &stranger, 0).await, KeyState::Claimed);
    assert_eq!(state(store, &mine, 0).await, in_flight(2));
    store.release_key(&mine).await.unwrap();
    assert_eq!(state(store, &mine, 0).await, in_flight(2));
}

/// Honoured as long as the call is kept, to the millisecond.
pub async fn an_expired_key_can_be_used_again(store: &Opened) {
    assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    let last = claim(&**store, &request("key", 2), just_before(RETENTION)).await.unwrap();
    assert_eq!(last, KeyState::Unknown { call_id: our_id(1) });
    assert_eq!(state(store, &request("key", 2), RETENTION).await, KeyState::Claimed);
    assert_eq!(state(store, &request("key", 3), RETENTION).await, in_flight(2));
}

/// A refusal that Twilio named leaves a trace under our id, and the key is not done by it.
pub async fn a_refused_dial_without_a_release_stays_unknown(store: &Opened) {
    assert_eq!(state(store, &request("key", 1), 0).await, KeyState::Claimed);
    store.begin(&intent(1), at(0)).await.unwrap();
    let refused = seen(1, &serde_json::json!({"x": {}}));
    store.observe(&CallRef::Ours(our_id(1)), &refused, &delivery(), at(1)).await.unwrap();
    let unknown = KeyState::Unknown { call_id: our_id(1) };
    assert_eq!(state(store, &request("key", 2), 60).await, unknown);
}
