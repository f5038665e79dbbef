//! The lives of many calls, shuffled and doubled, written by many at once and held against the fold.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared::call::{Call, CallRef, Fact, Observation};
use shared::store::{Lookup, Nonce, Store, StoreError};
use tokio::task::JoinSet;

use crate::calls::*;

/// One thing that happens to a store.
#[derive(Clone, Debug)]
struct Delivery {
    number: u32,
    by: CallRef,
    seen: Observation,
    nonce: Nonce,
    /// Its reply is lost, so it is sent again under the same nonce.
    is_lost: bool,
}

/// Deliveries of some calls, and what each call must show after them.
#[derive(Debug)]
pub struct Workload {
    calls: Vec<(u32, Vec<Observation>)>,
    deliveries: Vec<Delivery>,
}

/// What became of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many calls.
    pub calls: usize,
    /// How many writes were answered.
    pub deliveries: usize,
    /// Calls that show anything but the fold of all that was delivered.
    pub mismatches: usize,
    /// How often a write was told that it ended its call.
    pub transitions: usize,
    /// Writes that failed even when repeated.
    pub errors: usize,
    /// Errors after which a writer tried again.
    pub retries: usize,
    /// How long the writing took.
    pub wall: Duration,
}

/// How far the writers have come.
#[derive(Debug, Default)]
pub struct Progress {
    deliveries: AtomicUsize,
    retries: AtomicUsize,
}

impl Progress {
    /// Waits until so many deliveries more were answered.
    pub async fn deliveries(&self, more: usize) {
        grow(&self.deliveries, more).await;
    }

    /// Waits until so many errors more were met.
    pub async fn retries(&self, more: usize) {
        grow(&self.retries, more).await;
    }
}

async fn grow(counter: &AtomicUsize, more: usize) {
    let (aim, start) = (counter.load(Ordering::Relaxed) + more, Instant::now());
    while counter.load(Ordering::Relaxed) < aim {
        assert!(start.elapsed() < Duration::from_secs(30), "the writers do not get on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A linear congruential generator: the same seed, the same run.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// The whole life of call `number`; every fifth rang us, every seventh ended twice.
fn life(number: u32, has_two_ends: bool) -> Vec<Observation> {
    let mut life: Vec<Observation> =
        [("initiated", 0), ("ringing", 1), ("in-progress", 2), ("completed", 3)]
            .map(|(word, sequence)| status(word, sequence))
            .into();
    if has_two_ends {
        life.push(status("failed", 4));
    }
    life.extend([answered(), stream("stream-started"), stream("stream-stopped"), machine("human")]);
    life.extend([recording(number, "in-progress"), recording(number, "completed")]);
    if is_ours(number) {
        life.extend([intended(number), accepted()]);
    }
    life
}

fn intended(number: u32) -> Observation {
    Observation { at: at(0), fact: Fact::Intended(intent(number)) }
}

fn is_ours(number: u32) -> bool {
    number % 5 != 4
}

fn has_two_ends(number: u32) -> bool {
    number % 7 == 3
}

impl Workload {
    /// Calls `0..calls` with every event one to three times, in an order drawn by `seed`.
    #[must_use]
    pub fn new(calls: u32, seed: u64) -> Self {
        Self::drawn(calls, seed, has_two_ends)
    }

    /// The same where every call ends once. With two ends, one whose reply is lost may be overtaken
    /// by the other, and then neither is told that it ended the call: that only a lease heals.
    #[must_use]
    pub fn with_one_end(calls: u32, seed: u64) -> Self {
        Self::drawn(calls, seed, |_| false)
    }

    fn drawn(calls: u32, seed: u64, has_two_ends: fn(u32) -> bool) -> Self {
        let mut dice = Dice(seed);
        let mut workload = Self { calls: Vec::new(), deliveries: Vec::new() };
        for number in 0..calls {
            let life = life(number, has_two_ends(number));
            for seen in &life {
                for _ in 0..=dice.below(3) {
                    // One that is lost may not race with another end: see `with_one_end`.
                    let is_lost = !has_two_ends(number) && dice.below(10) == 0;
                    let by = reference(number, seen, dice.below(8) == 0);
                    workload.add(number, by, seen, is_lost);
                }
            }
            workload.calls.push((number, life));
        }
        dice.shuffle(&mut workload.deliveries);
        workload
    }

    /// Five events in each of their 120 orders, one call for each order, doubled at the end.
    #[must_use]
    pub fn permutations() -> Self {
        let set = [
            intended(0),
            status("ringing", 1),
            answered(),
            status("completed", 3),
            recording(1, "completed"),
        ];
        let mut workload = Self { calls: Vec::new(), deliveries: Vec::new() };
        for (number, order) in orders(set.len()).into_iter().enumerate() {
            // Every fifth: calls of ours, all of them.
            let number = u32::try_from(number).unwrap() * 5;
            let mut set = set.clone();
            set[0] = intended(number);
            for index in order.iter().chain(&order) {
                let by = reference(number, &set[*index], false);
                workload.add(number, by, &set[*index], false);
            }
            workload.calls.push((number, set.into()));
        }
        workload
    }

    fn add(&mut self, number: u32, by: CallRef, seen: &Observation, is_lost: bool) {
        let seen = seen.clone();
        self.deliveries.push(Delivery { number, by, seen, nonce: delivery(), is_lost });
    }

    /// Has `writers` deliver everything at once, and looks at every call afterwards.
    pub async fn run(self, stores: &[Arc<dyn Store>], writers: usize) -> Report {
        self.run_through(stores, writers, Duration::ZERO, async |_| ()).await
    }

    /// The same while `trouble` happens. Who gets an error tries again for so long, under the same
    /// nonce, as a client does that never saw the reply.
    pub async fn run_through(
        self,
        stores: &[Arc<dyn Store>],
        writers: usize,
        patience: Duration,
        trouble: impl AsyncFnOnce(&Progress),
    ) -> Report {
        let deliveries = self.deliveries.len();
        let queue = Arc::new(Mutex::new(VecDeque::from(self.deliveries)));
        let progress = Arc::new(Progress::default());
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            let store = Arc::clone(&stores[writer % stores.len()]);
            let (queue, progress) = (Arc::clone(&queue), Arc::clone(&progress));
            tasks.spawn(async move { write_all(&*store, &queue, patience, &progress).await });
        }
        trouble(&progress).await;
        let mut counts = Counts::default();
        for counted in tasks.join_all().await {
            counts.transitions += counted.transitions;
            counts.errors += counted.errors;
        }
        let wall = start.elapsed();
        let mut mismatches = 0;
        for (number, set) in &self.calls {
            mismatches += usize::from(!shows(&*stores[0], *number, set).await);
        }
        let calls = self.calls.len();
        let Counts { transitions, errors } = counts;
        let retries = progress.retries.load(Ordering::Relaxed);
        Report { calls, deliveries, mismatches, transitions, errors, retries, wall }
    }
}

fn reference(number: u32, seen: &Observation, is_unlinked: bool) -> CallRef {
    match &seen.fact {
        // Twilio's answer always comes with both names: without it nothing links the two.
        Fact::Status(event) if event.sequence.is_none() => linked(number),
        _ if is_unlinked || !is_ours(number) => unlinked(number),
        _ => linked(number),
    }
}

/// All orders of `0..size`.
fn orders(size: usize) -> Vec<Vec<usize>> {
    let Some(last) = size.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |shorter: Vec<usize>| {
        (0..size).map(move |place| {
            let mut order = shorter.clone();
            order.insert(place, last);
            order
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

/// What one writer saw.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    transitions: usize,
    errors: usize,
}

/// Takes deliveries off the queue until it is empty.
async fn write_all(
    store: &dyn Store,
    queue: &Mutex<VecDeque<Delivery>>,
    patience: Duration,
    progress: &Progress,
) -> Counts {
    let mut counts = Counts::default();
    loop {
        let next = queue.lock().unwrap().pop_front();
        let Some(delivery) = next else { return counts };
        if delivery.is_lost {
            let _ = write(store, &delivery).await;
        }
        let start = Instant::now();
        loop {
            match write(store, &delivery).await {
                Ok(has_ended) => counts.transitions += usize::from(has_ended),
                Err(_) if start.elapsed() < patience => {
                    progress.retries.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                Err(_) => counts.errors += 1,
            }
            break;
        }
        progress.deliveries.fetch_add(1, Ordering::Relaxed);
    }
}

async fn write(store: &dyn Store, delivery: &Delivery) -> Result<bool, StoreError> {
    let Delivery { number, by, seen, nonce, .. } = delivery;
    match &seen.fact {
        Fact::Intended(intent) => store.begin(intent, at(0)).await.map(|()| false),
        Fact::Answered(_) => {
            let twiml = format!("<Response>{number}</Response>");
            store.answer(by, &twiml, seen, at(0)).await.map(|()| false)
        }
        Fact::Status(event) if event.sequence.is_none() => {
            let intent = intent(*number);
            let observed = store.placed(&intent, &sid(*number), seen, nonce, at(0)).await?;
            Ok(observed.ended_the_call(seen))
        }
        _ => {
            let observed = store.observe(by, seen, nonce, at(0)).await?;
            Ok(observed.ended_the_call(seen))
        }
    }
}

/// How often a read that failed is tried again.
const READS: u32 = 5;

/// Whether the store shows exactly what the fold of the full set says, by every name.
async fn shows(store: &dyn Store, number: u32, set: &[Observation]) -> bool {
    let call_id = is_ours(number).then(|| our_id(number));
    let expected = Call::fold(call_id.clone(), Some(sid(number)), set);
    let mut names = vec![Lookup::CallSid(sid(number))];
    names.extend(call_id.map(Lookup::CallId));
    let mut keys: Vec<String> = set.iter().map(Observation::key).collect();
    keys.sort();
    for name in names {
        // A busy machine may let a read run out of time; what it shows is the question here.
        let mut read = store.load(&name, at(0)).await;
        for _ in 0..READS {
            if read.is_err() {
                read = store.load(&name, at(0)).await;
            }
        }
        let Ok(Some(record)) = read else { return false };
        let found: Vec<String> = record.observations.iter().map(Observation::key).collect();
        if record.fold() != expected || found != keys {
            return false;
        }
    }
    true
}
