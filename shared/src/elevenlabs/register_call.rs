//! `POST /v1/convai/twilio/register-call`: creates a conversation and returns the TwiML that joins
//! the call to it. It has a side effect, so voice asks once for each `CallSid`.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::call::{Direction, DynamicVariables, Party};
use crate::net::Http;

use super::{ANSWER_LIMIT, AgentError, ElevenLabs, send};

/// One call to be joined.
#[derive(Clone, Debug)]
pub struct RegisterCall<'a> {
    /// `From`: the agent's `system__caller_id`.
    pub from: &'a Party,
    /// `To`.
    pub to: &'a Party,
    /// Which way; Twilio's `outbound-api` is outbound.
    pub direction: Direction,
    /// What the caller of make-call wants the agent to know.
    pub variables: &'a DynamicVariables,
    /// Ours, as the variable `call_id`.
    pub call_id: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    agent_id: &'a str,
    from_number: &'a str,
    to_number: &'a str,
    direction: &'static str,
    // Nested: variables at the top level are ignored, and the agent hangs up.
    conversation_initiation_client_data: ClientData,
}

#[derive(Serialize)]
struct ClientData {
    dynamic_variables: Map<String, Value>,
}

/// Registers the call. The answer is TwiML as text, not yet checked.
pub async fn register_call(
    http: &Http,
    agent: &ElevenLabs,
    call: &RegisterCall<'_>,
    timeout: Duration,
) -> Result<String, AgentError> {
    let url = format!("{}/v1/convai/twilio/register-call", agent.api_url.as_str());
    let request = http
        .post(url)
        .header("content-type", "application/json")
        .body(body(agent, call).to_string());
    unwrap_twiml(&send(http, agent, request, timeout, ANSWER_LIMIT).await?)
}

fn body(agent: &ElevenLabs, call: &RegisterCall<'_>) -> Value {
    let mut variables: Map<String, Value> = call
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::to_value(value).unwrap_or_default()))
        .collect();
    variables.insert("call_id".to_owned(), call.call_id.into());
    let body = Body {
        agent_id: &agent.agent_id,
        from_number: call.from.as_str(),
        to_number: call.to.as_str(),
        direction: match call.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound | Direction::OutboundDial => "outbound",
        },
        conversation_initiation_client_data: ClientData { dynamic_variables: variables },
    };
    // Strings and maps of scalars always serialise.
    serde_json::to_value(body).unwrap_or_default()
}

/// The Content-Type is not dependable, and some have seen the TwiML inside JSON: a string, or an
/// object's `twiml` or `twiml_response`.
fn unwrap_twiml(body: &[u8]) -> Result<String, AgentError> {
    let text = std::str::from_utf8(body)
        .map_err(|_| AgentError::InvalidResponse { why: "the answer is not UTF-8".to_owned() })?;
    let inner = match serde_json::from_str(text) {
        Ok(Value::String(twiml)) => Some(twiml),
        Ok(Value::Object(mut object)) => ["twiml", "twiml_response"]
            .into_iter()
            .find_map(|key| object.remove(key))
            .and_then(|twiml| twiml.as_str().map(str::to_owned)),
        _ => None,
    };
    Ok(inner.unwrap_or_else(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::elevenlabs::tests::agent;

    fn registered(variables: Value, direction: Direction) -> Value {
        let call = RegisterCall {
            from: &Party::new("+12125550100"),
            to: &Party::new("+12125550123"),
            direction,
            variables: &DynamicVariables::parse(&variables.to_string()).unwrap(),
            call_id: "0af3",
        };
        body(&agent(), &call)
    }

    #[test]
    fn variables_are_nested_and_keep_their_types() {
        let sent =
            registered(json!({"name": "Jane & Co", "n": 1, "vip": true}), Direction::Outbound);
        let expected = json!({
            "agent_id": "agent_x",
            "from_number": "+12125550100",
            "to_number": "+12125550123",
            "direction": "outbound",
            "conversation_initiation_client_data": {
                "dynamic_variables": {"name": "Jane & Co", "n": 1, "vip": true, "call_id": "0af3"}
            }
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_call_to_our_number_is_inbound() {
        assert_eq!(registered(json!({}), Direction::Inbound)["direction"], "inbound");
    }

    #[test]
    fn twiml_inside_json_is_taken_out() {
        let twiml = "<Response/>";
        let bodies = [
            twiml.to_owned(),
            json!(twiml).to_string(),
            json!({"twiml": twiml}).to_string(),
            json!({"twiml_response": twiml}).to_string(),
        ];
        for body in bodies {
            assert_eq!(unwrap_twiml(body.as_bytes()).unwrap(), twiml, "{body}");
        }
        assert!(unwrap_twiml(&[0xff, 0xfe]).is_err());
    }
}
