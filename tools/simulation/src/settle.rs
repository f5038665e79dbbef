//! After the storm: everything arrives or is lost for good, and every user asks once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::budgets;
use crate::functions::Functions;
use crate::judge::{is_kept, records};
use crate::ledger::{Dial, Invocation};
use crate::plan::Callers;
use crate::policy::Policy;
use crate::twilio::ask_voice;
use crate::users::{self, Told, ask};
use crate::world::{World, lock};

/// Longer than any call, late callback or denial lasts.
const UNTIL_QUIET: Duration = Duration::from_secs(65 * 60 + 300);

/// How often, and how long after each other, the budgets are counted while the last calls end.
const COUNTS: u32 = 3;
const BETWEEN_COUNTS: Duration = Duration::from_secs(100);

/// Longer than any window, and than any hour of a day counts on every clock.
const UNTIL_FORGOTTEN: Duration = Duration::from_secs(26 * 3600);

pub(crate) async fn settle(functions: &Arc<Functions>) {
    let world = &functions.world;
    world.calm_down();
    for number in 1..=COUNTS {
        sleep(BETWEEN_COUNTS).await;
        // A real server takes its time.
        if world.model.is_some() || number == COUNTS {
            budgets::check(world).await;
        }
    }
    sleep(UNTIL_QUIET).await;
    records(world);
    budgets::check(world).await;
    voices(functions).await;
    reads(functions).await;
    // Whatever forbids new dials now, repetitions get their answers.
    functions.deploy(world.throw(Policy::new));
    for (_, bodies) in used_keys(world) {
        for dial in bodies {
            ask(Arc::clone(functions), dial, functions.any()).await;
        }
    }
    functions.deploy(Policy::default());
    keys(functions).await;
    budgets::check(world).await;
    sleep(UNTIL_FORGOTTEN).await;
    slots(functions).await;
}

/// A replayed voice webhook, on two instances: the same words, and no second registration.
async fn voices(functions: &Arc<Functions>) {
    let world = &functions.world;
    let answered: Vec<_> = lock(&world.ledger)
        .calls
        .iter()
        .filter(|call| !call.voices.is_empty() && is_kept(world, call.created))
        .map(|call| (call.sid.clone(), call.twiml.clone()))
        .collect();
    for (sid, earlier) in answered {
        let mut now = Vec::new();
        for instance in 0..functions.len().min(2) {
            now.extend(ask_voice(functions, &sid, instance).await);
        }
        let is_guarded = lock(&world.ledger).call(&sid).is_some_and(|call| {
            call.voices.iter().all(|voice| !Invocation::is(&voice.store_failed))
        });
        if !is_guarded {
            continue;
        }
        let mut agents: Vec<&String> =
            earlier.iter().chain(&now).filter(|twiml| twiml.contains("<Stream")).collect();
        agents.dedup();
        if agents.len() > 1 || now.windows(2).any(|pair| pair[0] != pair[1]) {
            world.violation(format!("{sid}: replayed voice webhooks got different TwiML"));
        }
    }
}

/// Every page looks at every call, by both names.
async fn reads(functions: &Arc<Functions>) {
    let world = &functions.world;
    let calls: Vec<_> = lock(&world.ledger)
        .calls
        .iter()
        .filter(|call| is_kept(world, call.created))
        .map(|call| (call.sid.clone(), call.call_id.clone(), call.is_named()))
        .collect();
    for (sid, call_id, is_named) in calls {
        let by_id = users::read(functions, &format!("callId={call_id}")).await;
        let by_sid = users::read(functions, &format!("callSid={sid}")).await;
        let (Some((200, by_id)), Some((status, by_sid))) = (by_id, by_sid) else {
            world.violation(format!("{sid} cannot be read"));
            continue;
        };
        if is_named && (status != 200 || by_id != by_sid) {
            world.violation(format!("{sid} reads differently by its two names"));
        }
        // Where no callback told of the end, the reader's look at Twilio did.
        let ends = ["completed", "busy", "failed", "no-answer"];
        if is_named && !ends.iter().any(|end| by_sid["status"] == *end) {
            world.violation(format!("{sid} is over and reads {}", by_sid["status"]));
        }
    }
}

/// Every key, with every body it was ever used with.
fn used_keys(world: &World) -> BTreeMap<(bool, String), Vec<Dial>> {
    let mut used: BTreeMap<_, Vec<Dial>> = BTreeMap::new();
    for dial in lock(&world.ledger).dials.iter().filter_map(|asked| asked.dial.clone()) {
        let Some((has_token, key)) = dial.scoped_key() else { continue };
        // Who asks is no part of the request; here the first one asks.
        let bodies = used.entry((has_token, key.to_owned())).or_default();
        if !bodies.iter().any(|known| known.has_body_of(&dial)) {
            bodies.push(dial);
        }
    }
    used
}

/// Every key is asked again.
async fn keys(functions: &Arc<Functions>) {
    let world = &functions.world;
    for ((_, key), bodies) in used_keys(world) {
        for dial in bodies {
            let first = ask(Arc::clone(functions), dial.clone(), functions.any()).await;
            let Some(first) = first else {
                world.violation(format!("{key}: no answer"));
                continue;
            };
            judge_key(world, &key, &dial, &first);
            if first.status == 200 {
                let second = ask(Arc::clone(functions), dial.clone(), functions.any()).await;
                let replay = Told { is_replay: true, ..first.clone() };
                if second.as_ref() != Some(&replay) {
                    world.violation(format!("{key}: the same key got {first:?}, then {second:?}"));
                }
            }
        }
    }
}

/// What a key may still say when everything is over.
fn judge_key(world: &World, key: &str, dial: &Dial, told: &Told) {
    world.count(&format!(
        "key at the end: {} {}",
        told.status,
        if told.status == 200 { "" } else { &told.word }
    ));
    let ledger = lock(&world.ledger);
    // The last request is the one that was just answered.
    let earlier = &ledger.dials[..ledger.dials.len().saturating_sub(1)];
    let same_key = |asked: &&Arc<Invocation>| {
        asked.dial.as_ref().is_some_and(|asked| asked.scoped_key() == dial.scoped_key())
    };
    let uses: Vec<_> = earlier.iter().filter(same_key).collect();
    let is_fresh = uses.iter().all(|asked| is_kept(world, asked.arrived));
    let call = ledger
        .calls
        .iter()
        .find(|call| uses.iter().any(|asked| Arc::ptr_eq(asked, &call.invocation)));
    let has_excuse = uses.iter().any(|asked| {
        [&asked.store_failed, &asked.is_ambiguous, &asked.is_gone].into_iter().any(Invocation::is)
    });
    let same_body = call.is_none_or(|call| call.dial.has_body_of(dial));
    let is_named = call.is_some_and(crate::ledger::RealCall::is_named);
    let refused = Policy::default().refuses(world, dial);
    let is_right = match (told.status, told.word.as_str()) {
        (_, "idempotency_in_flight") => false,
        _ if !is_fresh => true,
        (200, sid) => call.is_none_or(|call| same_body && call.sid.as_str() == sid),
        (422, _) => call.is_none() || !same_body,
        (409, "idempotency_unknown_outcome") => same_body && has_excuse && !is_named,
        (429, _) => call.is_none(),
        (_, word) if refused == Some(word) => call.is_none(),
        _ => false,
    };
    drop(ledger);
    if !is_right {
        world.violation(format!("{key} ends with {} {}", told.status, told.word));
    }
}

/// A day later every lease has ended: as many calls as ever fit, and not one more.
async fn slots(functions: &Arc<Functions>) {
    let world = &functions.world;
    let has_token = world.plan.callers != Callers::Anonymous;
    let anonymous = if has_token { u32::MAX } else { world.plan.anonymous_concurrent };
    let most = world.plan.concurrent.min(anonymous);
    let mut asking = Vec::new();
    for number in 0..=most {
        let dial = Dial {
            client: u8::try_from(100 + number).unwrap_or(0),
            has_token,
            key: None,
            to: format!("+1212555{:04}", 300 + number),
            ring: 60,
            limit: 300,
            has_variables: false,
        };
        asking.push(tokio::spawn(ask(Arc::clone(functions), dial, functions.any())));
    }
    let mut words = Vec::new();
    for asked in asking {
        words.push(asked.await.ok().flatten().map_or_else(String::new, |told| told.word));
    }
    let placed = words.iter().filter(|word| word.starts_with("CA")).count();
    if placed != most as usize || !words.iter().any(|word| word == "concurrency_limit") {
        world.violation(format!("{placed} of {most} slots were free a day later: {words:?}"));
    }
}
