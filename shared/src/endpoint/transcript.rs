//! `GET /api/elevenlabs/get-transcript`: the conversation while it runs, and as it was.
//!
//! # Asking seldom
//!
//! Pages poll, and many of them may follow one call on many instances. ElevenLabs is asked about a call at
//! most once in [`SPACING`]: the store holds the time of the last question. Until the next one each
//! instance repeats the last answer. A failure is answered in the same way, so that a page which polls
//! does not get a row of 5xx.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Number;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use crate::call::{Call, CallSid, Timestamp};
use crate::elevenlabs::{
    AgentError, Conversation, ConversationStatus, Speaker, Turn, fetch_conversation,
};
use crate::settings::ElevenLabs;
use crate::store::BUDGET;

use super::callers::{Scope, authorize};
use super::calls::{load, required_lookup, wait_to_ask};
use super::refusal::Refusal;
use super::reply::{json, json_body, json_text, page};
use super::{App, Endpoint};

/// The endpoint that reads transcripts.
#[derive(Clone, Copy, Debug)]
pub struct GetTranscript;

/// The least time between two questions about one call.
const SPACING: Duration = Duration::from_secs(2);

/// How long ElevenLabs may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a request waits while another instance asks and its own knows no answer yet.
const PATIENCE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(50);

/// How long after the call's end ElevenLabs may still show a conversation as not begun. After this the
/// call never joined it.
const NEVER_JOINED: Duration = Duration::from_secs(60);

/// The most text in one answer, bytes. Its JSON stays below the hosts' limits (Vercel 4.5 MB, Lambda
/// 6 MB) even if each byte is escaped.
const MAX_TEXT: usize = 512 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// ElevenLabs' word, or `pending` before a conversation is known.
    status: &'static str,
    /// What was said so far.
    transcript: Vec<TurnJson<'a>>,
    /// ElevenLabs' name of the conversation.
    conversation_id: Option<&'a str>,
    /// Whether text is left out.
    truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TurnJson<'a> {
    /// Its place in the conversation, so that a page knows what it shows already.
    id: String,
    /// `agent` or `prospect`, the words of the original app's pages.
    speaker: &'static str,
    /// What was said.
    text: &'a str,
    /// Seconds since the conversation began.
    time_in_call: Option<&'a Number>,
}

impl Endpoint for GetTranscript {
    const NAME: &'static str = "get-transcript";
    const PATH: &'static str = "/api/elevenlabs/get-transcript";
    const SECRETS: &'static [&'static str] =
        &["ELEVENLABS_API_KEY", "MAKE_CALL_TOKEN", "MAKE_CALL_TOKEN_SECONDARY"];
    /// Read, wait for another instance, ask whether we may ask, ask.
    const LONGEST: Duration =
        BUDGET.saturating_mul(2).saturating_add(PATIENCE).saturating_add(ANSWER_TIMEOUT);

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        page::<Self>(app, &request, "GET, HEAD, OPTIONS", read(app, &request)).await
    }
}

async fn read(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    authorize(app, request, Scope::ReadTranscript)?;
    let record = load(app, &required_lookup(request)?).await?;
    let call = record.fold();
    let (Some(call_sid), Some(conversation_id)) = (&call.call_sid, &call.conversation_id) else {
        // A call to our number has no intent: it was answered at once, or is over.
        let ring = record.intent().map_or(0, |intent| intent.timeout_seconds);
        let ring = Duration::from_secs(ring.into());
        return Ok(without_conversation(&call, ring, app.clock.now()));
    };
    let Some(agent) = &app.settings.elevenlabs else {
        return Err(Refusal::misconfigured(&app.settings.problems));
    };
    Ok(Following { app, agent, call: &call, call_sid, conversation_id }.answer().await)
}

/// The answer for a call whose conversation is not known. A call that rang in vain may have no end on
/// record: once the phone cannot ring any more, no conversation can begin.
fn without_conversation(call: &Call, ring: Duration, now: Timestamp) -> Response<Bytes> {
    let rings_no_more = call.created_at.is_some_and(|at| at.plus(ring).plus(NEVER_JOINED) <= now);
    let was_answered = call.answered_at.is_some();
    let (status, truncated) = if !call.is_over() && (was_answered || !rings_no_more) {
        ("pending", false)
    } else if !was_answered || call.failure.is_some() {
        ("failed", false)
    } else {
        // Connected without a record of it: with a signed URL, or while the store was down.
        ("done", true)
    };
    json(StatusCode::OK, &Body { status, transcript: Vec::new(), conversation_id: None, truncated })
}

/// The last answer about one call.
#[derive(Clone)]
pub(super) struct CachedTranscript {
    /// When ElevenLabs was asked for it.
    at: Timestamp,
    /// Whether ElevenLabs has nothing to add.
    is_final: bool,
    /// Whether ElevenLabs did not answer, so that the body is of an earlier time.
    is_stale: bool,
    /// `None`: ElevenLabs has not answered yet.
    body: Option<Bytes>,
}

/// One request about a conversation that is known.
struct Following<'a> {
    /// For the store, the clock and this process' memory.
    app: &'a App,
    /// With which key ElevenLabs is asked.
    agent: &'a ElevenLabs,
    /// The call as it is on record.
    call: &'a Call,
    /// The name under which answers are remembered and questions are spaced.
    call_sid: &'a CallSid,
    /// What ElevenLabs is asked for.
    conversation_id: &'a str,
}

impl Following<'_> {
    /// The last answer if it is fresh, else a new one, else the best that is known.
    async fn answer(&self) -> Response<Bytes> {
        let deadline = Instant::now() + PATIENCE;
        let mut free_at = None;
        loop {
            let now = self.app.clock.now();
            let cached = self.app.transcripts.recall(self.call_sid);
            if let Some(cached) = &cached
                && (cached.is_final || now < cached.at.plus(SPACING))
            {
                return self.reply(Some(cached), false);
            }
            if free_at.is_none_or(|free_at| free_at <= now) {
                free_at = self.wait_to_ask(now).await;
                if free_at.is_none() {
                    return self.ask(cached, now).await;
                }
            }
            if cached.is_some() || Instant::now() >= deadline {
                return self.reply(cached.as_ref(), true);
            }
            sleep(POLL).await;
        }
    }

    /// When ElevenLabs may be asked; `None`: now, by this request.
    async fn wait_to_ask(&self, now: Timestamp) -> Option<Timestamp> {
        let wait = wait_to_ask(self.app, "transcript", self.call_sid, SPACING, now).await;
        wait.unwrap_or_else(|error| {
            warn!(service = "store", %error, callSid = %self.call_sid, "ElevenLabs was not asked for a transcript");
            Some(now.plus(SPACING))
        })
    }

    async fn ask(&self, cached: Option<CachedTranscript>, now: Timestamp) -> Response<Bytes> {
        let http = &self.app.http;
        let asked =
            fetch_conversation(http, self.agent, self.conversation_id, ANSWER_TIMEOUT).await;
        let (is_final, is_stale, body) = match asked {
            Ok(conversation) => {
                let (is_final, body) = self.read(&conversation, now);
                (is_final, false, Some(body))
            }
            // Larger than we hold, or deleted: the next answer would be the same.
            Err(AgentError::TooLarge | AgentError::Status { status: 404, .. })
                if self.call.is_over() =>
            {
                (true, false, Some(self.body(ConversationStatus::Done, Vec::new(), true)))
            }
            Err(error) => {
                self.log(&error);
                (false, true, cached.and_then(|cached| cached.body))
            }
        };
        let cached = CachedTranscript { at: now, is_final, is_stale, body };
        self.app.transcripts.remember(self.call_sid, cached.clone());
        self.reply(Some(&cached), is_stale)
    }

    /// Whether this is the conversation's last state, and the answer's text.
    fn read<'t>(&self, conversation: &'t Conversation, now: Timestamp) -> (bool, Bytes) {
        let is_gone = self.call.ended_at.is_some_and(|end| end.plus(NEVER_JOINED) <= now);
        let status = match conversation.status {
            ConversationStatus::Initiated if is_gone => ConversationStatus::Failed,
            status => status,
        };
        let mut left = MAX_TEXT;
        let fits = |turn: &&Turn| {
            let room = left.checked_sub(turn.text.len());
            left = room.unwrap_or_default();
            room.is_some()
        };
        let json = |turn: &'t Turn| TurnJson {
            id: turn.index.to_string(),
            speaker: if turn.speaker == Speaker::Agent { "agent" } else { "prospect" },
            text: &turn.text,
            time_in_call: turn.time_in_call_secs.as_ref(),
        };
        let turns: Vec<_> = conversation.turns.iter().take_while(fits).map(json).collect();
        let truncated = turns.len() < conversation.turns.len();
        let is_final = matches!(status, ConversationStatus::Done | ConversationStatus::Failed);
        (is_final, self.body(status, turns, truncated))
    }

    fn body(
        &self,
        status: ConversationStatus,
        transcript: Vec<TurnJson<'_>>,
        truncated: bool,
    ) -> Bytes {
        let conversation_id = Some(self.conversation_id);
        json_body(&Body { status: status.as_str(), transcript, conversation_id, truncated })
    }

    /// The last answer, or what the call's record says if ElevenLabs never gave one. An old answer names
    /// the time to ask again.
    fn reply(&self, cached: Option<&CachedTranscript>, is_old: bool) -> Response<Bytes> {
        let body = cached.and_then(|cached| cached.body.clone());
        let is_old = is_old || body.is_none() || cached.is_some_and(|cached| cached.is_stale);
        let is_over = self.call.is_over();
        let status =
            if is_over { ConversationStatus::Processing } else { ConversationStatus::InProgress };
        let mut response = json_text(body.unwrap_or_else(|| self.body(status, Vec::new(), false)));
        if is_old {
            let seconds = HeaderValue::from(SPACING.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }

    fn log(&self, failure: &AgentError) {
        let status = failure.status();
        if matches!(failure, AgentError::Status { status: 401 | 403, .. }) {
            error!(service = "elevenlabs", status, why = %failure, callSid = %self.call_sid, "the API key may not read conversations");
        } else {
            warn!(service = "elevenlabs", status, why = %failure, callSid = %self.call_sid, "a transcript could not be read");
        }
    }
}
