//! One schedule, from its seed to its verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::adapter::Adapter;
use crate::bugs::Bug;
use crate::functions::Functions;
use crate::policy::Policy;
use crate::world::{Verdict, World, lock};
use crate::{budgets, judge, settle, users};

/// Runs the schedule of a seed, with one bug in it or none, and with a trace if it is wanted.
///
/// # Panics
/// If the machine has no room for a runtime.
#[must_use]
pub fn run(seed: u64, bug: Option<Bug>, is_traced: bool) -> Verdict {
    play(seed, bug, is_traced, None)
}

/// The same over a shipped store and a real server. The schedule is not the same to the last line: how
/// many requests an operation takes may differ from run to run.
///
/// # Panics
/// If the machine has no room for a runtime.
#[must_use]
pub fn run_over(adapter: &Adapter, seed: u64, is_traced: bool) -> Verdict {
    play(seed, None, is_traced, Some(adapter))
}

fn play(seed: u64, bug: Option<Bug>, is_traced: bool, adapter: Option<&Adapter>) -> Verdict {
    #[expect(clippy::expect_used, reason = "without it there is nothing to simulate")]
    let runtime =
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let world = World::new(seed, bug, is_traced, adapter);
        let functions = Functions::new(&world);
        events(&functions).await;
        settle::settle(&functions).await;
        judge::judge(&world);
        functions.shut_down();
        world.verdict()
    })
}

/// The first of `schedules` seeds in which the bug breaks the promise it must break, and how.
#[must_use]
pub fn find(bug: Bug, first: u64, schedules: u64) -> Option<(u64, String)> {
    (first..first.saturating_add(schedules)).find_map(|seed| {
        let broken = run(seed, Some(bug), false).violations;
        Some((seed, broken.into_iter().find(|what| what.contains(bug.breaks()))?))
    })
}

/// Everything that happens while things go wrong.
async fn events(functions: &Arc<Functions>) {
    let world = &functions.world;
    for _ in 0..world.plan.events {
        gap(world).await;
        if world.model.is_some() {
            budgets::check(world).await;
        }
        if world.plan.has_changes && world.throw(|dice| dice.chance(250)) {
            let is_back = world.throw(|dice| dice.chance(500));
            functions.deploy(if is_back { Policy::default() } else { world.throw(Policy::new) });
        }
        match world.throw(|dice| dice.below(100)) {
            0..60 => dial(functions),
            60..72 if world.plan.has_crashes => {
                functions.kill(functions.any());
            }
            72..80 => functions.step_clock(functions.any()),
            80..86 if world.plan.has_outages => {
                world.outage(world.throw(|dice| dice.between(100, 30_000)));
            }
            86..100 => {
                let functions = Arc::clone(functions);
                tokio::spawn(async move { read_any(&functions).await });
            }
            _ => dial(functions),
        }
    }
    sleep(Duration::from_secs(5)).await;
}

/// Nothing, an instant, seconds, minutes or hours.
async fn gap(world: &World) {
    if world.strikes(world.plan.long_waits) {
        return world.pause(600_000, 30_000_000).await;
    }
    match world.throw(|dice| dice.below(10)) {
        0..3 => {}
        3..5 => world.pause(0, 20).await,
        5..8 => world.pause(0, 5000).await,
        _ => world.pause(0, 120_000).await,
    }
}

/// One dial, or several at the same instant; and perhaps an instance dies of it.
fn dial(functions: &Arc<Functions>) {
    let world = &functions.world;
    let wish = users::wish(world);
    let crowd = world.throw(|dice| if dice.chance(300) { dice.between(2, 4) } else { 1 });
    for _ in 0..crowd {
        let mut wish = wish.clone();
        if world.throw(|dice| dice.chance(300)) {
            wish = users::wish(world);
        }
        tokio::spawn(users::insist(Arc::clone(functions), wish));
    }
    if world.plan.has_crashes && world.strikes(300) {
        let (functions, world) = (Arc::clone(functions), Arc::clone(world));
        tokio::spawn(async move {
            world.pause(0, 400).await;
            functions.kill(functions.any());
        });
    }
}

/// A user looks at a call, by one of its names.
async fn read_any(functions: &Arc<Functions>) {
    let world = &functions.world;
    let names: Vec<[String; 2]> = {
        let ledger = lock(&world.ledger);
        let names = |call: &crate::ledger::RealCall| {
            [format!("callSid={}", call.sid), format!("callId={}", call.call_id)]
        };
        ledger.calls.iter().map(names).collect()
    };
    if names.is_empty() {
        return;
    }
    let (call, name) = world.throw(|dice| (dice.below(names.len() as u64), dice.below(2)));
    let index = |number| usize::try_from(number).unwrap_or(0);
    let name = &names[index(call)][index(name)];
    for _ in 0..world.throw(|dice| dice.pick(&[0, 0, 2, 4])) {
        tokio::spawn(users::follow(Arc::clone(functions), name.clone()));
    }
    users::read(functions, name).await;
}
