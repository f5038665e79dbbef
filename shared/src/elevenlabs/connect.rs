//! The two ways to connect a call to an agent.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Direction, DynamicVariables, Party};
use crate::net::Http;

use super::error::invalid;
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

/// `POST /v1/convai/twilio/register-call`: creates a conversation and returns the TwiML that joins the
/// call to it, as text that is not yet checked. It has a side effect, so voice asks once for each
/// `CallSid`.
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
    // A map of scalars always serialises; an index adds the name that is missing.
    let mut variables = serde_json::to_value(call.variables).unwrap_or_default();
    variables["call_id"] = call.call_id.into();
    let direction = match call.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound | Direction::OutboundDial => "outbound",
    };
    // Nested: variables at the top level are ignored, and the agent hangs up.
    json!({
        "agent_id": agent.agent_id,
        "from_number": call.from.as_str(),
        "to_number": call.to.as_str(),
        "direction": direction,
        "conversation_initiation_client_data": {"dynamic_variables": variables},
    })
}

/// The Content-Type is not dependable, and the TwiML has been seen inside JSON: a string, or an object's
/// `twiml` or `twiml_response`.
fn unwrap_twiml(body: &[u8]) -> Result<String, AgentError> {
    let text = std::str::from_utf8(body).map_err(|_| invalid("the answer is not UTF-8"))?;
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

#[derive(Deserialize)]
struct Answer {
    signed_url: String,
}

/// `GET /v1/convai/conversation/get-signed-url`: a `wss://` URL of the agent, which is a credential and
/// never logged. Its host may differ from the one asked.
pub async fn get_signed_url(
    http: &Http,
    agent: &ElevenLabs,
    timeout: Duration,
) -> Result<String, AgentError> {
    let base = agent.api_url.as_str();
    let url = format!("{base}/v1/convai/conversation/get-signed-url");
    let url = Url::parse_with_params(&url, [("agent_id", &agent.agent_id)])
        .map_err(|_| invalid("ELEVENLABS_API_URL is no base"))?;
    signed_url(&send(http, agent, http.get(url), timeout, ANSWER_LIMIT).await?)
}

fn signed_url(body: &[u8]) -> Result<String, AgentError> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| invalid("the answer has no signed_url"))?;
    match Url::parse(&answer.signed_url) {
        Ok(url) if url.scheme() == "wss" => Ok(answer.signed_url),
        _ => Err(invalid("the signed_url is no wss URL")),
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn only_a_wss_url_is_taken_and_it_is_taken_as_it_is() {
        let url = "wss://api.us.elevenlabs.io/v1/convai/conversation?agent_id=a&conversation_signature=cvtkn_0";
        let body = serde_json::json!({"signed_url": url}).to_string();
        assert_eq!(signed_url(body.as_bytes()).as_deref(), Ok(url));
        for body in ["", "{}", "<html>", r#"{"signed_url":7}"#, r#"{"signed_url":"https://x"}"#] {
            assert!(matches!(signed_url(body.as_bytes()), Err(AgentError::InvalidResponse { .. })));
        }
    }
}
