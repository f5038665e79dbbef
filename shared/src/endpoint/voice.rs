//! `POST /api/twilio/voice`: the person picked up; connect the agent.
//!
//! A person is on the line. So whatever happens, Twilio gets 200 and valid TwiML within the budget:
//! the agent's, or a fitting sentence and a hang-up. What is not Twilio's gets an error: 403 for a bad
//! signature, 405, 413.

mod agent;
mod guard;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use crate::call::{AgentAnswer, CallId, Fact, Observation};
use crate::settings::Apology;
use crate::twilio::{VoiceRequest, hang_up, say_and_hang_up};

use super::answer::twiml;
use super::refusal::{Reason, Refusal};
use super::{App, Endpoint};
use agent::{Connected, Failure};
use guard::{Guard, Remembered};

pub(super) use guard::Unguarded;

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
        let time = Time::start(app.settings.voice.budget);
        let webhook = match super::webhook::verified::<Self>(&app.settings, &request) {
            Ok(webhook) => webhook,
            // Nobody can be believed, so nothing is done; but somebody may be on the line.
            Err(refusal) if refusal.reason == Reason::Misconfigured => {
                error!(
                    service = "close-loop",
                    status = "misconfigured",
                    "voice cannot judge signatures"
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
            Ok(voice) => twiml(answer(app, &voice, time).await),
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

/// How long a person waits for the store after the agent has answered.
const LONGEST_SAVE: Duration = Duration::from_secs(1);

/// When each step must be over. All are parts of one budget, counted from the request's arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// The store has told whether we are the first to answer.
    claimed: Instant,
    /// The agent has answered.
    connected: Instant,
    /// Twilio has our TwiML.
    answered: Instant,
}

impl Time {
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

/// The TwiML for one call: what was answered before, or the agent, or an apology.
async fn answer(app: &App, voice: &VoiceRequest, time: Time) -> String {
    let known = match guard::claim(app, voice, time).await {
        Guard::Answered(twiml) => return twiml,
        Guard::Remembered(Remembered { twiml, answer }) => {
            save(app, voice, &twiml, answer, time).await;
            return twiml;
        }
        Guard::Ours(known) => known,
        Guard::Busy => {
            let failure = Failure::new("close-loop", "in-flight", Apology::Other);
            log_failure(voice, &failure, "another webhook of this call is still being answered");
            return apology(app, failure.apology);
        }
    };
    let (document, answer) = match agent::connect(app, voice, &known, time).await {
        Ok(Connected { twiml, conversation_id }) => {
            info!(callSid = %voice.call_sid, callId = call_id(voice), conversationId = conversation_id, "agent connected");
            (twiml, AgentAnswer { conversation_id, ..voice.answer.clone() })
        }
        Err(failure) => {
            log_failure(voice, &failure, "the person hears an apology");
            let reason = format!("{} {}", failure.service, failure.status);
            (
                apology(app, failure.apology),
                AgentAnswer { failure: Some(reason), ..voice.answer.clone() },
            )
        }
    };
    save(app, voice, &document, answer, time).await;
    document
}

/// Keeps the answer before it is given: on Lambda nothing happens after it. The person is waiting,
/// so a store that takes its time is not waited for long; then this process remembers.
async fn save(app: &App, voice: &VoiceRequest, document: &str, answer: AgentAnswer, time: Time) {
    let now = app.clock.now();
    let seen = Observation { at: now, fact: Fact::Answered(answer.clone()) };
    let deadline = time.answered.min(Instant::now() + LONGEST_SAVE);
    let saved = timeout_at(deadline, app.store.answer(&voice.call, document, &seen, now)).await;
    let why = match saved {
        Ok(Ok(())) => return app.unguarded.forget(&voice.call_sid),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timeout".to_owned(),
    };
    app.unguarded.remember(&voice.call_sid, Remembered { twiml: document.to_owned(), answer });
    warn!(service = "store", why, callSid = %voice.call_sid, callId = call_id(voice), "voice's answer was not written");
}

fn call_id(voice: &VoiceRequest) -> Option<&str> {
    voice.call.call_id().map(CallId::as_str)
}

/// One line a failure, with everything that whoever is paged needs.
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
