//! ElevenLabs: registers conversations and tells what is said in them, mostly.

use std::sync::Arc;

use reqwest::{Method, Request};
use serde_json::{Value, json};
use shared::net::SendError;

use crate::functions::Functions;
use crate::ledger::Invocation;
use crate::wire::{Outcome, body, response, silence};
use crate::world::{World, lock};

pub(crate) async fn answer(
    functions: Arc<Functions>,
    invocation: Arc<Invocation>,
    request: Request,
) -> Outcome {
    let world = &functions.world;
    let trouble = if world.strikes(world.plan.agent_faults) {
        world.count("fault: ElevenLabs");
        world.throw(|dice| dice.between(1, 6))
    } else {
        0
    };
    if trouble == 1 {
        return Err(SendError::NotSent("connection refused".to_owned()));
    }
    let document = if *request.method() == Method::GET {
        tell(world, invocation, &request).await
    } else {
        register(world, invocation, &request).await
    };
    match trouble {
        2 => response(429, &[], r#"{"detail":{"status":"rate_limit_exceeded"}}"#.to_owned()),
        3 => response(500, &[], "oops".to_owned()),
        4 => silence().await,
        5 => {
            world.pause(1000, 12_000).await;
            response(200, &[], document)
        }
        6 => response(200, &[], document[..8].to_owned()),
        _ => response(200, &[], document),
    }
}

/// A conversation as it is.
async fn tell(world: &World, invocation: Arc<Invocation>, request: &Request) -> String {
    let name = request.url().path().rsplit('/').next().unwrap_or_default().to_owned();
    world.count("transcripts told");
    world.trace(|| format!("  ElevenLabs tells {name}"));
    invocation.ask(world.elapsed());
    let status = {
        let mut ledger = lock(&world.ledger);
        let call_id = name.split('_').nth(1).unwrap_or_default();
        let mut calls = ledger.calls.iter();
        let is_over = calls.any(|call| call.call_id.as_str() == call_id && call.ended.is_some());
        ledger.questions.entry(name).or_default().push(invocation);
        if is_over { "done" } else { "in-progress" }
    };
    world.pause(20, 400).await;
    json!({"status": status, "transcript": [{"role": "agent", "message": "Hello", "time_in_call_secs": 0}]})
        .to_string()
}

/// A conversation begins.
async fn register(world: &World, invocation: Arc<Invocation>, request: &Request) -> String {
    let call_id = serde_json::from_slice(body(request))
        .ok()
        .and_then(|body: Value| {
            let data = body.get("conversation_initiation_client_data")?;
            Some(data.get("dynamic_variables")?.get("call_id")?.as_str()?.to_owned())
        })
        .unwrap_or_default();
    world.count("conversations registered");
    world.trace(|| format!("  ElevenLabs registers {call_id}"));
    let number = {
        let registrations = &mut lock(&world.ledger).registrations;
        let of_call = registrations.entry(call_id.clone()).or_default();
        of_call.push(invocation);
        of_call.len()
    };
    world.pause(20, 400).await;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://api.elevenlabs.io/v1/convai/conversation"><Parameter name="conversation_id" value="conv_{call_id}_{number}" /></Stream></Connect></Response>"#
    )
}
