//! People and programs who dial: impatient, repetitive, sometimes confused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use shared::endpoint::{GetTranscript, MakeCall, Reason, Status};
use tokio::time::timeout;

use crate::functions::{APP_URL, Functions, MAKE_CALL_TOKEN, from};
use crate::ledger::{Dial, Invocation};
use crate::plan::Callers;
use crate::repetitions::{Expected, same_answer};
use crate::world::{World, lock};

/// What a caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    /// The reason of a refusal, or the `callSid`.
    pub(crate) word: String,
    /// It says that it is the answer to an earlier request.
    pub(crate) is_replay: bool,
    pub(crate) body: Value,
}

/// A user who wants to dial. The same key mostly means the same dial.
pub(crate) fn wish(world: &World) -> Dial {
    world.throw(|dice| {
        let client = u8::try_from(dice.between(1, 2)).unwrap_or(1);
        let number = dice.chance(650).then(|| dice.between(1, 4));
        let what = number.filter(|_| !dice.chance(50)).unwrap_or_else(|| dice.below(40));
        let one_of = |of: [u64; 3], what: u64| of[usize::try_from(what % 3).unwrap_or(0)];
        let shows_token = match world.plan.callers {
            Callers::Anonymous => 0,
            Callers::Mixed => 400,
            Callers::WithToken => 900,
        };
        Dial {
            client,
            has_token: dice.chance(shows_token),
            key: number.map(|number| format!("key-{number}")),
            to: format!("+1212555020{}", one_of([0, 1, 2], what)),
            ring: one_of([5, 20, 60], what / 2),
            limit: one_of([10, 60, 300], what / 3),
            has_variables: what % 4 == 1,
        }
    })
}

/// Dials, and if the dial has a key, perhaps again and again.
pub(crate) async fn insist(functions: Arc<Functions>, mut dial: Dial) {
    let world = &functions.world;
    for _ in 0..4 {
        let patience =
            world.throw(|dice| if dice.chance(250) { dice.between(50, 6000) } else { 60_000 });
        let asking = tokio::spawn(ask(Arc::clone(&functions), dial.clone(), functions.any()));
        // A caller that hangs up changes nothing for the function.
        if timeout(Duration::from_millis(patience), asking).await.is_err() {
            world.count("callers who hung up");
        }
        if dial.key.is_none() || world.throw(|dice| dice.chance(350)) {
            return;
        }
        if world.throw(|dice| dice.chance(60)) {
            dial.limit += 1;
        }
        let longest = world.throw(|dice| dice.pick(&[0, 5, 1000, 20_000]));
        world.pause(0, longest).await;
    }
}

/// One request to make-call.
pub(crate) async fn ask(functions: Arc<Functions>, dial: Dial, instance: usize) -> Option<Told> {
    let world = &functions.world;
    world.count("dials asked for");
    let mut body = json!({"to": dial.to, "timeout": dial.ring, "timeLimit": dial.limit});
    if dial.has_variables {
        body["dynamicVariables"] = json!({"name": "Jane"});
    }
    let request = Request::post("/api/twilio/make-call");
    let mut request = access(dial.has_token, request).header("content-type", "application/json");
    if let Some(key) = &dial.key {
        request = request.header("idempotency-key", key);
    }
    let request = from(dial.client, request.body(Bytes::from(body.to_string())).ok()?);
    let arrived = world.elapsed();
    let who = if dial.has_token { "T" } else { "" };
    let name = format!("dial {}{who} key {:?} to {}", dial.client, dial.key, &dial.to[8..]);
    world.trace(|| format!("{name} limit {} -> instance {instance}", dial.limit));
    let expected = Expected::of(world, functions.policy(), &dial);
    let dial = Some(dial);
    let invocation = Arc::new(Invocation { arrived, dial, ..Invocation::default() });
    lock(&world.ledger).dials.push(Arc::clone(&invocation));
    let Ok(response) = functions.ask(MakeCall, instance, request, Arc::clone(&invocation)).await
    else {
        world.trace(|| format!("{name}: no answer"));
        return None;
    };
    let told = understand(world, &response);
    world.trace(|| format!("{name}: {} {}", told.status, told.word));
    let word = if told.status == 200 { "placed" } else { &told.word };
    world.count(&format!("answer: {} {word}", told.status));
    expected.judge(world, &invocation, &told);
    *lock(&invocation.told) = Some((told.status, told.word.clone()));
    Some(told)
}

/// Everything that is told must be something that was promised.
fn understand(world: &World, response: &Response<Bytes>) -> Told {
    let status = response.status();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if status == 200 {
        let (call_sid, call_id) = (field("callSid"), field("callId"));
        let is_real = |call: &crate::ledger::RealCall| {
            call.sid.as_str() == call_sid && call.call_id.as_str() == call_id
        };
        let is_known = lock(&world.ledger).calls.iter().any(is_real);
        if !is_known {
            world.violation(format!("told of a call that is none: {call_sid} {call_id}"));
        }
        let is_replay = response.headers().contains_key("idempotent-replayed");
        let told = Told { status: 200, word: call_sid, is_replay, body };
        same_answer(world, &told);
        return told;
    }
    let word = field("reason");
    let known = |reason: &&Reason| reason.as_str() == word && reason.status() == status;
    if !Reason::ALL.iter().any(|reason| known(&reason)) {
        world.violation(format!("an undocumented answer: {status} {word}"));
    }
    if status == 429 && !response.headers().contains_key("retry-after") {
        world.violation(format!("429 {word} without Retry-After"));
    }
    Told { status: status.as_u16(), word, is_replay: false, body }
}

/// A page follows what is said in a call.
pub(crate) async fn follow(functions: Arc<Functions>, query: String) {
    let world = &functions.world;
    let has_token = world.plan.callers != Callers::Anonymous;
    for _ in 0..4 {
        let path = format!("/api/elevenlabs/get-transcript?{query}");
        let request = access(has_token, Request::get(path)).body(Bytes::new());
        let Ok(request) = request.map(|request| from(1, request)) else { return };
        let invocation = Arc::new(Invocation { arrived: world.elapsed(), ..Invocation::default() });
        world.count("transcripts read");
        let told = functions.ask(GetTranscript, functions.any(), request, invocation).await;
        if let Ok(response) = told
            && !matches!(response.status().as_u16(), 200 | 404 | 503)
        {
            world.violation(format!("a transcript was answered {}", response.status()));
        }
        world.pause(0, 3000).await;
    }
}

/// A user reads one call.
pub(crate) async fn read(functions: &Arc<Functions>, query: &str) -> Option<(u16, Value)> {
    let world = &functions.world;
    let has_token = world.plan.callers != Callers::Anonymous;
    let request = access(has_token, Request::get(format!("/api/twilio/status?{query}")));
    let request = from(1, request.body(Bytes::new()).ok()?);
    let invocation = Arc::new(Invocation { arrived: world.elapsed(), ..Invocation::default() });
    world.count("reads");
    let response = functions.ask(Status, functions.any(), request, invocation).await.ok()?;
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    world.trace(|| format!("read {query}: {status} {}", body["status"]));
    if !matches!(status, 200 | 404 | 503) {
        world.violation(format!("a read was answered {status}"));
    }
    Some((status, body))
}

fn access(has_token: bool, request: http::request::Builder) -> http::request::Builder {
    if has_token {
        request.header("authorization", format!("Bearer {MAKE_CALL_TOKEN}"))
    } else {
        request.header("origin", APP_URL)
    }
}
