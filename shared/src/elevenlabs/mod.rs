//! ElevenLabs: connecting an agent to a call that was answered.

mod conversation;
mod error;
mod register_call;
mod signed_url;

use std::time::Duration;

use bytes::Bytes;
use reqwest::RequestBuilder;

pub use conversation::{Conversation, ConversationStatus, Speaker, Turn, fetch_conversation};
pub use error::AgentError;
pub use register_call::{RegisterCall, register_call};
pub use signed_url::get_signed_url;

use crate::net::{self, Http, ReadError, SendError};
use crate::values::{BaseUrl, Secret};

/// How the agent is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connect {
    /// ElevenLabs writes the TwiML. Works on live calls.
    #[default]
    RegisterCall,
    /// A signed URL in `<Stream>`, as the original guide has it. Twilio drops its query.
    SignedUrl,
}

/// One agent.
#[derive(Clone, Debug)]
pub struct ElevenLabs {
    /// `ELEVENLABS_AGENT_ID`.
    pub agent_id: String,
    /// `ELEVENLABS_API_KEY`.
    pub api_key: Secret,
    /// `https://api.elevenlabs.io`, or a region's.
    pub api_url: BaseUrl,
    /// `ELEVENLABS_CONNECT`.
    pub connect: Connect,
}

/// TwiML has at most 64 kB; JSON around it a little more.
const ANSWER_LIMIT: usize = 96 * 1024;

/// Signs in, sends, and reads an answer that is a success and has at most `limit` bytes.
async fn send(
    http: &Http,
    agent: &ElevenLabs,
    request: RequestBuilder,
    timeout: Duration,
    limit: usize,
) -> Result<Bytes, AgentError> {
    let request = request.header("xi-api-key", agent.api_key.reveal()).timeout(timeout);
    let unreachable = |error: SendError| AgentError::Unreachable {
        timeout: matches!(error, SendError::TimedOut(_)),
        why: error.to_string(),
    };
    let response = http.send(request).await.map_err(unreachable)?;
    let status = response.status();
    let body = net::read_limited(response, limit).await;
    if status.is_success() {
        body.map_err(|error| match error {
            ReadError::TooLarge => AgentError::TooLarge,
            ReadError::Broken(why) => AgentError::Unreachable { timeout: false, why },
        })
    } else {
        let detail = body.ok().and_then(|body| error::detail(&body));
        Err(AgentError::Status { status: status.as_u16(), detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn agent() -> ElevenLabs {
        ElevenLabs {
            agent_id: "agent_x".to_owned(),
            api_key: Secret::parse("key").unwrap(),
            api_url: BaseUrl::parse("https://api.elevenlabs.io").unwrap(),
            connect: Connect::RegisterCall,
        }
    }
}
