//! Slots, turned by the caller's clock.

use shared::store::Admission;

use crate::Opened;
use crate::calls::*;

fn no(free_at: u64) -> Admission {
    Admission::Full { free_at: at(free_at) }
}

/// Slot of call `call` of `limit`, leased until `end`.
async fn slot(store: &Opened, call: u32, limit: u32, end: u64, second: u64) -> Admission {
    store.acquire_slot(&our_id(call), limit, at(end), at(second)).await.unwrap()
}

/// The same call asks again and keeps its slot.
pub async fn a_call_takes_one_slot_however_often_it_asks(store: &Opened) {
    for _ in 0..3 {
        assert_eq!(slot(store, 1, 2, 900, 0).await, Admission::Granted);
    }
    assert_eq!(slot(store, 2, 2, 800, 0).await, Admission::Granted);
    assert_eq!(slot(store, 3, 2, 900, 1).await, no(800));
    assert_eq!(slot(store, 1, 2, 900, 1).await, Admission::Granted);
}

/// Every callback of the end may free it.
pub async fn a_slot_freed_thrice_is_one_slot(store: &Opened) {
    for call in 1..=3 {
        assert_eq!(slot(store, call, 3, 900, 0).await, Admission::Granted);
    }
    for _ in 0..3 {
        store.release_slot(&our_id(1)).await.unwrap();
        store.release_slot(&our_id(99)).await.unwrap();
    }
    assert_eq!(slot(store, 4, 3, 900, 0).await, Admission::Granted);
    assert_eq!(slot(store, 5, 3, 900, 0).await, no(900));
}

/// Callbacks are best effort: a lost one must not block for ever.
pub async fn a_slot_never_freed_is_free_when_its_lease_ends(store: &Opened) {
    for call in 1..=3 {
        assert_eq!(slot(store, call, 3, 900, 0).await, Admission::Granted);
    }
    let last = store.acquire_slot(&our_id(4), 3, at(1900), just_before(900)).await.unwrap();
    assert_eq!(last, no(900));
    for call in 4..=6 {
        assert_eq!(slot(store, call, 3, 1900, 900).await, Admission::Granted, "call {call}");
    }
    assert_eq!(slot(store, 7, 3, 1900, 900).await, no(1900));
}

/// A callback that comes after its lease has ended frees no other call's slot.
pub async fn a_slot_freed_after_its_lease_frees_no_other(store: &Opened) {
    assert_eq!(slot(store, 1, 1, 900, 0).await, Admission::Granted);
    assert_eq!(slot(store, 2, 1, 1900, 900).await, Admission::Granted);
    store.release_slot(&our_id(1)).await.unwrap();
    assert_eq!(slot(store, 3, 1, 1900, 901).await, no(1900));
    store.release_slot(&our_id(2)).await.unwrap();
    assert_eq!(slot(store, 3, 1, 1900, 902).await, Admission::Granted);
}

/// A call's old lease is in no request's way, least of all its own.
pub async fn a_call_whose_lease_has_ended_may_ask_again(store: &Opened) {
    assert_eq!(slot(store, 1, 3, 900, 0).await, Admission::Granted);
    assert_eq!(slot(store, 1, 3, 1900, 900).await, Admission::Granted);
    for call in 2..=3 {
        assert_eq!(slot(store, call, 3, 1900, 900).await, Admission::Granted, "call {call}");
    }
    assert_eq!(slot(store, 4, 3, 1900, 900).await, no(1900));
}
