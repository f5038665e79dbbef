//! Rolling days, turned by the caller's clock. Noon, where the tests begin, is where an hour begins.

use shared::call::Timestamp;
use shared::store::{Admission, DAY_ENTRY_KEPT, Nonce};

use crate::Opened;
use crate::calls::*;

const HOUR: u64 = 3600;

fn no(free_at: u64) -> Admission {
    Admission::Full { free_at: at(free_at) }
}

fn entry(number: u8) -> Nonce {
    Nonce::new([number; 16])
}

/// One more dial, of its own.
async fn take(store: &Opened, limit: u32, second: u64) -> Admission {
    store.acquire_day("day", limit, &delivery(), at(second)).await.unwrap()
}

/// Not so many until midnight: never more than the limit in any 24 hours, and again an hour later at
/// most.
pub async fn a_day_is_any_24_hours(store: &Opened) {
    for second in [HOUR / 2, 5 * HOUR, 23 * HOUR] {
        assert_eq!(take(store, 3, second).await, Admission::Granted);
    }
    for second in [23 * HOUR, 24 * HOUR, 25 * HOUR - 1] {
        assert_eq!(take(store, 3, second).await, no(25 * HOUR), "{second}");
    }
    let last = store.acquire_day("day", 3, &delivery(), just_before(25 * HOUR)).await.unwrap();
    assert_eq!(last, no(25 * HOUR));
    assert_eq!(take(store, 3, 25 * HOUR).await, Admission::Granted);
    assert_eq!(take(store, 3, 25 * HOUR).await, no(30 * HOUR));
    assert_eq!(
        store.acquire_day("else", 3, &delivery(), at(25 * HOUR)).await.unwrap(),
        Admission::Granted
    );
}

/// Whatever was taken when, a dial at the time that a refusal names gets in.
pub async fn a_refusal_names_a_time_at_which_asking_again_succeeds(store: &Opened) {
    // The limit may be lowered: then more than one hour must be over.
    for limit in [6, 5, 2, 1] {
        let name = format!("day of {limit}");
        let ask =
            async |limit, now| store.acquire_day(&name, limit, &delivery(), now).await.unwrap();
        for number in 0..6 {
            assert_eq!(ask(6, at(number * 1000)).await, Admission::Granted);
        }
        let Admission::Full { free_at } = ask(limit, at(6000)).await else {
            panic!("limit {limit}")
        };
        let before = Timestamp::from_millis(free_at.as_millis() - 1);
        assert_eq!(ask(limit, before).await, Admission::Full { free_at }, "limit {limit}");
        assert_eq!(ask(limit, free_at).await, Admission::Granted, "limit {limit}");
    }
}

/// A client that lost the reply asks again.
pub async fn the_same_entry_takes_one_place_of_the_day(store: &Opened) {
    let ask = async |number, second| {
        store.acquire_day("day", 2, &entry(number), at(second)).await.unwrap()
    };
    for second in [0, 0, 1, 15] {
        assert_eq!(ask(1, second).await, Admission::Granted);
    }
    assert_eq!((ask(2, 15).await, ask(3, 15).await), (Admission::Granted, no(25 * HOUR)));
    assert_eq!(
        (ask(1, 16).await, ask(2, 16).await),
        (Admission::Granted, Admission::Granted),
        "they have places"
    );
    assert_eq!(ask(3, 16).await, no(25 * HOUR));
}

/// The dials came to nothing: their places are free at once, and no others.
pub async fn a_place_of_the_day_is_given_back_once(store: &Opened) {
    let ask = async |number| store.acquire_day("day", 3, &entry(number), at(10)).await.unwrap();
    let back = async |number| store.release_day("day", &entry(number), at(20)).await.unwrap();
    back(1).await;
    assert_eq!(
        (ask(1).await, ask(2).await, ask(3).await),
        (Admission::Granted, Admission::Granted, Admission::Granted)
    );
    back(9).await;
    assert_eq!(ask(4).await, no(25 * HOUR));
    for _ in 0..3 {
        back(1).await;
    }
    assert_eq!((ask(4).await, ask(5).await), (Admission::Granted, no(25 * HOUR)));
    for number in [2, 3, 4] {
        back(number).await;
    }
    assert_eq!(
        (ask(5).await, ask(6).await, ask(7).await),
        (Admission::Granted, Admission::Granted, Admission::Granted)
    );
    assert_eq!(ask(8).await, no(25 * HOUR));
}

/// A dial across the hour, or by a clock that was set back meanwhile.
pub async fn a_place_is_given_back_to_the_hour_in_which_it_was_taken(store: &Opened) {
    for (name, taken, given) in [("on", HOUR - 1, HOUR + 10), ("back", HOUR, HOUR - 30)] {
        let mine = delivery();
        let ask = async |entry: &Nonce, second| {
            store.acquire_day(name, 1, entry, at(second)).await.unwrap()
        };
        assert_eq!(ask(&mine, taken).await, Admission::Granted);
        store.release_day(name, &mine, at(given)).await.unwrap();
        assert_eq!(ask(&delivery(), 2 * HOUR).await, Admission::Granted, "{name}");
        assert_eq!(ask(&delivery(), 2 * HOUR).await, no(27 * HOUR), "{name}");
        assert_eq!(ask(&delivery(), 27 * HOUR).await, Admission::Granted, "{name}");
    }
}

/// What is not remembered any more may count too much, never too little.
pub async fn an_entry_that_was_forgotten_gives_nothing_back(store: &Opened) {
    let kept = DAY_ENTRY_KEPT.as_secs();
    let forgotten = entry(1);
    assert_eq!(store.acquire_day("day", 40, &forgotten, at(0)).await.unwrap(), Admission::Granted);
    for number in 0..39 {
        assert_eq!(take(store, 40, 2 * kept + number).await, Admission::Granted);
    }
    for _ in 0..3 {
        store.release_day("day", &forgotten, at(3 * kept)).await.unwrap();
    }
    // At most the one place that it had.
    let more = [take(store, 40, 3 * kept).await, take(store, 40, 3 * kept).await];
    assert!(more.contains(&no(25 * HOUR)), "{more:?}");
}

/// Every hour one dial, for days: what is over is dropped, and nothing else.
pub async fn a_day_goes_on_for_days(store: &Opened) {
    for hour in 0..60 {
        assert_eq!(take(store, 25, hour * HOUR).await, Admission::Granted, "hour {hour}");
        if hour >= 24 {
            assert_eq!(
                take(store, 25, hour * HOUR + 1).await,
                no((hour + 1) * HOUR),
                "hour {hour}"
            );
        }
    }
}

/// Ten million, and not one row for each.
pub async fn a_day_may_be_wide(store: &Opened) {
    for second in 0..50 {
        assert_eq!(take(store, 10_000_000, second).await, Admission::Granted);
    }
    assert_eq!(take(store, 50, 60).await, no(25 * HOUR));
    assert_eq!(take(store, 51, 60).await, Admission::Granted);
}
