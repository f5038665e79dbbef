//! The two names of a call, and how they find each other.

use shared::call::CallRef;
use shared::store::{Claim, Lookup, Nonce};

use crate::Opened;
use crate::calls::*;

/// Before anybody named it, a call is known by our id alone.
pub async fn a_call_is_found_by_either_name_once_a_callback_linked_them(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    assert_eq!(store.load(&Lookup::CallSid(sid(1)), at(0)).await.unwrap(), None);
    let ours = store.load(&Lookup::CallId(our_id(1)), at(0)).await.unwrap().unwrap();
    assert_eq!((ours.call_id.clone(), ours.call_sid.clone()), (Some(our_id(1)), None));
    let observed =
        store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    assert!(observed.is_new);
    let record = load(&**store, 1).await.unwrap();
    assert_eq!((record.call_id.clone(), record.call_sid.clone()), (Some(our_id(1)), Some(sid(1))));
    assert_eq!(record.intent(), Some(&intent(1)));
    assert_eq!((record.observations.len(), word(&record).as_str()), (2, "ringing"));
}

/// The first callback may overtake our own write.
pub async fn a_callback_may_come_before_the_intent(store: &Opened) {
    let observed =
        store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    assert!(observed.is_new && observed.before.observations.is_empty());
    store.begin(&intent(1), at(1)).await.unwrap();
    let record = load(&**store, 1).await.unwrap();
    assert_eq!((record.intent(), word(&record).as_str()), (Some(&intent(1)), "ringing"));
    assert_eq!(store.recent(9, at(1)).await.unwrap(), [record]);
}

/// A recording callback may be the first thing heard of a call.
pub async fn a_recording_may_come_before_everything_else(store: &Opened) {
    store.observe(&linked(1), &recording(1, "completed"), &delivery(), at(0)).await.unwrap();
    store.begin(&intent(1), at(1)).await.unwrap();
    let call = load(&**store, 1).await.unwrap().fold();
    assert_eq!(call.recording.unwrap().duration_seconds, Some(35));
}

/// Everything that came under Twilio's name alone belongs to the call once a callback says so.
pub async fn a_call_that_was_two_rows_becomes_one_when_a_callback_links_them(store: &Opened) {
    store.observe(&unlinked(1), &status("initiated", 0), &delivery(), at(0)).await.unwrap();
    store.answer(&unlinked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    store.begin(&intent(1), at(0)).await.unwrap();
    assert_eq!(store.recent(9, at(0)).await.unwrap().len(), 2);
    store.observe(&linked(1), &status("completed", 3), &delivery(), at(0)).await.unwrap();
    let record = load(&**store, 1).await.unwrap();
    assert_eq!((record.observations.len(), word(&record).as_str()), (4, "completed"));
    assert_eq!(record.intent(), Some(&intent(1)));
    assert_eq!(store.recent(9, at(0)).await.unwrap(), [record]);
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    assert_eq!(claim, Claim::Answered("<Response/>".to_owned()));
}

/// One dial makes one call, so a second SID under our id is another call.
pub async fn a_second_call_under_one_of_our_ids_is_a_call_of_its_own(store: &Opened) {
    let other = CallRef::Named { call_sid: sid(2), call_id: Some(our_id(1)) };
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    store.answer(&linked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    let observed = store.observe(&other, &status("busy", 2), &delivery(), at(0)).await.unwrap();
    assert!(observed.ended_the_call(&status("busy", 2)), "it is not the other call");
    let claim = store.claim(&other, &Nonce::new([1; 16]), at(0)).await.unwrap();
    assert!(matches!(claim, Claim::First(_)), "not the other call's TwiML");
    let second = store.load(&Lookup::CallSid(sid(2)), at(0)).await.unwrap().unwrap();
    assert_eq!((word(&second).as_str(), second.call_id.clone()), ("busy", None));
    assert_eq!(second.intent(), None);
    assert_eq!(word(&load(&**store, 1).await.unwrap()), "in-progress");
    assert_eq!(store.recent(9, at(0)).await.unwrap().len(), 2);
}

/// Whichever row came first.
pub async fn a_call_that_was_two_rows_is_as_old_as_the_older(store: &Opened) {
    store.observe(&unlinked(1), &status("initiated", 0), &delivery(), at(0)).await.unwrap();
    store.begin(&intent(2), at(10)).await.unwrap();
    store.begin(&intent(1), at(20)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(30)).await.unwrap();
    let recent = store.recent(9, at(30)).await.unwrap();
    let ids: Vec<_> = recent.into_iter().map(|record| record.call_id).collect();
    assert_eq!(ids, [Some(our_id(2)), Some(our_id(1))]);
}

/// A call that rang us has Twilio's name only.
pub async fn a_call_that_rang_us_is_found_by_its_sid(store: &Opened) {
    store.observe(&unlinked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    let record = store.load(&Lookup::CallSid(sid(1)), at(0)).await.unwrap().unwrap();
    assert_eq!((record.call_id.clone(), record.call_sid.clone()), (None, Some(sid(1))));
    assert_eq!(store.recent(9, at(0)).await.unwrap(), [record]);
    assert_eq!(store.load(&Lookup::CallSid(sid(2)), at(0)).await.unwrap(), None);
    assert_eq!(store.load(&Lookup::CallId(our_id(1)), at(0)).await.unwrap(), None);
}

/// Nothing was heard of Twilio, so the call has our name only.
pub async fn what_became_of_the_dial_is_kept_under_our_id(store: &Opened) {
    let ours = CallRef::Ours(our_id(1));
    let refused = seen(1, &serde_json::json!({"x": {"c": 21_211}}));
    store.begin(&intent(1), at(0)).await.unwrap();
    let observed = store.observe(&ours, &refused, &delivery(), at(1)).await.unwrap();
    assert_eq!(observed.before.observations.len(), 1);
    assert!(observed.ended_the_call(&refused));
    let again = store.observe(&ours, &refused, &delivery(), at(1)).await.unwrap();
    assert!(!again.ended_the_call(&refused));
    let record = store.load(&Lookup::CallId(our_id(1)), at(1)).await.unwrap().unwrap();
    assert_eq!((word(&record).as_str(), record.fold().error_codes), ("failed", vec![21_211]));
}

/// The dial timed out, and then the phone rang after all.
pub async fn a_call_thought_lost_is_healed_by_its_first_callback(store: &Opened) {
    let unknown = seen(1, &serde_json::json!("u"));
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&CallRef::Ours(our_id(1)), &unknown, &delivery(), at(1)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(2)).await.unwrap();
    let record = load(&**store, 1).await.unwrap();
    assert_eq!((record.observations.len(), word(&record).as_str()), (3, "ringing"));
    assert_eq!(store.recent(9, at(2)).await.unwrap(), [record]);
}

/// What was told before the link, and what is told without our id after it, is known under both.
pub async fn the_end_is_seen_once_whichever_name_tells_it(store: &Opened) {
    let end = status("completed", 3);
    let ends = async |by: CallRef| {
        store.observe(&by, &end, &delivery(), at(0)).await.unwrap().ended_the_call(&end)
    };
    store.begin(&intent(1), at(0)).await.unwrap();
    assert!(ends(unlinked(1)).await);
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    assert!(!ends(linked(1)).await);
    store.begin(&intent(2), at(0)).await.unwrap();
    store.observe(&linked(2), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    assert!(ends(unlinked(2)).await);
    assert!(!ends(linked(2)).await);
    // The same event is the first that names the call by both.
    store.begin(&intent(3), at(0)).await.unwrap();
    assert!(ends(unlinked(3)).await);
    assert!(!ends(linked(3)).await);
    assert_eq!(word(&load(&**store, 3).await.unwrap()), "completed");
}
