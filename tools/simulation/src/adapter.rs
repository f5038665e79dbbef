//! The shipped stores under the same schedules: a real server, and a way to it on which single requests
//! and replies of an operation are lost.
//!
//! The clock of a schedule jumps when nothing is left to do, and a server knows another. So an operation
//! runs on a runtime of its own while the schedule stands still: to the schedule it takes no time,
//! and what happens in the middle of it is what the way loses.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::call::{CallId, CallRef, CallSid, Intent, Observation, Timestamp};
use shared::store::{
    Admission, Claim, KeyClaim, KeyRow, Lookup, Nonce, Observed, Record, Store, StoreFuture, Window,
};
use stores::losses::{Loss, Way};
use stores::{Backend, Interpose, Interposed, Running, Space};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::dice::Dice;
use crate::judged::{Judged, done};
use crate::world::lock;

/// So many of a thousand operations begin a bad spell: one of these, for each schedule.
const SPELLS: [u64; 3] = [20, 50, 200];

/// How many operations a bad spell lasts. In a long one, as when one partition of a table is busy, every
/// operation loses the same: of a callback that is repeated, always the second write.
const LENGTHS: [u64; 4] = [1, 5, 20, 20];

/// A server has room for so many schedules.
const SPACES: u32 = 1000;

/// A shipped store and the server that it needs.
pub struct Adapter {
    runtime: Runtime,
    backend: Backend,
    /// The server, and how many schedules it has seen.
    running: Mutex<(Arc<Running>, u32)>,
}

impl Adapter {
    /// Starts the server; nothing if it is missing.
    ///
    /// # Panics
    /// If the machine has no room for a runtime.
    #[must_use]
    pub fn start(backend: Backend) -> Option<Self> {
        #[expect(clippy::expect_used, reason = "without it there is nothing to simulate")]
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let running = Mutex::new((Arc::new(backend.start_or_skip()?), 0));
        Some(Self { runtime, backend, running })
    }

    /// An empty store for one schedule.
    pub(crate) fn open(&self, retention_days: u32, seed: u64) -> Arc<dyn Judged> {
        let mut running = lock(&self.running);
        if running.1 == SPACES
            && let Some(fresh) = self.backend.start_or_skip()
        {
            *running = (Arc::new(fresh), 0);
        }
        running.1 += 1;
        let space = running.0.space();
        let (lossy, way) = space.behind_a_way(retention_days);
        let handle = self.runtime.handle().clone();
        let blocking = |loses: Option<Losses>| Blocking { handle: handle.clone(), loses };
        let mut dice = Dice::new(!seed);
        let rate = dice.pick(&SPELLS);
        let spell = Spell { dice, left: 0, passing: 0, loss: Loss::Reply, count: 0 };
        let losses =
            Losses { way, rate, spell: Mutex::new(spell), is_calm: AtomicBool::new(false) };
        Arc::new(Behind {
            direct: Interposed::new(space.open_for(retention_days), blocking(None)),
            lossy: Interposed::new(lossy, blocking(Some(losses))),
            _space: space,
            _running: Arc::clone(&running.0),
        })
    }
}

/// A store of one schedule.
struct Behind {
    lossy: Interposed<Blocking>,
    direct: Interposed<Blocking>,
    _space: Space,
    _running: Arc<Running>,
}

/// Runs every operation to its end before anything else happens.
struct Blocking {
    handle: Handle,
    loses: Option<Losses>,
}

/// What is lost on the way.
struct Losses {
    way: Arc<dyn Way>,
    rate: u64,
    spell: Mutex<Spell>,
    is_calm: AtomicBool,
}

/// Which exchange of an operation is lost, mostly the one in the middle.
const PASSING: [usize; 5] = [0, 1, 1, 2, 3];

/// What the next operations lose.
struct Spell {
    dice: Dice,
    left: u64,
    passing: usize,
    loss: Loss,
    /// One exchange, which the client repeats, or all of them.
    count: usize,
}

impl Losses {
    /// Cuts the way for the next operation, if it is one of a bad spell.
    fn cut(&self) {
        let mut spell = lock(&self.spell);
        if self.is_calm.load(Ordering::Relaxed) {
            return;
        }
        if spell.left == 0 && spell.dice.chance(self.rate) {
            spell.left = spell.dice.pick(&LENGTHS);
            spell.passing = spell.dice.pick(&PASSING);
            spell.loss = spell.dice.pick(&[Loss::Request, Loss::Reply]);
            spell.count = spell.dice.pick(&[1, usize::MAX, usize::MAX]);
        }
        if let Some(left) = spell.left.checked_sub(1) {
            spell.left = left;
            self.way.cut(spell.passing, spell.loss, spell.count);
        }
    }
}

impl Interpose for Blocking {
    fn around<'a, T: Send + 'a>(
        &'a self,
        _: &'static str,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            if let Some(losses) = &self.loses {
                losses.cut();
            }
            let outcome =
                std::thread::scope(|scope| scope.spawn(|| self.handle.block_on(inner)).join());
            if let Some(losses) = &self.loses {
                losses.way.mend();
            }
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Hands everything on to the store behind the lossy way.
macro_rules! hand_on {
    ($($(#[$doc:meta])* $module:ident::$name:ident<$life:lifetime>(
        $($argument:ident: $type:ty),*
    ) -> $answer:ty;)*) => {
        impl Store for Behind {
            $(fn $name<$life>(&$life self, $($argument: $type),*) -> StoreFuture<$life, $answer> {
                self.lossy.$name($($argument),*)
            })*
        }
    };
}

shared::store_operations!(hand_on);

impl Judged for Behind {
    fn peek(&self, by: &Lookup, now: Timestamp) -> Option<Record> {
        done(self.direct.load(by, now)).flatten()
    }

    fn calm_down(&self) {
        if let Some(losses) = &self.lossy.between().loses {
            losses.is_calm.store(true, Ordering::Relaxed);
        }
    }
}
