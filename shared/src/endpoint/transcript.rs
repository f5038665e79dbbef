//! `GET /api/elevenlabs/get-transcript`: the conversation while it runs, and as it was.
//!
//! # Asking seldom
//!
//! Pages poll, and many of them may follow one call on many instances. ElevenLabs is asked for a call at
//! most once in [`SPACING`]: the store holds the time of the last question. Until the next one each
//! instance answers what it was told last. Failures are told the same way, so that a page which polls
//! never meets a row of 5xx.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Number;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use crate::call::{Call, CallSid, Timestamp};
use crate::elevenlabs::{
    AgentError, Conversation, ConversationStatus, Speaker, fetch_conversation,
};
use crate::settings::ElevenLabs;
use crate::store::{BUDGET, Nonce, Taken, timely};

use super::access::{Scope, allow_origin, authorize, preflight};
use super::answer::json;
use super::callers::admit;
use super::calls::{call_not_found, required_lookup, unreadable};
use super::recent::Recent;
use super::refusal::{Reason, Refusal};
use super::{App, Endpoint};

/// The endpoint that tells what is said.
#[derive(Clone, Copy, Debug)]
pub struct GetTranscript;

const METHODS: &str = "GET, HEAD, OPTIONS";

/// The least time between two questions about one call.
const SPACING: Duration = Duration::from_secs(2);

/// How long ElevenLabs may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a request waits, where its instance knows nothing yet and another one is asking.
const PATIENCE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(50);

/// A registered conversation that the call has not joined by so long after its end never will be.
const NEVER_JOINED: Duration = Duration::from_secs(60);

/// The most text in one answer, bytes: its JSON stays below what the hosts let pass (Vercel 4.5 MB,
/// Lambda 6 MB), even if each byte is escaped.
const MAX_TEXT: usize = 512 * 1024;

/// Answers remembered at most. Few calls are followed at once, and each answer may be large.
const REMEMBERED: usize = 16;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    status: &'static str,
    transcript: Vec<TurnJson<'a>>,
    conversation_id: Option<&'a str>,
    truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TurnJson<'a> {
    id: String,
    speaker: &'static str,
    text: &'a str,
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
        let response = match *request.method() {
            Method::GET => {
                read(app, &request).await.unwrap_or_else(|refusal| refusal.answer(Self::NAME))
            }
            Method::OPTIONS => preflight(METHODS),
            _ => Refusal::method_not_allowed(METHODS).answer(Self::NAME),
        };
        allow_origin(&app.settings, request.method(), request.headers(), response)
    }

    fn last_word(self, _: &App) -> Response<Bytes> {
        Refusal::new(Reason::InternalError, "Try again.").into()
    }
}

async fn read(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let caller = authorize(&app.settings, request.headers(), Scope::ReadTranscript)?;
    admit(app, &caller, request)?;
    let by = required_lookup(request)?;
    let now = app.clock.now();
    let record = timely(app.store.load(&by, now)).await.map_err(|error| unreadable(&error))?;
    let record = record.ok_or_else(call_not_found)?;
    let call = record.fold();
    let (Some(call_sid), Some(conversation_id)) = (&call.call_sid, &call.conversation_id) else {
        // A call that rang us has no intent: it was answered at once, or is over.
        let ring = record.intent().map_or(0, |intent| intent.timeout_seconds);
        return Ok(without_conversation(&call, Duration::from_secs(ring.into()), now));
    };
    let Some(agent) = &app.settings.elevenlabs else {
        return Err(Refusal::misconfigured(&app.settings.problems));
    };
    Ok(Following { app, agent, call: &call, call_sid, conversation_id }.state().await)
}

/// What is said of a call whose conversation is not known. The end of a call that rang in vain may not
/// have been told: once the phone cannot ring any more, no conversation can begin.
fn without_conversation(call: &Call, ring: Duration, now: Timestamp) -> Response<Bytes> {
    let rings_no_more = call.created_at.is_some_and(|at| at.plus(ring).plus(NEVER_JOINED) <= now);
    let was_answered = call.answered_at.is_some();
    let (status, truncated) = if !call.is_over() && (was_answered || !rings_no_more) {
        ("pending", false)
    } else if call.answered_at.is_none() || call.failure.is_some() {
        ("failed", false)
    } else {
        // Connected without a record of it: with a signed URL, or while the store was down.
        ("done", true)
    };
    json(StatusCode::OK, &Body { status, transcript: Vec::new(), conversation_id: None, truncated })
}

/// One request about a conversation that is known.
struct Following<'a> {
    app: &'a App,
    agent: &'a ElevenLabs,
    call: &'a Call,
    call_sid: &'a CallSid,
    conversation_id: &'a str,
}

impl Following<'_> {
    /// What this instance was told a moment ago, else what ElevenLabs says now, else the best that is
    /// known.
    async fn state(&self) -> Response<Bytes> {
        let deadline = Instant::now() + PATIENCE;
        let mut free_at = None;
        loop {
            let now = self.app.clock.now();
            let told = self.app.transcripts.0.recall(self.call_sid);
            if let Some(told) = &told
                && (told.is_final || now < told.at.plus(SPACING))
            {
                return self.again(told);
            }
            if free_at.is_none_or(|free_at| free_at <= now) {
                match self.may_ask(now).await {
                    Ok(()) => return self.ask(told, now).await,
                    Err(next) => free_at = Some(next),
                }
            }
            match told {
                Some(told) => return stale(self.again(&told)),
                None if Instant::now() >= deadline => return stale(self.unknown()),
                None => sleep(POLL).await,
            }
        }
    }

    /// Whether the question is this request's to ask; else from when on one may be asked.
    async fn may_ask(&self, now: Timestamp) -> Result<(), Timestamp> {
        let name = format!("transcript {}", self.call_sid);
        let nonce = Nonce::new(self.app.random.bits128());
        match timely(self.app.store.take_turn(&name, SPACING, &nonce, now)).await {
            Ok(Taken::Yes) => Ok(()),
            Ok(Taken::No { free_at } | Taken::TooSoon { free_at }) => Err(free_at),
            Err(error) => {
                warn!(service = "store", %error, callSid = %self.call_sid, "a transcript was not asked for");
                Err(now.plus(SPACING))
            }
        }
    }

    async fn ask(&self, told: Option<Told>, now: Timestamp) -> Response<Bytes> {
        let http = &self.app.http;
        let asked =
            fetch_conversation(http, self.agent, self.conversation_id, ANSWER_TIMEOUT).await;
        let told = match asked {
            Ok(conversation) => self.tell(&conversation, now),
            // Larger than we hold, or deleted: asked again it will be no other.
            Err(AgentError::TooLarge | AgentError::Status { status: 404, .. })
                if self.call.is_over() =>
            {
                let body = self.body(ConversationStatus::Done, Vec::new(), true);
                Told { at: now, is_final: true, is_stale: false, body: Some(body) }
            }
            Err(error) => {
                self.log(&error);
                let body = told.and_then(|told| told.body);
                Told { at: now, is_final: false, is_stale: true, body }
            }
        };
        self.app.transcripts.0.remember(self.call_sid, told.clone());
        self.again(&told)
    }

    fn tell(&self, conversation: &Conversation, now: Timestamp) -> Told {
        let is_gone = self.call.ended_at.is_some_and(|end| end.plus(NEVER_JOINED) <= now);
        let status = match conversation.status {
            ConversationStatus::Initiated if is_gone => ConversationStatus::Failed,
            status => status,
        };
        let mut left = MAX_TEXT;
        let fits = |turn: &&crate::elevenlabs::Turn| {
            let room = left.checked_sub(turn.text.len());
            left = room.unwrap_or_default();
            room.is_some()
        };
        let turns: Vec<TurnJson<'_>> = conversation
            .turns
            .iter()
            .take_while(fits)
            .map(|turn| TurnJson {
                id: turn.index.to_string(),
                speaker: match turn.speaker {
                    Speaker::Agent => "agent",
                    Speaker::User => "prospect",
                },
                text: &turn.text,
                time_in_call: turn.time_in_call_secs.as_ref(),
            })
            .collect();
        let truncated = turns.len() < conversation.turns.len();
        let is_final = matches!(status, ConversationStatus::Done | ConversationStatus::Failed);
        let body = Some(self.body(status, turns, truncated));
        Told { at: now, is_final, is_stale: false, body }
    }

    /// Nothing was told yet, and nothing can be asked now.
    fn unknown(&self) -> Response<Bytes> {
        let is_over = self.call.is_over();
        let status =
            if is_over { ConversationStatus::Processing } else { ConversationStatus::InProgress };
        let mut response = json(StatusCode::OK, &());
        *response.body_mut() = self.body(status, Vec::new(), false);
        response
    }

    fn body(
        &self,
        status: ConversationStatus,
        transcript: Vec<TurnJson<'_>>,
        truncated: bool,
    ) -> Bytes {
        let conversation_id = Some(self.conversation_id);
        let body = Body { status: status.as_str(), transcript, conversation_id, truncated };
        json(StatusCode::OK, &body).into_body()
    }

    fn again(&self, told: &Told) -> Response<Bytes> {
        let Some(body) = &told.body else { return stale(self.unknown()) };
        let mut response = json(StatusCode::OK, &());
        *response.body_mut() = body.clone();
        if told.is_stale { stale(response) } else { response }
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

/// Says that the answer is not of now, and when to ask again.
fn stale(mut response: Response<Bytes>) -> Response<Bytes> {
    let seconds = HeaderValue::from(SPACING.as_secs());
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// The last answer about one call.
#[derive(Clone)]
struct Told {
    /// When ElevenLabs was asked for it.
    at: Timestamp,
    /// Whether ElevenLabs has nothing to add.
    is_final: bool,
    /// Whether ElevenLabs did not answer, and the body is of an earlier time.
    is_stale: bool,
    /// `None`: ElevenLabs has told nothing yet.
    body: Option<Bytes>,
}

/// What this process was told last about each call.
pub(crate) struct Transcripts(Recent<CallSid, Told>);

impl Default for Transcripts {
    fn default() -> Self {
        Self(Recent::new(REMEMBERED))
    }
}
