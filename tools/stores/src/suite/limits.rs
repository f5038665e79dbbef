//! Limits on dialling, turned by the caller's clock.

use std::time::Duration;

use shared::store::{Nonce, Taken, Window};

use crate::Opened;
use crate::calls::*;

const HOUR: u64 = 3600;
/// A destination's: three an hour, and a minute between two.
const SPACED: Window =
    Window { limit: 3, length: Duration::from_secs(HOUR), spacing: Duration::from_secs(60) };

fn window(limit: u32) -> Window {
    Window { limit, length: Duration::from_secs(HOUR), spacing: Duration::ZERO }
}

fn no(free_at: u64) -> Taken {
    Taken::No { free_at: at(free_at) }
}

fn too_soon(free_at: u64) -> Taken {
    Taken::TooSoon { free_at: at(free_at) }
}

/// Not so many a clock hour: never more than the limit in any hour.
pub async fn a_window_rolls(store: &Opened) {
    let take = async |second| {
        store.take_window("client", window(2), &delivery(), at(second)).await.unwrap()
    };
    assert_eq!(take(0).await, Taken::Yes);
    assert_eq!(take(1800).await, Taken::Yes);
    assert_eq!(take(1801).await, no(HOUR));
    let last = store.take_window("client", window(2), &delivery(), just_before(HOUR)).await;
    assert_eq!(last.unwrap(), no(HOUR));
    assert_eq!(take(HOUR).await, Taken::Yes);
    assert_eq!(take(HOUR).await, no(1800 + HOUR));
    assert_eq!(take(1800 + HOUR).await, Taken::Yes);
    assert_eq!(take(1800 + HOUR).await, no(2 * HOUR));
}

/// A client that lost the reply asks again; another client has a window of its own.
pub async fn the_same_entry_takes_one_place(store: &Opened) {
    let [mine, other, third] = [1, 2, 3].map(|byte| Nonce::new([byte; 16]));
    for _ in 0..3 {
        let taken = store.take_window("client", window(2), &mine, at(0)).await.unwrap();
        assert_eq!(taken, Taken::Yes);
    }
    assert_eq!(store.take_window("client", window(2), &other, at(1)).await.unwrap(), Taken::Yes);
    assert_eq!(store.take_window("client", window(2), &third, at(2)).await.unwrap(), no(HOUR));
    assert_eq!(store.take_window("client", window(2), &mine, at(2)).await.unwrap(), Taken::Yes);
    assert_eq!(store.take_window("else", window(2), &third, at(2)).await.unwrap(), Taken::Yes);
    // A refusal takes no place: a flood does not keep the window shut.
    assert_eq!(store.take_window("client", window(2), &third, at(HOUR)).await.unwrap(), Taken::Yes);
}

/// A window may be wide, and may shrink when the setting does.
pub async fn a_window_may_be_wide_and_may_shrink(store: &Opened) {
    for _ in 0..40 {
        let taken = store.take_window("client", window(40), &delivery(), at(0)).await.unwrap();
        assert_eq!(taken, Taken::Yes);
    }
    for limit in [40, 3, 1] {
        let taken = store.take_window("client", window(limit), &delivery(), at(9)).await.unwrap();
        assert_eq!(taken, no(HOUR), "limit {limit}");
    }
    let taken = store.take_window("client", window(3), &delivery(), at(HOUR)).await.unwrap();
    assert_eq!(taken, Taken::Yes);
}

/// One dial to a destination at a time, and whoever asks again may.
pub async fn a_cooldown_is_its_entrys_until_its_very_end(store: &Opened) {
    let [mine, other] = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    let take = async |entry, now| store.take_window("to", SPACED, entry, now).await.unwrap();
    assert_eq!(take(&mine, at(0)).await, Taken::Yes);
    assert_eq!(take(&mine, at(0)).await, Taken::Yes);
    assert_eq!(take(&other, at(0)).await, too_soon(60));
    assert_eq!(take(&other, just_before(60)).await, too_soon(60));
    let elsewhere = store.take_window("elsewhere", SPACED, &other, at(0)).await.unwrap();
    assert_eq!(elsewhere, Taken::Yes);
    assert_eq!(take(&other, at(60)).await, Taken::Yes);
    let third = Nonce::new([3; 16]);
    assert_eq!(take(&third, at(60)).await, too_soon(120));
    assert_eq!(take(&mine, at(60)).await, Taken::Yes, "mine has its place");
}

/// Whichever of the two lasts longer says when to come again.
pub async fn a_full_window_is_full_also_while_it_cools_down(store: &Opened) {
    let take =
        async |second| store.take_window("to", SPACED, &delivery(), at(second)).await.unwrap();
    for second in [0, 60, 3590] {
        assert_eq!(take(second).await, Taken::Yes);
    }
    assert_eq!(take(3591).await, no(3650));
    assert_eq!(take(HOUR).await, too_soon(3650));
    assert_eq!(take(3650).await, Taken::Yes);
    assert_eq!(take(3651).await, no(3710));
    assert_eq!(take(3655).await, no(3710));
}

/// The dial came to nothing: it gives its place and its cool-down back, and nobody else's.
pub async fn only_its_own_place_is_given_back(store: &Opened) {
    let [mine, other, third] = [1, 2, 3].map(|byte| Nonce::new([byte; 16]));
    let take =
        async |entry, second| store.take_window("to", SPACED, entry, at(second)).await.unwrap();
    let back = async |entry| store.give_window_back("to", SPACED, entry).await.unwrap();
    back(&mine).await;
    assert_eq!(take(&mine, 0).await, Taken::Yes);
    back(&other).await;
    assert_eq!(take(&other, 1).await, too_soon(60));
    back(&mine).await;
    back(&mine).await;
    assert_eq!(take(&other, 1).await, Taken::Yes);
    back(&mine).await;
    assert_eq!(take(&mine, 2).await, too_soon(61));
    assert_eq!(take(&mine, 61).await, Taken::Yes);
    // An older place is given back without the newer one's cool-down.
    back(&other).await;
    assert_eq!(take(&third, 62).await, too_soon(121));
    let [fourth, fifth] = [4, 5].map(|byte| Nonce::new([byte; 16]));
    assert_eq!((take(&fourth, 121).await, take(&fifth, 181).await), (Taken::Yes, Taken::Yes));
    assert_eq!(take(&third, 300).await, no(61 + HOUR));
}

/// Slot of call `call` of `limit`, leased until `end`.
async fn slot(store: &Opened, call: u32, limit: u32, end: u64, second: u64) -> Taken {
    store.take_slot(&our_id(call), limit, at(end), at(second)).await.unwrap()
}

/// The same call asks again and keeps its slot.
pub async fn a_call_takes_one_slot_however_often_it_asks(store: &Opened) {
    for _ in 0..3 {
        assert_eq!(slot(store, 1, 2, 900, 0).await, Taken::Yes);
    }
    assert_eq!(slot(store, 2, 2, 800, 0).await, Taken::Yes);
    assert_eq!(slot(store, 3, 2, 900, 1).await, no(800));
    assert_eq!(slot(store, 1, 2, 900, 1).await, Taken::Yes);
}

/// Every callback of the end may free it.
pub async fn a_slot_freed_thrice_is_one_slot(store: &Opened) {
    for call in 1..=3 {
        assert_eq!(slot(store, call, 3, 900, 0).await, Taken::Yes);
    }
    for _ in 0..3 {
        store.free_slot(&our_id(1)).await.unwrap();
        store.free_slot(&our_id(99)).await.unwrap();
    }
    assert_eq!(slot(store, 4, 3, 900, 0).await, Taken::Yes);
    assert_eq!(slot(store, 5, 3, 900, 0).await, no(900));
}

/// Callbacks are best effort: a lost one must not block for ever.
pub async fn a_slot_never_freed_is_free_when_its_lease_ends(store: &Opened) {
    for call in 1..=3 {
        assert_eq!(slot(store, call, 3, 900, 0).await, Taken::Yes);
    }
    let last = store.take_slot(&our_id(4), 3, at(1900), just_before(900)).await.unwrap();
    assert_eq!(last, no(900));
    for call in 4..=6 {
        assert_eq!(slot(store, call, 3, 1900, 900).await, Taken::Yes, "call {call}");
    }
    assert_eq!(slot(store, 7, 3, 1900, 900).await, no(1900));
}

/// A callback that comes after its lease has ended frees nobody else's slot.
pub async fn a_slot_freed_after_its_lease_frees_no_other(store: &Opened) {
    assert_eq!(slot(store, 1, 1, 900, 0).await, Taken::Yes);
    assert_eq!(slot(store, 2, 1, 1900, 900).await, Taken::Yes);
    store.free_slot(&our_id(1)).await.unwrap();
    assert_eq!(slot(store, 3, 1, 1900, 901).await, no(1900));
    store.free_slot(&our_id(2)).await.unwrap();
    assert_eq!(slot(store, 3, 1, 1900, 902).await, Taken::Yes);
}

/// A counter ends with its day and starts again.
pub async fn a_counter_stops_at_its_limit_and_is_forgotten_at_its_end(store: &Opened) {
    let take = async |name, second, end| store.count(name, 3, at(end), at(second)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(take("day", 0, DAY).await, Taken::Yes);
    }
    assert_eq!(take("day", 1, DAY).await, no(DAY));
    let last = store.count("day", 3, at(DAY), just_before(DAY)).await.unwrap();
    assert_eq!(last, no(DAY));
    assert_eq!(take("another day", 1, DAY).await, Taken::Yes);
    for _ in 0..3 {
        assert_eq!(take("day", DAY, 2 * DAY).await, Taken::Yes);
    }
    assert_eq!(take("day", DAY, 2 * DAY).await, no(2 * DAY));
}
