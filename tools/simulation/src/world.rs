//! What everybody in a schedule shares: the dice, the time, the store, the log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::call::Timestamp;
use shared::ports::{Clock, Random};
use tokio::time::{Instant, sleep};

use crate::adapter::Adapter;
use crate::bugs::Bug;
use crate::dice::Dice;
use crate::judged::Judged;
use crate::ledger::Ledger;
use crate::model::Model;
use crate::plan::Plan;

/// How often each thing happened.
pub type Figures = BTreeMap<String, u64>;

/// What came of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every promise that was broken: empty is the whole point.
    pub violations: Vec<String>,
    /// What happened, in numbers.
    pub figures: Figures,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
}

/// One schedule's world.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) bug: Option<Bug>,
    pub(crate) store: Arc<dyn Judged>,
    /// The same, if it is the model.
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) ledger: Mutex<Ledger>,
    dice: Mutex<Dice>,
    start: Instant,
    /// Nothing goes wrong any more.
    is_calm: AtomicBool,
    /// Until when the store is down, milliseconds since the start.
    outage_end: AtomicU64,
    /// The smallest and the largest error any clock had, milliseconds.
    errors: [AtomicI64; 2],
    verdict: Mutex<Verdict>,
    is_traced: bool,
}

/// What stands behind a lock, whoever panicked with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(
        seed: u64,
        bug: Option<Bug>,
        is_traced: bool,
        adapter: Option<&Adapter>,
    ) -> Arc<Self> {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::new(&mut dice);
        if adapter.is_some() {
            // A real server shows no old states, and what has expired shows no faults.
            (plan.is_stale, plan.retention_days) = (false, 30);
        }
        let model = Arc::new(Model::new(plan.retention_days, plan.is_stale));
        let store: Arc<dyn Judged> = match adapter {
            Some(adapter) => adapter.open(plan.retention_days, seed),
            None => Arc::clone(&model) as Arc<dyn Judged>,
        };
        let world = Self {
            bug,
            store,
            model: adapter.is_none().then_some(model),
            ledger: Mutex::default(),
            dice: Mutex::new(dice),
            start: Instant::now(),
            is_calm: AtomicBool::new(false),
            outage_end: AtomicU64::new(0),
            errors: [AtomicI64::new(0), AtomicI64::new(0)],
            verdict: Mutex::default(),
            is_traced,
            plan,
        };
        world.trace(|| format!("{:?}", world.plan));
        Arc::new(world)
    }

    /// Throws the dice.
    pub(crate) fn throw<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut lock(&self.dice))
    }

    /// Whether something that happens so many times of a thousand happens now: never in calm times.
    pub(crate) fn strikes(&self, per_mille: u64) -> bool {
        !self.is_calm() && self.throw(|dice| dice.chance(per_mille))
    }

    /// Waits from `low` to `high` milliseconds.
    pub(crate) async fn pause(&self, low: u64, high: u64) {
        let pause = self.throw(|dice| dice.between(low, high));
        if pause > 0 {
            sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Milliseconds since the schedule began.
    pub(crate) fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The true time.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.plan.begins_at.saturating_add(elapsed))
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
        self.outage_end.store(0, Ordering::Relaxed);
        self.store.calm_down();
        self.trace(|| "everything calms down".to_owned());
    }

    /// The store is down for so long.
    pub(crate) fn outage(&self, millis: u64) {
        self.count("fault: store outage");
        self.trace(|| format!("the store is down for {millis} ms"));
        self.outage_end.store(self.elapsed() + millis, Ordering::Relaxed);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.elapsed() < self.outage_end.load(Ordering::Relaxed)
    }

    /// The smallest and the largest error any clock had so far, milliseconds; never beyond the truth.
    pub(crate) fn clock_errors(&self) -> [i64; 2] {
        self.errors.each_ref().map(|error| error.load(Ordering::Relaxed))
    }

    /// How far apart two of the functions' clocks can have been at most, milliseconds.
    pub(crate) fn spread(&self) -> i64 {
        let [slow, fast] = self.clock_errors();
        fast - slow
    }

    /// Something happened that is worth a number.
    pub(crate) fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&self, what: &str, number: u64) {
        let figures = &mut lock(&self.verdict).figures;
        if let Some(figure) = figures.get_mut(what) {
            *figure += number;
        } else {
            figures.insert(what.to_owned(), number);
        }
    }

    /// A promise was broken.
    pub(crate) fn violation(&self, what: impl fmt::Display) {
        self.trace(|| format!("VIOLATION: {what}"));
        let violations = &mut lock(&self.verdict).violations;
        let text = what.to_string();
        if !violations.contains(&text) {
            violations.push(text);
        }
    }

    /// Writes a line of the trace, if there is one.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if self.is_traced {
            let (elapsed, line) = (self.elapsed(), line());
            let (seconds, millis) = (elapsed / 1000, elapsed % 1000);
            lock(&self.verdict).trace.push(format!("{seconds:>6}.{millis:03}  {line}"));
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        std::mem::take(&mut lock(&self.verdict))
    }
}

impl Random for World {
    fn random_bytes(&self) -> [u8; 16] {
        self.throw(Dice::random_bytes)
    }
}

/// An instance's own idea of the time.
pub(crate) struct WrongClock {
    world: Arc<World>,
    error: AtomicI64,
}

impl WrongClock {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        let clock = Self { world: Arc::clone(world), error: AtomicI64::new(0) };
        clock.step();
        Arc::new(clock)
    }

    /// Somebody sets it, forward or back.
    pub(crate) fn step(&self) {
        let most = u64::try_from(self.world.plan.skew).unwrap_or(0);
        if most == 0 {
            return;
        }
        let error = i64::try_from(self.world.throw(|dice| dice.below(2 * most))).unwrap_or(0);
        let error = error - self.world.plan.skew;
        self.error.store(error, Ordering::Relaxed);
        self.world.errors[0].fetch_min(error, Ordering::Relaxed);
        self.world.errors[1].fetch_max(error, Ordering::Relaxed);
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let error = self.error.load(Ordering::Relaxed);
        Timestamp::from_millis(self.world.now().as_millis().saturating_add(error))
    }
}
