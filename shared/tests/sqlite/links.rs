//! The two names of a call, and how they find each other.

use shared::call::CallRef;
use shared::store::{Claim, Lookup, Nonce, Store};

use crate::support::*;

#[tokio::test]
async fn a_call_is_found_by_either_name_once_a_callback_linked_them() {
    let (folder, now) = (Folder::new(), at(0));
    let store = folder.open();
    store.begin(&intent(1), now).await.unwrap();
    assert_eq!(store.load(&Lookup::CallSid(sid(1)), now).await.unwrap(), None);
    let observed =
        store.observe(&linked(1), &status("ringing", 1), &delivery(), now).await.unwrap();
    assert!(observed.is_new);
    assert_eq!(observed.before.intent(), Some(&intent(1)));
    let record = load(&store, 1).await.unwrap();
    assert_eq!((record.call_id.clone(), record.call_sid.clone()), (Some(our_id(1)), Some(sid(1))));
    assert_eq!((record.observations.len(), word(&record).as_str()), (2, "ringing"));
}

#[tokio::test]
async fn a_callback_may_come_before_the_intent() {
    let folder = Folder::new();
    let store = folder.open();
    let observed =
        store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    assert!(observed.is_new && observed.before.observations.is_empty());
    store.begin(&intent(1), at(1)).await.unwrap();
    let record = load(&store, 1).await.unwrap();
    assert_eq!((record.intent(), word(&record).as_str()), (Some(&intent(1)), "ringing"));
}

#[tokio::test]
async fn a_call_that_was_two_rows_becomes_one_when_a_callback_links_them() {
    let folder = Folder::new();
    let store = folder.open();
    store.observe(&unlinked(1), &status("initiated", 0), &delivery(), at(0)).await.unwrap();
    store.answer(&unlinked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    store.begin(&intent(1), at(0)).await.unwrap();
    assert_eq!(store.recent(9, at(0)).await.unwrap().len(), 2);
    let observed =
        store.observe(&linked(1), &status("completed", 3), &delivery(), at(0)).await.unwrap();
    assert_eq!(observed.before.observations.len(), 3);
    let record = load(&store, 1).await.unwrap();
    assert_eq!((record.observations.len(), word(&record).as_str()), (4, "completed"));
    assert_eq!(store.recent(9, at(0)).await.unwrap(), [record]);
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    assert_eq!(claim, Claim::Answered("<Response/>".to_owned()));
}

#[tokio::test]
async fn a_second_call_under_one_of_our_ids_is_a_call_of_its_own() {
    let folder = Folder::new();
    let store = folder.open();
    let other = CallRef::Named { call_sid: sid(2), call_id: Some(our_id(1)) };
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    store.answer(&linked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    let observed = store.observe(&other, &status("busy", 2), &delivery(), at(0)).await.unwrap();
    assert!(observed.before.observations.is_empty());
    let claim = store.claim(&other, &Nonce::new([1; 16]), at(0)).await.unwrap();
    assert!(matches!(claim, Claim::First(_)), "not the other call's TwiML");
    let second = store.load(&Lookup::CallSid(sid(2)), at(0)).await.unwrap().unwrap();
    assert_eq!((word(&second).as_str(), second.call_id.clone()), ("busy", None));
    assert_eq!(word(&load(&store, 1).await.unwrap()), "in-progress");
}

#[tokio::test]
async fn a_call_that_was_two_rows_is_as_old_as_the_older() {
    let folder = Folder::new();
    let store = folder.open();
    store.observe(&unlinked(1), &status("initiated", 0), &delivery(), at(0)).await.unwrap();
    store.begin(&intent(2), at(10)).await.unwrap();
    store.begin(&intent(1), at(20)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(30)).await.unwrap();
    let recent = store.recent(9, at(30)).await.unwrap();
    let ids: Vec<_> = recent.into_iter().map(|record| record.call_id).collect();
    assert_eq!(ids, [Some(our_id(2)), Some(our_id(1))]);
}
