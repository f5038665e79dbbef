//! A call from its first ring to its end, and what Twilio tells of it.

use std::sync::Arc;
use std::time::Duration;

use shared::call::CallSid;
use tokio::time::sleep;

use super::webhooks::{ask_voice, tell, tell_of_another_leg};
use crate::functions::Functions;
use crate::world::lock;

/// Lives the call. Everything it tells, it tells in tasks of its own: nothing waits for anything.
pub(crate) async fn live(functions: Arc<Functions>, sid: CallSid) {
    let world = Arc::clone(&functions.world);
    let Some((ring, limit)) =
        lock(&world.ledger).call(&sid).map(|call| (call.dial.ring, call.dial.limit))
    else {
        return;
    };
    let enter = |status: &'static str, sequence: u32| {
        if let Some(call) = lock(&world.ledger).call(&sid) {
            call.status = status;
            if matches!(status, "completed" | "busy" | "no-answer" | "failed") {
                call.ended = Some(world.elapsed());
            }
        }
        world.trace(|| format!("  {sid} is {status}"));
        let event = (status, sequence);
        tokio::spawn(tell(Arc::clone(&functions), sid.clone(), event));
    };
    let end = world.throw(|dice| {
        dice.pick(&["completed", "completed", "completed", "busy", "no-answer", "failed"])
    });
    let (mut status, mut sequence) = ("queued", 0);
    while let Some(next) = vendors::next(status, end) {
        let millis = world.throw(|dice| match status {
            "queued" => dice.between(0, 300),
            "initiated" => dice.between(0, 500),
            "ringing" if end == "no-answer" => ring * 1000,
            "ringing" => dice.below(ring * 1000),
            _ if dice.chance(200) => limit * 1000,
            _ => dice.below(limit * 1000),
        });
        sleep(Duration::from_millis(millis)).await;
        enter(next, sequence);
        if next == "in-progress" {
            pick_up(&functions, &sid);
            if world.strikes(world.plan.callback_faults) {
                tokio::spawn(tell_of_another_leg(Arc::clone(&functions), sid.clone()));
            }
        }
        (status, sequence) = (next, sequence + 1);
    }
    second_end(&functions, &sid, sequence).await;
}

/// The person picks up: voice is asked, once or, as things go, more often.
fn pick_up(functions: &Arc<Functions>, sid: &CallSid) {
    let world = &functions.world;
    let mut when = vec![0];
    if world.strikes(world.plan.callback_faults.max(100)) {
        world.count("fault: voice webhook doubled");
        when.push(world.throw(|dice| if dice.chance(500) { 0 } else { dice.below(20_000) }));
        when.push(world.throw(|dice| dice.below(200)));
    }
    for millis in when {
        let (functions, sid) = (Arc::clone(functions), sid.clone());
        tokio::spawn(async move {
            sleep(Duration::from_millis(millis)).await;
            let instance = functions.any();
            ask_voice(&functions, &sid, instance).await;
        });
    }
}

/// Now and then Twilio reports two ends of one call, at once.
async fn second_end(functions: &Arc<Functions>, sid: &CallSid, sequence: u32) {
    let world = &functions.world;
    if world.strikes(world.plan.callback_faults) {
        world.count("fault: two ends of a call");
        let apart = world.throw(|dice| dice.pick(&[0, 30, 3000]));
        world.pause(0, apart).await;
        tokio::spawn(tell(Arc::clone(functions), sid.clone(), ("failed", sequence)));
    }
}
