//! What is said in a talk. The agent uses the variables of its call, so that a reader of the
//! transcript sees whether they reached it.

use serde_json::{Map, Value, json};

/// What the agent says in a turn.
pub(super) fn agent(turn: u32, variables: &Map<String, Value>) -> String {
    let value = |names: &[&str], otherwise: &str| {
        let given = names.iter().find_map(|name| variables.get(*name));
        match given {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => otherwise.to_owned(),
        }
    };
    match turn {
        1 => format!(
            "Hello {}, this is {} from {}. Is this a good time?",
            value(&["_prospect_name_", "customer_name", "name"], "there"),
            value(&["_agent_name_", "agent_name"], "the simulated agent"),
            value(&["_sender_company_", "company"], "close-loop"),
        ),
        2 => format!(
            "I am calling about {}. May I send you the details?",
            value(&["_product_name_", "product_name"], "your request"),
        ),
        _ => "You will have them today. Thank you, and goodbye.".to_owned(),
    }
}

/// What the person answers.
pub(super) fn person(turn: u32) -> &'static str {
    match turn {
        1 => "Yes, go ahead.",
        2 => "Yes, please do.",
        _ => "Goodbye.",
    }
}

/// One entry of a transcript, with the members that ElevenLabs gives every turn.
pub(super) fn entry(role: &str, message: Option<&str>, seconds: u32) -> Value {
    json!({
        "role": role,
        "message": message,
        "time_in_call_secs": seconds,
        "tool_calls": [],
        "tool_results": [],
        "feedback": null,
        "llm_override": null,
        "conversation_turn_metrics": null,
        "rag_retrieval_info": null,
        "llm_usage": null,
        "interrupted": false,
        "original_message": null,
        "source_medium": (role == "user").then_some("audio"),
    })
}

/// A turn in which the agent only uses a tool: it has no message.
pub(super) fn tool_call(seconds: u32) -> Value {
    let mut entry = entry("agent", None, seconds);
    entry["tool_calls"] = json!([{
        "type": "client",
        "request_id": "tool_simulated",
        "tool_name": "look_up_details",
        "params_as_json": "{}",
        "tool_has_been_called": true,
    }]);
    entry["tool_results"] = json!([{
        "type": "client",
        "request_id": "tool_simulated",
        "tool_name": "look_up_details",
        "result_value": "found",
        "is_error": false,
        "tool_has_been_called": true,
        "tool_latency_secs": 0.2,
    }]);
    entry
}

/// Turns that never seem to end: over 6 MB of them, with characters of one to four bytes.
pub(super) fn long_turns(from: u32) -> impl Iterator<Item = Value> {
    let text = "A long answer, with an é, a – and a 😀 in it. ".repeat(100);
    (0..1400).map(move |at| {
        let role = if at % 2 == 0 { "agent" } else { "user" };
        entry(role, Some(&text), from + at)
    })
}
