//! Rolling windows and their cool-downs, turned by the caller's clock.

use std::time::Duration;

use shared::store::{Admission, Nonce, Window};

use crate::Opened;
use crate::calls::*;

const HOUR: u64 = 3600;
/// A destination's: three an hour, and a minute between two.
const SPACED: Window =
    Window { limit: 3, length: Duration::from_secs(HOUR), spacing: Duration::from_secs(60) };

fn window(limit: u32) -> Window {
    Window { limit, length: Duration::from_secs(HOUR), spacing: Duration::ZERO }
}

fn no(free_at: u64) -> Admission {
    Admission::Full { free_at: at(free_at) }
}

fn too_soon(free_at: u64) -> Admission {
    Admission::CoolingDown { free_at: at(free_at) }
}

/// Not so many a clock hour: never more than the limit in any hour.
pub async fn a_window_rolls(store: &Opened) {
    let take = async |second| {
        store.acquire_window("client", window(2), &delivery(), at(second)).await.unwrap()
    };
    assert_eq!(take(0).await, Admission::Granted);
    assert_eq!(take(1800).await, Admission::Granted);
    assert_eq!(take(1801).await, no(HOUR));
    let last = store.acquire_window("client", window(2), &delivery(), just_before(HOUR)).await;
    assert_eq!(last.unwrap(), no(HOUR));
    assert_eq!(take(HOUR).await, Admission::Granted);
    assert_eq!(take(HOUR).await, no(1800 + HOUR));
    assert_eq!(take(1800 + HOUR).await, Admission::Granted);
    assert_eq!(take(1800 + HOUR).await, no(2 * HOUR));
}

/// A client that lost the reply asks again; another client has a window of its own.
pub async fn the_same_entry_takes_one_place(store: &Opened) {
    let [mine, other, third] = [1, 2, 3].map(|byte| Nonce::new([byte; 16]));
    for _ in 0..3 {
        let taken = store.acquire_window("client", window(2), &mine, at(0)).await.unwrap();
        assert_eq!(taken, Admission::Granted);
    }
    assert_eq!(
        store.acquire_window("client", window(2), &other, at(1)).await.unwrap(),
        Admission::Granted
    );
    assert_eq!(store.acquire_window("client", window(2), &third, at(2)).await.unwrap(), no(HOUR));
    assert_eq!(
        store.acquire_window("client", window(2), &mine, at(2)).await.unwrap(),
        Admission::Granted
    );
    assert_eq!(
        store.acquire_window("else", window(2), &third, at(2)).await.unwrap(),
        Admission::Granted
    );
    // A refusal takes no place: a flood does not keep the window shut.
    assert_eq!(
        store.acquire_window("client", window(2), &third, at(HOUR)).await.unwrap(),
        Admission::Granted
    );
}

/// A window may be wide, and may shrink when the setting does.
pub async fn a_window_may_be_wide_and_may_shrink(store: &Opened) {
    for _ in 0..40 {
        let taken = store.acquire_window("client", window(40), &delivery(), at(0)).await.unwrap();
        assert_eq!(taken, Admission::Granted);
    }
    for limit in [40, 3, 1] {
        let taken =
            store.acquire_window("client", window(limit), &delivery(), at(9)).await.unwrap();
        assert_eq!(taken, no(HOUR), "limit {limit}");
    }
    let taken = store.acquire_window("client", window(3), &delivery(), at(HOUR)).await.unwrap();
    assert_eq!(taken, Admission::Granted);
}

/// One dial to a destination at a time, and the same entry may ask again.
pub async fn a_cooldown_is_its_entrys_until_its_very_end(store: &Opened) {
    let [mine, other] = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    let take = async |entry, now| store.acquire_window("to", SPACED, entry, now).await.unwrap();
    assert_eq!(take(&mine, at(0)).await, Admission::Granted);
    assert_eq!(take(&mine, at(0)).await, Admission::Granted);
    assert_eq!(take(&other, at(0)).await, too_soon(60));
    assert_eq!(take(&other, just_before(60)).await, too_soon(60));
    let elsewhere = store.acquire_window("elsewhere", SPACED, &other, at(0)).await.unwrap();
    assert_eq!(elsewhere, Admission::Granted);
    assert_eq!(take(&other, at(60)).await, Admission::Granted);
    let third = Nonce::new([3; 16]);
    assert_eq!(take(&third, at(60)).await, too_soon(120));
    assert_eq!(take(&mine, at(60)).await, Admission::Granted, "mine has its place");
}

/// Whichever of the two lasts longer says when to come again.
pub async fn a_full_window_is_full_also_while_it_cools_down(store: &Opened) {
    let take =
        async |second| store.acquire_window("to", SPACED, &delivery(), at(second)).await.unwrap();
    for second in [0, 60, 3590] {
        assert_eq!(take(second).await, Admission::Granted);
    }
    assert_eq!(take(3591).await, no(3650));
    assert_eq!(take(HOUR).await, too_soon(3650));
    assert_eq!(take(3650).await, Admission::Granted);
    assert_eq!(take(3651).await, no(3710));
    assert_eq!(take(3655).await, no(3710));
}

/// The dial came to nothing: it gives its place and its cool-down back, and no other entry's.
pub async fn only_its_own_place_is_given_back(store: &Opened) {
    let [mine, other, third] = [1, 2, 3].map(|byte| Nonce::new([byte; 16]));
    let take =
        async |entry, second| store.acquire_window("to", SPACED, entry, at(second)).await.unwrap();
    let back = async |entry| store.release_window("to", SPACED, entry).await.unwrap();
    back(&mine).await;
    assert_eq!(take(&mine, 0).await, Admission::Granted);
    back(&other).await;
    assert_eq!(take(&other, 1).await, too_soon(60));
    back(&mine).await;
    back(&mine).await;
    assert_eq!(take(&other, 1).await, Admission::Granted);
    back(&mine).await;
    assert_eq!(take(&mine, 2).await, too_soon(61));
    assert_eq!(take(&mine, 61).await, Admission::Granted);
    // An older place is given back without the newer one's cool-down.
    back(&other).await;
    assert_eq!(take(&third, 62).await, too_soon(121));
    let [fourth, fifth] = [4, 5].map(|byte| Nonce::new([byte; 16]));
    assert_eq!(
        (take(&fourth, 121).await, take(&fifth, 181).await),
        (Admission::Granted, Admission::Granted)
    );
    assert_eq!(take(&third, 300).await, no(61 + HOUR));
}

/// Its place is where it was, and the one that became free meanwhile is another entry's.
pub async fn an_entry_that_asks_again_later_takes_no_second_place(store: &Opened) {
    // Several clients: a store may tell places apart by their entries' names.
    for client in 1..=8 {
        let name = format!("client {client}");
        let take = async |entry, second| {
            store
                .acquire_window(&name, window(2), &Nonce::new([entry; 16]), at(second))
                .await
                .unwrap()
        };
        assert_eq!(take(0, 0).await, Admission::Granted);
        assert_eq!(take(client, 1800).await, Admission::Granted);
        assert_eq!(take(client, HOUR).await, Admission::Granted, "again");
        assert_eq!(take(100, HOUR).await, Admission::Granted, "{name}");
        assert_eq!(take(101, HOUR).await, no(1800 + HOUR), "{name}");
    }
}

/// Its cool-down with it, and no other entry's place.
pub async fn a_place_is_given_back_wherever_it_is(store: &Opened) {
    // As above: some find the place taken that they would have had.
    for client in 1..=8 {
        let name = format!("client {client}");
        let take = async |entry, second| {
            store.acquire_window(&name, SPACED, &Nonce::new([entry; 16]), at(second)).await.unwrap()
        };
        assert_eq!(
            (take(0, 0).await, take(client, 60).await),
            (Admission::Granted, Admission::Granted)
        );
        store.release_window(&name, SPACED, &Nonce::new([client; 16])).await.unwrap();
        assert_eq!(take(100, 61).await, Admission::Granted, "{name}");
        assert_eq!(take(101, 121).await, Admission::Granted, "{name}");
        assert_eq!(take(102, 181).await, no(HOUR), "{name}");
    }
}

/// A call may end after an update of the settings that lowered the limit.
pub async fn a_place_is_given_back_under_a_lower_limit_than_it_was_taken_under(store: &Opened) {
    let entries: Vec<Nonce> = (1..=8).map(|byte| Nonce::new([byte; 16])).collect();
    for entry in &entries {
        let taken = store.acquire_window("calls", window(8), entry, at(0)).await.unwrap();
        assert_eq!(taken, Admission::Granted);
    }
    for entry in &entries {
        store.release_window("calls", window(1), entry).await.unwrap();
    }
    for _ in 0..8 {
        let taken = store.acquire_window("calls", window(8), &delivery(), at(1)).await.unwrap();
        assert_eq!(taken, Admission::Granted);
    }
}
