//! `POST /api/twilio/voice`: the person picked up; connect the agent.
//!
//! A person is on the line. So Twilio gets 200 and valid TwiML within the budget in every case: the
//! agent's, or a fitting sentence and a hang-up. Only a request that Twilio did not sign gets an error
//! status: 403 for a bad signature, 405, 413.
//!
//! # Never a second conversation for one call
//!
//! A webhook may come twice, a captured one verifies for ever, and `register-call` has a side effect. So
//! the first request claims the call before it asks ElevenLabs, and the others wait for its answer. While
//! the store is down no request can claim: the call is connected all the same, the log says so, and this
//! process keeps the answer itself.

mod agent;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use crate::call::{AgentAnswer, CallId, Fact, Observation};
use crate::settings::Apology;
use crate::store::{Claim, Record, StoreError};
use crate::twilio::{VoiceRequest, hang_up, say_and_hang_up};

use super::refusal::{Reason, Refusal};
use super::reply::twiml;
use super::webhook::verified;
use super::{App, Endpoint};
use agent::{Connected, Failure};

/// The endpoint that answers TwiML.
#[derive(Clone, Copy, Debug)]
pub struct Voice;

impl Endpoint for Voice {
    const NAME: &'static str = "voice";
    const PATH: &'static str = "/api/twilio/voice";
    const SECRETS: &'static [&'static str] =
        &["ELEVENLABS_API_KEY", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY"];
    const LONGEST: Duration = crate::settings::Voice::LONGEST_BUDGET;

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        if request.method() != Method::POST {
            return Refusal::method_not_allowed("POST").answer(Self::NAME);
        }
        let deadlines = Deadlines::start(app.settings.voice.budget);
        let webhook = match verified::<Self>(&app.settings, &request) {
            Ok(webhook) => webhook,
            // No signature can be verified, so nothing is done; but a person may be on the line.
            Err(refusal) if refusal.reason == Reason::Misconfigured => {
                error!(
                    service = "close-loop",
                    status = "misconfigured",
                    "voice cannot verify signatures: settings are missing"
                );
                return twiml(apology(app, Apology::Configuration));
            }
            Err(refusal) => return refusal.answer(Self::NAME),
        };
        match VoiceRequest::parse(&webhook.form, webhook.call_id) {
            Ok(VoiceRequest { refusal: Some(why), call_sid, .. }) => {
                warn!(service = "twilio", why, callSid = %call_sid, "no agent is connected");
                twiml(hang_up())
            }
            Ok(voice) => twiml(answer(app, &voice, deadlines).await),
            Err(_) => {
                warn!(service = "twilio", "a signed voice webhook without a CallSid");
                twiml(apology(app, Apology::Other))
            }
        }
    }

    fn last_word(self, app: &App) -> Response<Bytes> {
        twiml(apology(app, Apology::Other))
    }
}

/// When each step must be over. All are parts of one budget, counted from the request's arrival.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// The store has answered whether this request is the first.
    claimed: Instant,
    /// The agent has answered.
    connected: Instant,
    /// Twilio has our TwiML.
    answered: Instant,
}

/// How long a person waits for the store after the agent has answered.
const LONGEST_SAVE: Duration = Duration::from_secs(1);

impl Deadlines {
    fn start(budget: Duration) -> Self {
        let now = Instant::now();
        let to_save = (budget / 8).min(LONGEST_SAVE);
        Self {
            claimed: now + (budget / 4).min(Duration::from_secs(2)),
            connected: now + budget - to_save,
            answered: now + budget,
        }
    }
}

fn apology(app: &App, apology: Apology) -> String {
    let apologies = &app.settings.voice.apologies;
    let (voice, language) = (apologies.voice.as_deref(), apologies.language.as_deref());
    say_and_hang_up(apologies.sentence(apology), voice, language)
}

/// The TwiML for one call: the earlier answer, or the agent, or an apology.
async fn answer(app: &App, voice: &VoiceRequest, deadlines: Deadlines) -> String {
    let record = match claim(app, voice, deadlines).await {
        Guard::Answered(twiml) => return twiml,
        Guard::Cached(cached) => return save(app, voice, cached, deadlines).await,
        Guard::Ours(record) => record,
        Guard::Busy => {
            let failure = Failure::new("close-loop", "in-flight", Apology::Other);
            log_failure(voice, &failure, "another webhook of this call is still being answered");
            return apology(app, failure.apology);
        }
    };
    let mut answer = voice.answer.clone();
    let twiml = match agent::connect(app, voice, record.as_ref(), deadlines).await {
        Ok(Connected { twiml, conversation_id }) => {
            info!(callSid = %voice.call_sid, callId = call_id(voice), conversationId = conversation_id, "agent connected");
            answer.conversation_id = conversation_id;
            twiml
        }
        Err(failure) => {
            log_failure(voice, &failure, "the person hears an apology");
            answer.failure = Some(format!("{} {}", failure.service, failure.status));
            apology(app, failure.apology)
        }
    };
    save(app, voice, CachedAnswer { twiml, answer }, deadlines).await
}

/// What a request may do about the call.
enum Guard {
    /// The call was answered already; the same TwiML again.
    Answered(String),
    /// The first webhook of this call is not answered yet, and this one's time is up.
    Busy,
    /// This request answers. What is on record of the call, unless the store is down.
    Ours(Option<Record>),
    /// This process answered the call and could not write that down: the same TwiML again, and another
    /// try to write it.
    Cached(CachedAnswer),
}

/// An answer that was given and could not be written down. A warm instance repeats it; a cold one cannot.
#[derive(Clone, Debug)]
pub(super) struct CachedAnswer {
    /// What Twilio got.
    twiml: String,
    /// What the record lacks.
    answer: AgentAnswer,
}

/// How often a repeated webhook looks whether the first one has its answer.
const POLL: Duration = Duration::from_millis(100);

/// Claims the call, or waits for the answer of the request that has claimed it.
async fn claim(app: &App, voice: &VoiceRequest, deadlines: Deadlines) -> Guard {
    if let Some(cached) = app.unsaved.recall(&voice.call_sid) {
        return Guard::Cached(cached);
    }
    let nonce = app.nonce();
    let ask =
        |deadline| timeout_at(deadline, app.store.claim(&voice.call, &nonce, app.clock.now()));
    let mut reply = match ask(deadlines.claimed).await {
        Ok(Ok(claim)) => claim,
        Ok(Err(error)) => return store_down(voice, &error),
        Err(_) => return store_down(voice, &StoreError::new("timeout")),
    };
    loop {
        match reply {
            Claim::First(record) => return Guard::Ours(Some(record)),
            Claim::Answered(twiml) => return Guard::Answered(twiml),
            Claim::Pending if Instant::now() + POLL >= deadlines.connected => return Guard::Busy,
            Claim::Pending => sleep(POLL).await,
        }
        // Another request holds the claim: even if the store fails now, this one must not answer.
        reply = match ask(deadlines.connected).await {
            Ok(Ok(claim)) => claim,
            Ok(Err(_)) => Claim::Pending,
            Err(_) => return Guard::Busy,
        };
    }
}

fn store_down(voice: &VoiceRequest, error: &StoreError) -> Guard {
    warn!(service = "store", status = "down", %error, callSid = %voice.call_sid, callId = call_id(voice),
        "connecting without the guard against a second registration");
    Guard::Ours(None)
}

/// Writes the answer before it is given: on Lambda nothing runs after it. The person is waiting, so a
/// slow store is not waited for long; then this process keeps the answer, the first one if there are two.
async fn save(
    app: &App,
    voice: &VoiceRequest,
    given: CachedAnswer,
    deadlines: Deadlines,
) -> String {
    let CachedAnswer { twiml, answer } = &given;
    let now = app.clock.now();
    let seen = Observation { at: now, fact: Fact::Answered(answer.clone()) };
    let deadline = deadlines.answered.min(Instant::now() + LONGEST_SAVE);
    let saved = timeout_at(deadline, app.store.answer(&voice.call, twiml, &seen, now)).await;
    let why = match saved {
        Ok(Ok(())) => {
            app.unsaved.forget(&voice.call_sid);
            return given.twiml;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timeout".to_owned(),
    };
    app.unsaved.update(&voice.call_sid, |earlier| earlier.unwrap_or(given.clone()));
    warn!(service = "store", why, callSid = %voice.call_sid, callId = call_id(voice), "voice's answer was not written");
    given.twiml
}

fn call_id(voice: &VoiceRequest) -> Option<&str> {
    voice.call.call_id().map(CallId::as_str)
}

/// One line a failure, with everything that an operator needs.
fn log_failure(voice: &VoiceRequest, failure: &Failure, message: &'static str) {
    error!(
        service = failure.service,
        status = failure.status,
        why = failure.why,
        callSid = %voice.call_sid,
        callId = call_id(voice),
        "{message}"
    );
}
