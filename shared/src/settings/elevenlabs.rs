//! The ElevenLabs agent.

use super::env::Env;
use super::{BaseUrl, Secret};

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

pub(super) fn elevenlabs(env: &mut Env<'_>) -> Option<ElevenLabs> {
    // Visible ASCII, like a secret, though it is none.
    let agent_id =
        env.required("ELEVENLABS_AGENT_ID", Secret::parse).map(|id| id.reveal().to_owned());
    let api_key = env.required("ELEVENLABS_API_KEY", Secret::parse);
    let api_url = match env.get("ELEVENLABS_API_URL") {
        Some(_) => env.optional("ELEVENLABS_API_URL", BaseUrl::parse),
        None => BaseUrl::parse("https://api.elevenlabs.io").ok(),
    };
    let connect = env.optional("ELEVENLABS_CONNECT", |text| match text {
        "register-call" => Ok(Connect::RegisterCall),
        "signed-url" => Ok(Connect::SignedUrl),
        _ => Err("must be register-call or signed-url".to_owned()),
    });
    Some(ElevenLabs {
        agent_id: agent_id?,
        api_key: api_key?,
        api_url: api_url?,
        connect: connect.unwrap_or_default(),
    })
}
