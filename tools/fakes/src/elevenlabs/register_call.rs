//! `POST /v1/convai/twilio/register-call`: makes a conversation and answers the TwiML for it.

use super::{
    answers::{Refusal, faulty},
    check_key, conversation_url, remember,
};
use crate::{ElevenLabsAnswer, Fakes};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

pub(crate) async fn handle(
    State(fakes): State<Fakes>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    remember(&fakes, &method, &uri, &headers, &body);
    check_key(&fakes, &headers)?;
    let answer = faulty(&fakes).await?;
    let request = check(&fakes, &body)?;
    let id = fakes.conversations().register(request);
    let twiml = twiml(&conversation_url(&fakes), &id, answer);
    Ok(match answer {
        ElevenLabsAnswer::JsonString => Json(Value::from(twiml)).into_response(),
        ElevenLabsAnswer::JsonObject => Json(json!({ "twiml": twiml })).into_response(),
        _ => ([(header::CONTENT_TYPE, "application/xml")], twiml).into_response(),
    })
}

fn twiml(url: &str, id: &str, answer: ElevenLabsAnswer) -> String {
    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    let parameter = match answer {
        ElevenLabsAnswer::NoConversationId => String::new(),
        _ => format!(r#"<Parameter name="conversation_id" value="{id}" />"#),
    };
    let attributes = match answer {
        ElevenLabsAnswer::InboundTrack => format!(r#"track="inbound_track" url="{url}""#),
        ElevenLabsAnswer::ForeignStream => r#"url="wss://evil.example/listen""#.to_owned(),
        ElevenLabsAnswer::ForeignCallback => {
            format!(r#"url="{url}" statusCallback="https://evil.example/""#)
        }
        _ => format!(r#"url="{url}""#),
    };
    let response = format!(
        "<Response><Connect><Stream {attributes}>{parameter}</Stream></Connect></Response>"
    );
    match answer {
        ElevenLabsAnswer::NotTwiml => format!("{HEAD}<Response><Reject /></Response>"),
        ElevenLabsAnswer::Doctype => {
            format!(r#"{HEAD}<!DOCTYPE Response [<!ENTITY agent "agent">]>{response}"#)
        }
        ElevenLabsAnswer::Truncated => {
            let whole = format!("{HEAD}{response}");
            whole.chars().take(whole.chars().count() / 2).collect()
        }
        ElevenLabsAnswer::Dial => {
            let dial = "<Dial>+19005550100</Dial></Response>";
            format!("{HEAD}{}", response.replace("</Response>", dial))
        }
        ElevenLabsAnswer::Redirect => {
            let redirect = "<Response><Redirect>https://evil.example/</Redirect>";
            format!("{HEAD}{}", response.replace("<Response>", redirect))
        }
        _ => format!("{HEAD}{response}"),
    }
}

/// The request, if it is in order.
fn check(fakes: &Fakes, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err(Refusal::Unprocessable(vec!["body"], "JSON decode error", "json_invalid"));
    };
    for name in ["agent_id", "from_number", "to_number"] {
        match body.get(name) {
            Some(Value::String(_)) => {}
            Some(_) => {
                let message = "Input should be a valid string";
                return Err(Refusal::Unprocessable(vec!["body", name], message, "string_type"));
            }
            None => {
                return Err(Refusal::Unprocessable(
                    vec!["body", name],
                    "Field required",
                    "missing",
                ));
            }
        }
    }
    if let Some(direction) = body.get("direction")
        && direction != "inbound"
        && direction != "outbound"
    {
        let message = "Input should be 'inbound' or 'outbound'";
        return Err(Refusal::Unprocessable(vec!["body", "direction"], message, "literal_error"));
    }
    check_variables(&body)?;
    if body.get("agent_id").and_then(Value::as_str) != Some(&fakes.config().agent_id) {
        return Err(Refusal::AgentNotFound);
    }
    Ok(body)
}

/// Variables at the top level are a mistake that real ElevenLabs passes over until the call drops;
/// here it is told at once.
fn check_variables(body: &Map<String, Value>) -> Result<(), Refusal> {
    const DATA: &str = "conversation_initiation_client_data";
    if body.contains_key("dynamic_variables") {
        let message = "Extra inputs are not permitted";
        let place = vec!["body", "dynamic_variables"];
        return Err(Refusal::Unprocessable(place, message, "extra_forbidden"));
    }
    let data = match body.get(DATA) {
        None => return Ok(()),
        Some(Value::Object(data)) => data,
        Some(_) => {
            let message = "Input should be a valid dictionary";
            return Err(Refusal::Unprocessable(vec!["body", DATA], message, "dict_type"));
        }
    };
    let in_order = match data.get("dynamic_variables") {
        None => true,
        Some(Value::Object(variables)) => {
            variables.values().all(|value| !(value.is_object() || value.is_array()))
        }
        Some(_) => false,
    };
    if in_order {
        return Ok(());
    }
    let message = "Input should be a valid string, number, boolean or null";
    let place = vec!["body", DATA, "dynamic_variables"];
    Err(Refusal::Unprocessable(place, message, "string_type"))
}
