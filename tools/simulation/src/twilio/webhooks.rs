//! Its webhooks, really signed: lost, doubled, late, repeated after a failure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use shared::call::CallSid;
use shared::endpoint::{Status, Voice};
use tokio::time::sleep;
use vendors::sign;

use crate::functions::{ACCOUNT, AUTH_TOKEN, Functions, OUR_NUMBER};
use crate::ledger::Invocation;
use crate::world::lock;

/// Twilio gives up on an answer after this.
const PATIENCE: Duration = Duration::from_secs(15);

/// Tells of one event, whatever becomes of it.
pub(super) async fn tell(functions: Arc<Functions>, sid: CallSid, event: (&'static str, u32)) {
    let world = &functions.world;
    // Often callbacks that belong to one moment arrive at one moment.
    let mut copies = vec![world.throw(|dice| if dice.chance(500) { 0 } else { dice.below(200) })];
    if world.strikes(world.plan.callback_faults) {
        let (name, when) = world.throw(|dice| match dice.below(4) {
            0 => ("fault: callback lost", vec![]),
            1 => ("fault: callback doubled", vec![0, dice.below(50)]),
            2 => ("fault: callback doubled late", vec![dice.below(50), dice.below(300_000)]),
            _ => ("fault: callback late", vec![dice.between(1000, 300_000)]),
        });
        world.count(name);
        copies = when;
    }
    for millis in copies {
        let (functions, sid) = (Arc::clone(&functions), sid.clone());
        tokio::spawn(async move {
            sleep(Duration::from_millis(millis)).await;
            deliver(&functions, &sid, event).await;
        });
    }
}

/// Whether this is what [`tell_of_another_leg`] calls a leg.
pub(crate) fn is_another_leg(call_sid: &CallSid) -> bool {
    call_sid.as_str().starts_with("CAc")
}

/// Tells of another leg of a call, as of a `<Dial>`: Twilio posts it to the call's own address. Once the
/// call itself has a name, a leg that names no parent is none the less another call.
pub(super) async fn tell_of_another_leg(functions: Arc<Functions>, sid: CallSid) {
    let world = &functions.world;
    let Ok(leg) = CallSid::parse(&format!("CAc{}", &sid.as_str()[3..])) else { return };
    let is_named = lock(&world.ledger).call(&sid).is_some_and(|call| call.is_named());
    let names_parent = !is_named || world.throw(|dice| dice.chance(500));
    world.count("fault: another leg under a call's id");
    for (sequence, status) in ["ringing", "in-progress", "completed"].into_iter().enumerate() {
        let key = format!("c#{leg}#{status}");
        let mut form = form(&leg, status);
        form.push(("SequenceNumber", sequence.to_string()));
        if names_parent {
            form.push(("ParentCallSid", sid.to_string()));
        }
        let Some(request) = signed(&functions, &sid, 1, form, &key) else { return };
        let (arrived, is_of_another_leg) = (world.elapsed(), true);
        let invocation =
            Arc::new(Invocation { arrived, is_of_another_leg, ..Invocation::default() });
        let answer = functions.ask(Status, functions.any(), request, invocation);
        // Whether or not it arrives: it names the call to nobody.
        let _ = tokio::time::timeout(PATIENCE, answer).await;
        world.pause(0, 2000).await;
    }
}

/// One callback, repeated twice if it fails (`#rc=2`).
async fn deliver(functions: &Functions, sid: &CallSid, (status, sequence): (&'static str, u32)) {
    let world = &functions.world;
    let key = format!("e#{sequence:03}#{status}");
    for _ in 0..3 {
        let mut form = form(sid, status);
        form.push(("SequenceNumber", sequence.to_string()));
        if matches!(status, "completed" | "failed") {
            form.push(("CallDuration", "7".to_owned()));
        }
        let Some(request) = signed(functions, sid, 1, form, &key) else { return };
        let invocation = Arc::new(Invocation { arrived: world.elapsed(), ..Invocation::default() });
        let answer = functions.ask(Status, functions.any(), request, invocation);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        match answer {
            Ok(Ok(response)) => match response.status().as_u16() {
                204 => {
                    world.count("callbacks acknowledged");
                    world.trace(|| format!("  {sid}: {key} is acknowledged"));
                    if let Some(call) = lock(&world.ledger).call(sid) {
                        call.acknowledged.insert(key);
                    }
                    return;
                }
                503 => {}
                other => return world.violation(format!("a callback was answered {other}")),
            },
            Ok(Err(_)) => {}
            Err(_) => world.violation("a callback was not answered within 15 s"),
        }
        world.count("callbacks repeated");
        world.pause(10, 1000).await;
    }
    world.trace(|| format!("  {sid}: {key} is given up"));
}

/// Asks for TwiML, and keeps it.
pub(crate) async fn ask_voice(
    functions: &Functions,
    sid: &CallSid,
    instance: usize,
) -> Option<String> {
    let world = &functions.world;
    let request = signed(functions, sid, 0, form(sid, "in-progress"), "v#answer")?;
    let arrived = world.elapsed();
    let invocation = Arc::new(Invocation { arrived, ..Invocation::default() });
    if let Some(call) = lock(&world.ledger).call(sid) {
        call.voices.push(Arc::clone(&invocation));
    }
    world.count("voice webhooks");
    let response = functions.ask(Voice, instance, request, Arc::clone(&invocation)).await.ok()?;
    let took = world.elapsed() - arrived;
    if took > 8_050 {
        world.violation(format!("voice took {took} ms"));
    }
    let twiml = String::from_utf8_lossy(response.body()).into_owned();
    if response.status() != 200 || !twiml.contains("<Response>") {
        world.violation(format!("voice answered {} {twiml}", response.status()));
    }
    world.trace(|| {
        let word = if twiml.contains("<Stream") { "the agent" } else { "an apology" };
        format!("  {sid}: voice gives {word} after {took} ms")
    });
    if twiml.contains("<Stream") {
        world.count("agents connected");
    }
    if let Some(call) = lock(&world.ledger).call(sid) {
        call.twiml.push(twiml.clone());
        if !Invocation::is(&invocation.store_failed) && twiml.contains("<Stream") {
            call.acknowledged.insert("v#answer".to_owned());
        }
    }
    Some(twiml)
}

fn form(sid: &CallSid, status: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AccountSid", ACCOUNT.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("CallSid", sid.to_string()),
        ("CallStatus", status.to_owned()),
        ("Direction", "outbound-api".to_owned()),
        ("From", OUR_NUMBER.to_owned()),
    ]
}

/// A request as Twilio sends and signs it, to the first (voice) or second URL of a call.
fn signed(
    functions: &Functions,
    sid: &CallSid,
    which: usize,
    mut form: Vec<(&'static str, String)>,
    key: &str,
) -> Option<Request<Bytes>> {
    let mut ledger = lock(&functions.world.ledger);
    let call = ledger.call(sid)?;
    call.sent.insert(key.to_owned());
    form.push(("To", call.dial.to.clone()));
    // The fragment is Twilio's own and is neither sent nor signed.
    let url = call.urls[which].split('#').next()?;
    let path = url.strip_prefix(crate::functions::APP_URL)?;
    let body = serde_urlencoded::to_string(&form).ok()?;
    Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", sign(AUTH_TOKEN, url, &form))
        .body(Bytes::from(body))
        .ok()
}
