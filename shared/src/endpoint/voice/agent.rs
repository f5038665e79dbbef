//! Connecting the agent, one way or the other, and which apology each failure gets.

use tokio::time::Instant;
use tracing::warn;

use crate::call::{CallId, Direction, DynamicVariables};
use crate::elevenlabs::{AgentError, RegisterCall, get_signed_url, register_call};
use crate::endpoint::App;
use crate::settings::{Apology, Connect, ElevenLabs};
use crate::store::Record;
use crate::twilio::{Callbacks, RegisteredTwiml, StreamUrl, VoiceRequest, WebhookUrls};

use super::Deadlines;

/// TwiML that joins the call to the agent.
pub(super) struct Connected {
    /// What Twilio gets.
    pub(super) twiml: String,
    /// ElevenLabs' conversation; a signed URL names none.
    pub(super) conversation_id: Option<String>,
}

/// Why the agent could not be connected.
pub(super) struct Failure {
    /// Which service failed: `elevenlabs`, `store` or `close-loop`.
    pub(super) service: &'static str,
    /// An HTTP status, or a word in its place.
    pub(super) status: String,
    /// More, for the log.
    pub(super) why: Option<String>,
    /// What the person hears.
    pub(super) apology: Apology,
}

impl Failure {
    pub(super) fn new(service: &'static str, status: &str, apology: Apology) -> Self {
        Self { service, status: status.to_owned(), why: None, apology }
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        let apology = match &error {
            AgentError::Status { status: 429, .. } => Apology::Busy,
            AgentError::Status { status: 401 | 403, .. } => Apology::Configuration,
            _ => Apology::Other,
        };
        Self {
            service: "elevenlabs",
            status: error.status(),
            why: Some(error.to_string()),
            apology,
        }
    }
}

/// Asks ElevenLabs within the budget. `record`: what the store knows of the call, if it answered.
pub(super) async fn connect(
    app: &App,
    voice: &VoiceRequest,
    record: Option<&Record>,
    deadlines: Deadlines,
) -> Result<Connected, Failure> {
    let Some(agent) = &app.settings.elevenlabs else {
        return Err(Failure::new("close-loop", "misconfigured", Apology::Configuration));
    };
    let deadline = deadlines.connected;
    let connecting = async {
        match agent.connect {
            Connect::RegisterCall => register(app, agent, voice, record, deadline).await,
            Connect::SignedUrl => signed_url(app, agent, voice, deadline).await,
        }
    };
    // The client's own timeout covers the request; this covers everything.
    let timeout = |_| Err(Failure::new("elevenlabs", "timeout", Apology::Other));
    tokio::time::timeout_at(deadline, connecting).await.unwrap_or_else(timeout)
}

async fn register(
    app: &App,
    agent: &ElevenLabs,
    voice: &VoiceRequest,
    record: Option<&Record>,
    deadline: Instant,
) -> Result<Connected, Failure> {
    let call_id = voice.call.call_id();
    let defaults = &app.settings.calling.default_variables;
    let variables = variables(call_id, record)?.map(|own| own.over(defaults));
    let request = RegisterCall {
        from: &voice.from,
        to: &voice.to,
        direction: voice.direction,
        variables: variables.as_ref().unwrap_or(defaults),
        call_id: call_id.map_or(voice.call_sid.as_str(), CallId::as_str),
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let document = register_call(&app.http, agent, &request, left).await?;
    let urls = Urls::of(app, voice);
    let registered = RegisteredTwiml::parse(&document, &agent.api_url, urls.callbacks())
        .map_err(|error| AgentError::InvalidResponse { why: error.to_string() })?;
    if let Some(why) = registered.warning {
        let call_id = call_id.map(CallId::as_str);
        warn!(service = "elevenlabs", status = "odd", why, callSid = %voice.call_sid, callId = call_id, "the agent's TwiML may not work");
    }
    Ok(Connected { twiml: registered.twiml, conversation_id: Some(registered.conversation_id) })
}

/// The call's own variables. An agent without a variable that it needs hangs up at once. So the person
/// hears an apology if the call was given variables and they cannot be read.
fn variables<'a>(
    call_id: Option<&CallId>,
    record: Option<&'a Record>,
) -> Result<Option<&'a DynamicVariables>, Failure> {
    let found = record.and_then(Record::intent).map(|intent| &intent.dynamic_variables);
    if found.is_none() && call_id.is_some_and(CallId::has_variables) {
        return Err(Failure::new("store", "variables-lost", Apology::Other));
    }
    Ok(found)
}

async fn signed_url(
    app: &App,
    agent: &ElevenLabs,
    voice: &VoiceRequest,
    deadline: Instant,
) -> Result<Connected, Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    let url = get_signed_url(&app.http, agent, left).await?;
    let url = StreamUrl::parse(&url, &agent.api_url).ok_or_else(|| {
        AgentError::InvalidResponse { why: "the signed_url does not lead to ElevenLabs".to_owned() }
    })?;
    let twiml = app.settings.voice.stream.twiml(&url, Urls::of(app, voice).callbacks());
    Ok(Connected { twiml, conversation_id: None })
}

/// Where Twilio reports what becomes of the agent's document.
struct Urls {
    /// How the stream to the agent went, unless `STREAM_STATUS_CALLBACK` is off.
    stream: Option<String>,
    /// The recording, where the document starts one.
    recording: Option<String>,
}

impl Urls {
    /// A call that we dialled is recorded as its dial says; for a call to our number the setting decides.
    fn of(app: &App, voice: &VoiceRequest) -> Self {
        let settings = &app.settings;
        let call_id = voice.call.call_id();
        let is_recorded_here = call_id.is_none()
            && voice.direction == Direction::Inbound
            && settings.calling.record_calls;
        let urls = settings.app_url.as_ref().map(|app_url| WebhookUrls::new(app_url, call_id));
        let stream = urls.as_ref().filter(|_| settings.voice.stream_status_callback);
        let recording = urls.as_ref().filter(|_| is_recorded_here);
        Self {
            stream: stream.map(WebhookUrls::status),
            recording: recording.map(WebhookUrls::recording),
        }
    }

    fn callbacks(&self) -> Callbacks<'_> {
        Callbacks { stream: self.stream.as_deref(), recording: self.recording.as_deref() }
    }
}
