//! `GET /v1/convai/conversation/get-signed-url`: a URL that is a credential. Never logged.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::net::Http;

use super::{ANSWER_LIMIT, AgentError, ElevenLabs, send};

#[derive(Deserialize)]
struct Answer {
    signed_url: String,
}

/// Fetches a signed `wss://` URL of the agent. Its host may differ from the one asked.
pub async fn get_signed_url(
    http: &Http,
    agent: &ElevenLabs,
    timeout: Duration,
) -> Result<String, AgentError> {
    let base = agent.api_url.as_str();
    let url = format!("{base}/v1/convai/conversation/get-signed-url");
    let url = Url::parse_with_params(&url, [("agent_id", &agent.agent_id)]).map_err(|_| {
        AgentError::InvalidResponse { why: "ELEVENLABS_API_URL is no base".to_owned() }
    })?;
    signed_url(&send(http, agent, http.get(url), timeout, ANSWER_LIMIT).await?)
}

fn signed_url(body: &[u8]) -> Result<String, AgentError> {
    let nonsense = |why: &str| AgentError::InvalidResponse { why: why.to_owned() };
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| nonsense("the answer has no signed_url"))?;
    match Url::parse(&answer.signed_url) {
        Ok(url) if url.scheme() == "wss" => Ok(answer.signed_url),
        _ => Err(nonsense("the signed_url is no wss URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
