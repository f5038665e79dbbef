//! Duplicates, claims, answers, expiry.

use shared::call::Observation;
use shared::store::{Claim, Lookup, Nonce, Record, Sqlite, Store};
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test]
async fn the_first_body_under_a_key_wins() {
    let folder = Folder::new();
    let store = folder.open();
    let first = status("ringing", 1);
    let second = Observation { at: at(77), ..first.clone() };
    assert!(store.observe(&linked(1), &first, &delivery(), at(0)).await.unwrap().is_new);
    let again = store.observe(&linked(1), &second, &delivery(), at(1)).await.unwrap();
    assert_eq!((again.is_new, again.before.observations), (false, vec![first.clone()]));
    assert_eq!(load(&store, 1).await.unwrap().observations, [first]);
}

#[tokio::test]
async fn exactly_one_of_all_deliveries_ends_each_call() {
    let folder = Folder::new();
    let stores = [folder.open(), folder.open()];
    let mut tasks = JoinSet::new();
    for (task, part) in deliveries(16, 1).chunks(15).enumerate() {
        let (store, part) = (stores[task % 2].clone(), part.to_vec());
        tasks.spawn(async move { deliver(&store, &part).await });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 16);
    assert_all_lived(&stores[0], 16).await;
}

#[tokio::test]
async fn of_sixty_voice_webhooks_at_once_exactly_one_is_first() {
    let folder = Folder::new();
    let stores = [folder.open(), folder.open()];
    stores[0].begin(&intent(1), at(0)).await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..60 {
        let store = stores[usize::from(number) % 2].clone();
        tasks.spawn(async move {
            store.claim(&linked(1), &Nonce::new([number; 16]), at(0)).await.unwrap()
        });
    }
    let mut claims = tasks.join_all().await;
    claims.retain(|claim| *claim != Claim::Pending);
    let [Claim::First(record)] = claims.as_slice() else { panic!("{claims:?}") };
    assert_eq!(record.intent(), Some(&intent(1)));
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_still_the_first() {
    let folder = Folder::new();
    let store = folder.open();
    let [mine, other] = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    for _ in 0..2 {
        assert!(matches!(store.claim(&linked(1), &mine, at(0)).await.unwrap(), Claim::First(_)));
        assert_eq!(store.claim(&unlinked(1), &other, at(0)).await.unwrap(), Claim::Pending);
    }
}

#[tokio::test]
async fn the_first_answer_is_given_to_everybody_who_asks_again() {
    let folder = Folder::new();
    let store = folder.open();
    let nonces = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    store.claim(&linked(1), &nonces[0], at(0)).await.unwrap();
    for twiml in ["<Response>1</Response>", "<Response>2</Response>"] {
        store.answer(&linked(1), twiml, &answered(), at(0)).await.unwrap();
        for nonce in &nonces {
            let claim = store.claim(&linked(1), nonce, at(0)).await.unwrap();
            assert_eq!(claim, Claim::Answered("<Response>1</Response>".to_owned()));
        }
    }
    assert_eq!(load(&store, 1).await.unwrap().observations, [answered()]);
}

#[tokio::test]
async fn recent_calls_come_newest_first_and_no_more_than_asked_for() {
    let folder = Folder::new();
    let store = folder.open();
    for (number, second) in [(1, 20), (2, 40), (3, 30), (4, 40)] {
        store.begin(&intent(number), at(second)).await.unwrap();
    }
    // A later callback does not make a call newer.
    store.observe(&linked(1), &status("completed", 3), &delivery(), at(50)).await.unwrap();
    let recent = |limit| store.recent(limit, at(60));
    let ids =
        |records: Vec<Record>| records.into_iter().map(|r| r.call_id.unwrap()).collect::<Vec<_>>();
    assert_eq!(ids(recent(9).await.unwrap()), [4, 2, 3, 1].map(our_id));
    assert_eq!(ids(recent(2).await.unwrap()), [4, 2].map(our_id));
    assert_eq!(recent(0).await.unwrap(), []);
}

#[tokio::test]
async fn an_expired_call_is_gone_although_nobody_swept() {
    let folder = Folder::new();
    let store = folder.open();
    store.begin(&intent(1), at(0)).await.unwrap();
    // Counted from the first write: a later one does not keep a call.
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(3600)).await.unwrap();
    let (last, over) = (at(86_399), at(86_400));
    for by in [Lookup::CallId(our_id(1)), Lookup::CallSid(sid(1))] {
        assert!(store.load(&by, last).await.unwrap().is_some());
        assert_eq!(store.load(&by, over).await.unwrap(), None);
    }
    assert_eq!(store.recent(9, last).await.unwrap().len(), 1);
    assert_eq!(store.recent(9, over).await.unwrap(), []);
}

#[tokio::test]
async fn a_new_call_takes_the_place_of_an_expired_one() {
    let (folder, over) = (Folder::new(), at(86_400));
    let store = folder.open();
    store.answer(&linked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    let observed =
        store.observe(&linked(1), &status("ringing", 1), &delivery(), over).await.unwrap();
    assert_eq!((observed.is_new, observed.before.observations), (true, vec![]));
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), over).await.unwrap();
    let Claim::First(record) = claim else { panic!("{claim:?}") };
    assert_eq!(record.observations, [status("ringing", 1)]);
}

#[tokio::test]
async fn what_was_written_is_there_when_the_file_is_opened_again() {
    let folder = Folder::new();
    let store = folder.open();
    store.begin(&intent(1), at(0)).await.unwrap();
    store.answer(&linked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    let before = load(&store, 1).await.unwrap();
    assert!(folder.file().with_extension("sqlite-wal").exists(), "not in WAL mode");
    drop(store);
    let store = folder.open();
    assert_eq!(load(&store, 1).await, Some(before));
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    assert_eq!(claim, Claim::Answered("<Response/>".to_owned()));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_and_no_panic() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.file()).unwrap();
    assert!(Sqlite::open(&folder.file(), 1).is_err());
}
