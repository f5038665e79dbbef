//! A thousand at once, through two instances: exactly as many pass as may.

use std::sync::Arc;
use std::time::Duration;

use shared::store::keys::claim;
use shared::store::{Admission, Claim, KeyState, Nonce, Store, Window};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Opened;
use crate::calls::*;
use crate::suite::keys::request;

/// Has the whole crowd ask at once and gives all answers.
async fn rush<T, F>(store: &Opened, ask: impl Fn(Arc<dyn Store>, u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    rush_of(store.crowd(), store, ask).await
}

/// One crowd at a time: two would only measure the machine.
static GATE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn rush_of<T, F>(size: u32, store: &Opened, ask: impl Fn(Arc<dyn Store>, u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let _alone = GATE.lock().await;
    let turns = Arc::new(Semaphore::new(store.at_once().min(Semaphore::MAX_PERMITS)));
    let mut tasks = JoinSet::new();
    for number in 0..size {
        let (turns, asked) = (Arc::clone(&turns), ask(store.instance(number as usize), number));
        tasks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            asked.await
        });
    }
    tasks.join_all().await
}

fn passed(answers: &[Admission]) -> usize {
    answers.iter().filter(|taken| **taken == Admission::Granted).count()
}

/// Exactly N, none in the rest of the window, exactly N again after it.
pub async fn of_a_thousand_at_once_exactly_the_limit_passes_the_window(store: &Opened) {
    let (length, spacing) = (Duration::from_secs(3600), Duration::ZERO);
    let window = Window { limit: 10, length, spacing };
    let moments = [(at(0), 10), (at(1800), 0), (just_before(3600), 0), (at(3600), 10)];
    for (number, (now, expected)) in moments.into_iter().enumerate() {
        // The thousand twice; in between a hundred are enough to see that none passes.
        let size = if expected == 0 { 100 } else { store.crowd() };
        let answers = rush_of(size, store, move |store, _| async move {
            store.acquire_window("client", window, &delivery(), now).await.unwrap()
        })
        .await;
        assert_eq!(passed(&answers), expected, "moment {number}");
        let end = if number < 3 { at(3600) } else { at(7200) };
        assert!(answers.contains(&Admission::Full { free_at: end }));
    }
}

/// Identical dials: one rings.
pub async fn of_a_thousand_identical_dials_at_once_exactly_one_dials(store: &Opened) {
    let states = rush(store, |store, number| async move {
        let mut mine = request("key", 0);
        mine.owner = Nonce::new(u128::from(number).to_be_bytes());
        mine.call_id = our_id(number);
        claim(&*store, &mine, at(0)).await.unwrap()
    })
    .await;
    let dials = states.iter().filter(|state| **state == KeyState::Claimed).count();
    let waits = states.iter().filter(|state| matches!(state, KeyState::InFlight { .. })).count();
    assert_eq!((dials, waits), (1, store.crowd() as usize - 1));
}

/// Slots are counted once, and none that has ended blocks.
pub async fn of_a_thousand_at_once_exactly_as_many_as_slots_pass(store: &Opened) {
    for (size, first, second, end) in [(store.crowd(), 0, 0, 900), (100, 5_000, 900, 1800)] {
        let answers = rush_of(size, store, move |store, number| async move {
            store.acquire_slot(&our_id(first + number), 10, at(end), at(second)).await.unwrap()
        })
        .await;
        assert_eq!(passed(&answers), 10, "at {second}");
    }
}

/// The daily limit: exactly N, given back at once exactly N again, and exactly N again the day after.
pub async fn of_a_thousand_at_once_exactly_the_limit_passes_the_day(store: &Opened) {
    for (round, second) in [(0, 10), (1, 30), (2, 30), (3, 26 * 3600)] {
        let answers = rush(store, move |store, number| async move {
            let mine = Nonce::new((u128::from(round * 10_000 + number) << 64).to_be_bytes());
            let taken = store.acquire_day("day", 100, &mine, at(second)).await.unwrap();
            (mine, taken)
        })
        .await;
        let (passed, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, taken)| *taken == Admission::Granted);
        let expected = if round == 2 { 0 } else { 100 };
        assert_eq!(passed.len(), expected, "round {round}");
        assert!(refused.iter().all(|(_, taken)| matches!(taken, Admission::Full { .. })));
        if round == 0 {
            let passed = Arc::new(passed);
            rush_of(100, store, move |store, number| {
                let passed = Arc::clone(&passed);
                async move {
                    let (mine, _) = &passed[number as usize];
                    store.release_day("day", mine, at(second)).await.unwrap();
                }
            })
            .await;
        }
    }
}

/// One destination, one dial.
pub async fn of_a_thousand_at_once_exactly_one_starts_the_cooldown(store: &Opened) {
    let answers = rush(store, |store, _| async move {
        let (length, spacing) = (Duration::from_secs(DAY), Duration::from_secs(60));
        let window = Window { limit: 5, length, spacing };
        store.acquire_window("to", window, &delivery(), at(0)).await.unwrap()
    })
    .await;
    assert_eq!(passed(&answers), 1);
}

/// One conversation is registered.
pub async fn of_sixty_voice_webhooks_at_once_exactly_one_is_first(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    let mut claims = rush_of(60, store, |store, number| async move {
        let nonce = Nonce::new(u128::from(number).to_be_bytes());
        store.claim(&linked(1), &nonce, at(0)).await.unwrap()
    })
    .await;
    claims.retain(|claim| *claim != Claim::Pending);
    let [Claim::First(record)] = claims.as_slice() else { panic!("{claims:?}") };
    assert_eq!(record.intent(), Some(&intent(1)));
}

/// The end of one call, told by two hundred at once.
pub async fn of_two_hundred_that_tell_of_the_end_exactly_one_ends_the_call(store: &Opened) {
    let ended = rush_of(200, store, |store, number| async move {
        let end = [status("completed", 3), status("failed", 4)][number as usize % 2].clone();
        store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap().ended_the_call(&end)
    })
    .await;
    assert_eq!(ended.into_iter().filter(|ended| *ended).count(), 1);
}
