//! What has expired by the caller's clock is gone, also for those who write to it.

use shared::store::Lookup;
use tokio::task::JoinSet;

use crate::Opened;
use crate::calls::*;

/// Counted from the first write, to the millisecond: no store removes on time.
pub async fn an_expired_call_is_gone_although_nobody_swept(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(3600)).await.unwrap();
    let (last, over) = (just_before(RETENTION), at(RETENTION));
    for by in [Lookup::CallId(our_id(1)), Lookup::CallSid(sid(1))] {
        let kept = store.load(&by, last).await.unwrap().unwrap();
        assert_eq!(kept.observations.len(), 2, "{by:?}");
        assert_eq!(store.load(&by, over).await.unwrap(), None, "{by:?}");
    }
    assert_eq!(store.recent(9, last).await.unwrap().len(), 1);
    assert_eq!(store.recent(9, over).await.unwrap(), []);
}

/// Neither the old observations nor the old age are the new call's.
pub async fn a_call_heard_of_after_its_expiry_begins_anew(store: &Opened) {
    let (first, end) = (status("ringing", 1), status("completed", 3));
    store.observe(&unlinked(1), &first, &delivery(), at(0)).await.unwrap();
    let observed = store.observe(&unlinked(1), &end, &delivery(), at(RETENTION)).await.unwrap();
    assert_eq!((observed.before.observations, observed.is_new), (vec![], true));
    for now in [at(RETENTION), just_before(2 * RETENTION)] {
        let record = store.load(&Lookup::CallSid(sid(1)), now).await.unwrap().unwrap();
        assert_eq!(record.observations, std::slice::from_ref(&end));
        assert_eq!(store.recent(9, now).await.unwrap(), [record]);
    }
}

/// A request that deletes an expired call deletes nothing that was written since.
pub async fn of_many_that_write_to_an_expired_call_none_is_lost(store: &Opened) {
    store.observe(&unlinked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..40 {
        let store = store.instance(number as usize);
        tasks.spawn(async move {
            let seen = recording(number, "completed");
            store.observe(&unlinked(1), &seen, &delivery(), at(RETENTION)).await.unwrap();
        });
    }
    tasks.join_all().await;
    let record = store.load(&Lookup::CallSid(sid(1)), at(RETENTION)).await.unwrap().unwrap();
    assert_eq!(record.observations.len(), 40);
}

/// The two were never one, so they do not end as one.
pub async fn a_second_call_under_one_of_our_ids_outlives_the_first(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    store.placed(&intent(1), &sid(2), &accepted(), &delivery(), at(10)).await.unwrap();
    assert_eq!(store.load(&Lookup::CallSid(sid(1)), at(RETENTION)).await.unwrap(), None);
    let second = store.load(&Lookup::CallSid(sid(2)), at(RETENTION)).await.unwrap().unwrap();
    assert_eq!(second.observations, [accepted()]);
    assert_eq!(store.recent(9, at(RETENTION)).await.unwrap(), [second]);
}
