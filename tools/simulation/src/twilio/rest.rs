//! Its REST API: a dial, and what can become of it; and a call as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Method, Request};
use serde_json::json;
use shared::call::{CallId, CallSid};
use shared::net::SendError;
use shared::store::Lookup;

use crate::functions::Functions;
use crate::ledger::{Invocation, RealCall};
use crate::wire::{Outcome, body, response, silence};
use crate::world::lock;

pub(crate) async fn answer(
    functions: Arc<Functions>,
    invocation: Arc<Invocation>,
    request: Request,
) -> Outcome {
    if *request.method() == Method::POST {
        dial(functions, invocation, request).await
    } else {
        show(functions, request).await
    }
}

/// What becomes of a dial, in the words of the figures.
const TROUBLES: [&str; 14] = [
    "fault: dial not sent",
    "fault: dial refused (400)",
    "fault: dial refused (401)",
    "fault: dial refused (429)",
    "fault: dial 500 without a call",
    "fault: dial 500 with a call",
    "fault: dial 408 without a call",
    "fault: dial 408 with a call",
    "fault: dial answer lost, without a call",
    "fault: dial answer lost, with a call",
    "fault: dial times out without a call",
    "fault: dial times out with a call",
    "fault: dial 201 that says nothing, with a call",
    "fault: dial answered late",
];

async fn dial(functions: Arc<Functions>, invocation: Arc<Invocation>, request: Request) -> Outcome {
    let world = Arc::clone(&functions.world);
    invocation.ask(world.elapsed());
    world.count("dials at Twilio");
    let trouble = world.strikes(world.plan.dial_faults).then(|| {
        let number = world.throw(|dice| dice.below(TROUBLES.len() as u64));
        usize::try_from(number).unwrap_or(0)
    });
    if let Some(trouble) = trouble {
        world.count(TROUBLES[trouble]);
        world.trace(|| format!("  Twilio: {}", TROUBLES[trouble]));
    }
    match trouble {
        Some(0) => {
            world.pause(0, 3000).await;
            return Err(SendError::NotSent("connection refused".to_owned()));
        }
        Some(1..=3) => {}
        Some(_) => Invocation::set(&invocation.is_ambiguous),
        None => {}
    }
    world.pause(30, if trouble.is_some() { 2500 } else { 300 }).await;
    let created = |at_last: bool| at_last.then(|| create(&functions, &invocation, &request));
    let makes = matches!(trouble, None | Some(5 | 7 | 9 | 11..=13));
    let sid = created(makes).flatten();
    world.pause(0, 50).await;
    let answer = sid.as_ref().map(|sid| json!({"sid": sid, "status": "queued"}).to_string());
    match trouble {
        Some(1) => response(400, &[], r#"{"code":21211,"status":400}"#.to_owned()),
        Some(2) => response(401, &[], r#"{"code":20003,"status":401}"#.to_owned()),
        Some(3) => response(429, &[("retry-after", "1")], r#"{"code":20429}"#.to_owned()),
        Some(4 | 5) => response(500, &[], "oops".to_owned()),
        Some(6 | 7) => response(408, &[], String::new()),
        Some(8 | 9) => Err(SendError::Broken("reset by peer".to_owned())),
        Some(10 | 11) => silence().await,
        Some(12) => response(201, &[], r#"{"sid":"CA1"}"#.to_owned()),
        Some(_) => {
            world.pause(1000, 12_000).await;
            response(201, &[], answer.unwrap_or_default())
        }
        None => response(201, &[], answer.unwrap_or_default()),
    }
}

/// Makes the call, and lets it live.
fn create(
    functions: &Arc<Functions>,
    invocation: &Arc<Invocation>,
    request: &Request,
) -> Option<CallSid> {
    let world = &functions.world;
    let form: BTreeMap<String, String> = serde_urlencoded::from_bytes(body(request)).ok()?;
    let urls = ["Url", "StatusCallback"].map(|name| form.get(name).cloned().unwrap_or_default());
    let call_id = urls[0].split_once("callId=").and_then(|(_, id)| CallId::parse(id).ok());
    let (Some(call_id), Some(dial)) = (call_id, invocation.dial.clone()) else {
        world.violation("a dial without our callId");
        return None;
    };
    let record = world.store.peek(&Lookup::CallId(call_id.clone()), world.now());
    if record.is_none_or(|record| record.intent().is_none()) {
        world.violation(format!("call {call_id} was dialled without an intent on record"));
    }
    let said = |name: &str| form.get(name).cloned().unwrap_or_default();
    if said("To") != dial.to || said("TimeLimit") != dial.limit.to_string() {
        world.violation(format!("call {call_id} is not the one that was asked for"));
    }
    let mut ledger = lock(&world.ledger);
    let number = ledger.calls.len() + 1;
    let sid = CallSid::parse(&format!("CA{number:032x}")).ok()?;
    world.count("calls created");
    world.trace(|| format!("  Twilio creates {sid} for {call_id} to {}", dial.to));
    ledger.calls.push(RealCall {
        sid: sid.clone(),
        call_id,
        invocation: Arc::clone(invocation),
        dial,
        created: world.elapsed(),
        ended: None,
        status: "queued",
        urls,
        sent: ["meta".to_owned(), "e#---#queued".to_owned(), "d#unknown".to_owned()].into(),
        acknowledged: ["meta".to_owned()].into(),
        twiml: Vec::new(),
        answer: None,
        voices: Vec::new(),
    });
    drop(ledger);
    tokio::spawn(super::live(Arc::clone(functions), sid.clone()));
    Some(sid)
}

/// `GET Calls/{sid}.json`: the truth, if the network lets it through.
async fn show(functions: Arc<Functions>, request: Request) -> Outcome {
    let world = &functions.world;
    world.count("look-ups at Twilio");
    world.pause(20, 300).await;
    if world.strikes(world.plan.dial_faults) {
        world.count("fault: look-up");
        return match world.throw(|dice| dice.below(4)) {
            0 => Err(SendError::NotSent("connection refused".to_owned())),
            1 => response(500, &[], String::new()),
            2 => response(200, &[], "{}".to_owned()),
            _ => silence().await,
        };
    }
    let file = request.url().path().rsplit('/').next().unwrap_or_default();
    let sid = CallSid::parse(file.trim_end_matches(".json"));
    let mut ledger = lock(&world.ledger);
    let Some(call) = sid.ok().and_then(|sid| ledger.call(&sid)) else {
        return response(404, &[], r#"{"code":20404,"status":404}"#.to_owned());
    };
    call.sent.insert(format!("e#---#{}", call.status));
    let duration = call.ended.map(|ended| (ended.saturating_sub(call.created) / 1000).to_string());
    let answer = json!({"sid": call.sid, "status": call.status, "duration": duration,
        "to": call.dial.to, "from": crate::functions::OUR_NUMBER, "direction": "outbound-api"});
    response(200, &[], answer.to_string())
}
