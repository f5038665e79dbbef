//! What is to go wrong. The JSON form (camelCase) is what `/control` speaks.

use serde::{Deserialize, Serialize};

/// Everything that can be made to go wrong; the default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// What ElevenLabs does with a request and a talk.
    pub elevenlabs: ElevenLabsFaults,
    /// What Twilio does with a call and its callbacks.
    pub twilio: TwilioFaults,
    /// What Twilio does when a recording is fetched.
    pub recording: RecordingFault,
}

/// Faults of ElevenLabs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ElevenLabsFaults {
    /// How `register-call` and `get-signed-url` are answered when they are in order.
    pub answer: ElevenLabsAnswer,
    /// Real milliseconds before every answer, at any pace.
    pub delay_ms: u64,
    /// How a conversation is answered that is read.
    pub conversations: ConversationFault,
    /// How often a conversation reads `processing` after its talk, before it reads `done`.
    pub processing_reads: u32,
    /// How many real milliseconds a registered conversation waits for its call before it reads
    /// `failed` and cannot begin; a minute if absent.
    pub start_within_ms: Option<u64>,
    /// The dynamic variables that the agent cannot do without: a conversation that lacks one is
    /// closed with 1008 at its start.
    pub required_variables: Vec<String>,
}

/// How ElevenLabs answers `GET /v1/convai/conversations/{id}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationFault {
    /// 200 with the conversation.
    #[default]
    Ok,
    /// 401, the key lacks a permission.
    Unauthorized,
    /// 404, also for a conversation that exists.
    NotFound,
    /// 429 `rate_limit_exceeded`: back off.
    RateLimited,
    /// 500 with an HTML page.
    ServerError,
    /// 200 with an HTML page.
    Nonsense,
    /// 200 and the first half of the answer.
    Truncated,
    /// Takes the request and never answers.
    Never,
    /// Takes the request and closes the connection.
    HangUp,
    /// The conversation, followed by over 6 MB of turns: valid.
    Huge,
    /// The conversation, which reads `in-progress` for ever once it began: valid.
    Stuck,
}

/// How ElevenLabs answers `register-call`, and `get-signed-url` where it makes sense there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElevenLabsAnswer {
    /// The first observed shape of TwiML.
    #[default]
    Ok,
    /// 401, the key lacks a permission.
    Unauthorized,
    /// 404, no such agent on this host.
    NotFound,
    /// 422 with `detail` as a list.
    Unprocessable,
    /// 429 `rate_limit_exceeded`: back off.
    RateLimited,
    /// 429 `concurrent_limit_exceeded`: wait for a slot.
    Concurrency,
    /// 500 with an HTML page.
    ServerError,
    /// 200 with an HTML page.
    Nonsense,
    /// 200 with well-formed XML that has no `<Stream>`.
    NotTwiml,
    /// 200 with TwiML behind a DOCTYPE.
    Doctype,
    /// 200 with a `<Stream>` that names no conversation.
    NoConversationId,
    /// 200 and the first half of the answer.
    Truncated,
    /// 200 with no body.
    Empty,
    /// The TwiML as a JSON string: valid.
    JsonString,
    /// `{"twiml": ...}`: valid.
    JsonObject,
    /// The second observed shape, with `track="inbound_track"`: valid.
    InboundTrack,
    /// A good stream, and a `<Dial>` behind it.
    Dial,
    /// A good stream, and a `<Redirect>` before it.
    Redirect,
    /// A stream to a stranger.
    ForeignStream,
    /// A good stream that reports to a stranger.
    ForeignCallback,
    /// Takes the request and never answers.
    Never,
    /// Takes the request and closes the connection.
    HangUp,
}

/// Faults of Twilio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TwilioFaults {
    /// How a request for a new call is answered.
    pub create: CreateFault,
    /// Real milliseconds before a request for a new call is answered.
    pub delay_ms: u64,
    /// Probability, 0 to 1, that a callback is delivered twice. Voice webhooks are not touched.
    pub duplicate: f64,
    /// Probability, 0 to 1, that a callback is not delivered. Voice webhooks are not touched.
    pub drop: f64,
    /// Callbacks of a call are held and delivered shuffled when the call is over. The voice webhook
    /// is never held.
    pub reorder: bool,
    /// Real milliseconds before each callback.
    pub callback_delay_ms: u64,
    /// Fetches the TwiML twice and executes the second answer, as after a retry nobody can see.
    pub voice_twice: bool,
    /// Chance for the three faults above; the seed of the configuration if absent.
    pub seed: Option<u64>,
}

/// How Twilio answers `POST Calls.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CreateFault {
    /// 201.
    #[default]
    Ok,
    /// The call is created, the connection closed without an answer.
    LoseReply,
    /// 500 code 20500, and the call is created.
    ServerError,
    /// 500 code 20500, and no call is created.
    ServerErrorNoCall,
    /// 429 code 20429.
    RateLimited,
    /// 401 code 20003.
    Unauthorized,
    /// 400 with this code. In JSON `reject:21215`.
    Reject(u32),
    /// 201 with a body that is not JSON; the call is created.
    Nonsense,
    /// Takes the request and never answers; no call is created.
    Never,
}

impl TryFrom<String> for CreateFault {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(code) = text.strip_prefix("reject:") {
            return code
                .parse()
                .map(Self::Reject)
                .map_err(|_| format!("`{code}` is not an error code"));
        }
        Ok(match text.as_str() {
            "ok" => Self::Ok,
            "lose_reply" => Self::LoseReply,
            "server_error" => Self::ServerError,
            "server_error_no_call" => Self::ServerErrorNoCall,
            "rate_limited" => Self::RateLimited,
            "unauthorized" => Self::Unauthorized,
            "nonsense" => Self::Nonsense,
            "never" => Self::Never,
            _ => return Err(format!("no such fault: `{text}`")),
        })
    }
}

impl From<CreateFault> for String {
    fn from(fault: CreateFault) -> Self {
        match fault {
            CreateFault::Ok => "ok".into(),
            CreateFault::LoseReply => "lose_reply".into(),
            CreateFault::ServerError => "server_error".into(),
            CreateFault::ServerErrorNoCall => "server_error_no_call".into(),
            CreateFault::RateLimited => "rate_limited".into(),
            CreateFault::Unauthorized => "unauthorized".into(),
            CreateFault::Reject(code) => format!("reject:{code}"),
            CreateFault::Nonsense => "nonsense".into(),
            CreateFault::Never => "never".into(),
        }
    }
}

/// What happens when the media of a recording are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingFault {
    /// 200, or 206 for a range.
    #[default]
    Ok,
    /// 404, as after a deletion.
    Gone,
    /// 200 with everything, whatever range was asked for.
    IgnoresRange,
    /// 307 to another path, which refuses a request that still carries `Authorization`.
    Redirect,
    /// 500 code 20500.
    ServerError,
    /// Takes the request and never answers.
    Never,
}
