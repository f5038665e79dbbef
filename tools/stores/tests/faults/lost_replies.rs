//! The server did its work, and its reply was lost.

use std::time::Duration;

use shared::store::keys::claim;
use shared::store::{Admission, Claim, KeyState, Nonce, Window};
use stores::Backend;
use stores::calls::*;
use stores::suite::keys::request;
use stores::workload::{Report, Workload};

use crate::{behind, over_networks};

over_networks!(
    an_event_whose_reply_is_lost_ends_the_call_once,
    a_claim_to_answer_whose_reply_is_lost_is_the_first,
    a_key_whose_reply_is_lost_is_claimed_once,
    limits_whose_replies_are_lost_take_one_place,
    days_whose_replies_are_lost_take_one_place_and_give_one_back,
    a_run_in_which_every_thirtieth_reply_is_lost_shows_what_the_fold_says,
);

async fn an_event_whose_reply_is_lost_ends_the_call_once(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    let (store, end) = (&behind.store, status("completed", 3));
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &accepted(), &delivery(), at(0)).await.unwrap();
    behind.proxy.lose_replies(1);
    let observed = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert_eq!(behind.proxy.lost(), 1);
    assert_eq!((observed.is_new, observed.ended_the_call(&end)), (true, true));
    let doubled = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert_eq!((doubled.is_new, doubled.ended_the_call(&end)), (false, false));
    assert_eq!(load(&*behind.space.open(), 1).await.unwrap().observations.len(), 3);
}

async fn a_claim_to_answer_whose_reply_is_lost_is_the_first(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    let store = &behind.store;
    store.begin(&intent(1), at(0)).await.unwrap();
    behind.proxy.lose_replies(1);
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    let Claim::First(record) = claim else { panic!("{claim:?}") };
    assert_eq!((behind.proxy.lost(), record.intent()), (1, Some(&intent(1))));
    behind.proxy.lose_replies(1);
    store.answer(&linked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    assert_eq!(behind.proxy.lost(), 1);
    let claim = store.claim(&linked(1), &Nonce::new([2; 16]), at(0)).await.unwrap();
    assert_eq!(claim, Claim::Answered("<Response/>".to_owned()));
}

async fn a_key_whose_reply_is_lost_is_claimed_once(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    let store = &*behind.store;
    assert!(store.recent(1, at(0)).await.unwrap().is_empty());
    behind.proxy.lose_replies(1);
    assert_eq!(claim(store, &request("key", 1), at(0)).await.unwrap(), KeyState::Claimed);
    assert_eq!(behind.proxy.lost(), 1);
    let in_flight = KeyState::InFlight { call_id: our_id(1) };
    assert_eq!(claim(store, &request("key", 2), at(0)).await.unwrap(), in_flight);
    behind.proxy.lose_replies(1);
    store.release_key(&request("key", 1)).await.unwrap();
    assert_eq!(claim(store, &request("key", 2), at(0)).await.unwrap(), KeyState::Claimed);
}

async fn limits_whose_replies_are_lost_take_one_place(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    let (store, proxy) = (&behind.store, &behind.proxy);
    let (length, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    let window = Window { limit: 2, length, spacing: Duration::ZERO };
    let spaced = Window { spacing: minute, ..window };
    let [mine, other] = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    assert!(store.recent(1, at(0)).await.unwrap().is_empty());
    proxy.lose_replies(1);
    assert_eq!(
        store.acquire_window("client", window, &mine, at(0)).await.unwrap(),
        Admission::Granted
    );
    assert_eq!(
        store.acquire_window("client", window, &other, at(0)).await.unwrap(),
        Admission::Granted
    );
    proxy.lose_replies(1);
    assert_eq!(store.acquire_window("to", spaced, &mine, at(0)).await.unwrap(), Admission::Granted);
    proxy.lose_replies(1);
    store.release_window("to", spaced, &mine).await.unwrap();
    assert_eq!(
        store.acquire_window("to", spaced, &other, at(0)).await.unwrap(),
        Admission::Granted
    );
    proxy.lose_replies(1);
    assert_eq!(
        store.acquire_slot(&our_id(1), 2, at(900), at(0)).await.unwrap(),
        Admission::Granted
    );
    assert_eq!(
        store.acquire_slot(&our_id(2), 2, at(900), at(0)).await.unwrap(),
        Admission::Granted
    );
    proxy.lose_replies(1);
    store.release_slot(&our_id(1)).await.unwrap();
    assert_eq!(
        store.acquire_slot(&our_id(3), 2, at(900), at(0)).await.unwrap(),
        Admission::Granted
    );
    assert!(matches!(
        store.acquire_slot(&our_id(4), 2, at(900), at(0)).await.unwrap(),
        Admission::Full { .. }
    ));
}

async fn days_whose_replies_are_lost_take_one_place_and_give_one_back(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    let (store, proxy) = (&behind.store, &behind.proxy);
    let [mine, other, third] = [1, 2, 3].map(|byte| Nonce::new([byte; 16]));
    let take = async |entry| store.acquire_day("day", 2, entry, at(0)).await.unwrap();
    let full = Admission::Full { free_at: at(25 * 3600) };
    assert!(store.recent(1, at(0)).await.unwrap().is_empty());
    proxy.lose_replies(1);
    assert_eq!((take(&mine).await, proxy.lost()), (Admission::Granted, 1));
    assert_eq!((take(&other).await, take(&third).await), (Admission::Granted, full));
    proxy.lose_replies(1);
    store.release_day("day", &mine, at(0)).await.unwrap();
    assert_eq!(proxy.lost(), 1);
    assert_eq!((take(&third).await, take(&mine).await), (Admission::Granted, full));
}

async fn a_run_in_which_every_thirtieth_reply_is_lost_shows_what_the_fold_says(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    behind.proxy.lose_every(30);
    let stores = [std::sync::Arc::clone(&behind.store)];
    let patience = Duration::from_secs(20);
    let workload = Workload::with_one_end(20, 3);
    let report = workload.run_through(&stores, 8, patience, async |_| ()).await;
    behind.proxy.lose_every(0);
    assert!(behind.proxy.lost() > 0, "nothing was lost");
    let expected = Report { mismatches: 0, transitions: report.calls, errors: 0, ..report };
    assert_eq!(report, expected);
}
