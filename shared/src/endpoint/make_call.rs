//! `POST /api/twilio/make-call`: rings a person.
//!
//! # Dialling once
//!
//! Creating a call at Twilio is not idempotent. So the intent is on record before Twilio is asked;
//! our `callId` travels in every webhook's URL, so that even a call whose REST answer was lost finds
//! its record; and an outcome that is not known is told as such and never tried again, not even
//! under its `Idempotency-Key`.

pub(super) mod admission;
mod idempotency;
mod outcome;
mod policy;
mod request;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::call::{
    CallId, CallRef, CallSid, CallStatus, DIAL_BUDGET, Fact, Intent, Observation, StatusEvent,
};
use crate::settings::DialSettings;
use crate::store::{BUDGET, Nonce, StoreError, timely};
use crate::twilio::{DIAL_TIMEOUT, DialError, WebhookUrls, create_call, create_call_form};

use super::access::{Caller, Scope, allow_origin, authorize, preflight};
use super::answer::json;
use super::callers::admit;
use super::refusal::{Reason, Refusal};
use super::{App, Endpoint};
use admission::{Admission, GIVING_BACK};
pub(super) use idempotency::digest_of;
use idempotency::{IdempotencyKey, SentKey, earlier};
use outcome::{fact_of, refusal};
use policy::permit_destination;
use request::{DialRequest, Sent};

/// The endpoint that dials.
#[derive(Clone, Copy, Debug)]
pub struct MakeCall;

const METHODS: &str = "POST, OPTIONS";

/// A call that Twilio took on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dialled<'a> {
    success: bool,
    call_id: &'a str,
    call_sid: &'a str,
    status: &'a str,
    to: &'a str,
    from: &'a str,
}

impl Endpoint for MakeCall {
    const NAME: &'static str = "make-call";
    const PATH: &'static str = "/api/twilio/make-call";
    /// ElevenLabs' too: a call that the agent cannot answer is not placed.
    const SECRETS: &'static [&'static str] = &[
        "ELEVENLABS_API_KEY",
        "MAKE_CALL_TOKEN",
        "MAKE_CALL_TOKEN_SECONDARY",
        "TWILIO_API_KEY_SECRET",
        "TWILIO_AUTH_TOKEN",
    ];
    /// The dial, what came of it on record, and everything given back.
    const LONGEST: Duration = DIAL_BUDGET.saturating_add(BUDGET).saturating_add(GIVING_BACK);

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        let answered = match *request.method() {
            Method::POST => dial(app, &request).await,
            Method::OPTIONS => Ok(preflight(METHODS)),
            _ => Err(Refusal::method_not_allowed(METHODS)),
        };
        let response = answered.unwrap_or_else(|refusal| refusal.answer(Self::NAME));
        allow_origin(&app.settings, request.method(), request.headers(), response)
    }

    fn last_word(self, _: &App) -> Response<Bytes> {
        Refusal::new(
            Reason::InternalError,
            "The phone may be ringing: look at the recent calls before you dial again.",
        )
        .into()
    }
}

/// Dials, or repeats the answer to a dial that was made under the same key. The key comes before
/// everything that holds for a new dial only.
async fn dial(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let headers = request.headers();
    let caller = authorize(&app.settings, headers, Scope::Dial)?;
    let client = admit(app, &caller, request)?;
    let key = IdempotencyKey::of(headers)?;
    let sent = Sent::parse(headers, request.body())?;
    let key = key.map(|key| key.named(&caller, &sent.canonical));
    match (judge(app, &caller, &sent), key) {
        (Ok(judged), key) => {
            let placed = place(app, &judged, client.as_ref(), key).await;
            placed.map_err(|refusal| refusal.about(&judged.wanted.to))
        }
        (Err(refusal), None) => Err(refusal),
        (Err(refusal), Some(key)) => key.earlier_dial(app).await?.ok_or(refusal),
    }
}

/// A request that may be dialled, and what with.
struct Judged<'a> {
    dialling: DialSettings<'a>,
    wanted: DialRequest,
    is_anonymous: bool,
}

/// Everything about a new dial that can be judged before anything is written.
fn judge<'a>(app: &'a App, caller: &Caller, sent: &Sent<'_>) -> Result<Judged<'a>, Refusal> {
    let settings = &app.settings;
    let dialling = settings.for_dialling().map_err(Refusal::misconfigured)?;
    if settings.limits.paused {
        return Err(Refusal::new(Reason::CallingPaused, "Unset CALL_PAUSED to go on."));
    }
    let wanted = DialRequest::parse(sent, settings, caller)?;
    let now = app.clock.now();
    permit_destination(&settings.destinations, dialling.phone_number, &wanted.to, now)
        .map_err(|refusal| refusal.about(&wanted.to))?;
    Ok(Judged { dialling, wanted, is_anonymous: !caller.has_token() })
}

async fn place(
    app: &App,
    judged: &Judged<'_>,
    client: Option<&String>,
    key: Option<SentKey>,
) -> Result<Response<Bytes>, Refusal> {
    let intent = intent(app, judged);
    let owner = Nonce::new(app.random.random_bytes());
    let claim = key.map(|key| key.claim(owner.clone(), intent.call_id.clone()));
    let mut admission = Admission::new(app, &intent, client, claim, owner);
    let deadline = Instant::now() + PREPARATION;
    let Ok(claimed) = timeout_at(deadline, admission.claim_key()).await else {
        return Err(admission.store_failed(&StoreError::new("timeout")).await);
    };
    if let Some(answer) = earlier(app, claimed?)? {
        return Ok(answer);
    }
    prepare(app, &mut admission, &intent, deadline).await?;

    let dialling = &judged.dialling;
    let urls = WebhookUrls::new(dialling.app_url, Some(&intent.call_id));
    let form = create_call_form(&intent, &urls, app.settings.platform.serves_files());
    match create_call(&app.http, dialling.twilio, &form).await {
        Ok((call_sid, status)) => {
            // Should this write fail, the first callback links the two names all the same.
            keep(app, &intent, Some(&call_sid), accepted(&status)).await;
            info!(callId = %intent.call_id, callSid = %call_sid, "dialled");
            Ok(dialled(&intent, &call_sid, &status))
        }
        Err(error) => {
            keep(app, &intent, None, fact_of(&error)).await;
            // Before the answer goes out: a repetition must find it.
            match error {
                DialError::Unknown { .. } => admission.mark_unknown().await,
                _ => admission.give_back().await,
            }
            Err(refusal(&error, &intent.call_id))
        }
    }
}

/// How long the store may take over everything before the dial: a phone that rings long after the
/// click rings for a person who has stopped waiting. It is what Twilio's time leaves of the dial budget.
const PREPARATION: Duration = DIAL_BUDGET.saturating_sub(DIAL_TIMEOUT);

/// Takes what the dial takes and writes the intent, in time; or gives everything back.
async fn prepare(
    app: &App,
    admission: &mut Admission<'_>,
    intent: &Intent,
    deadline: Instant,
) -> Result<(), Refusal> {
    let begun = match timeout_at(deadline, admission.admit()).await {
        Ok(admitted) => {
            admitted?;
            timeout_at(deadline, app.store.begin(intent, app.clock.now())).await
        }
        Err(elapsed) => Err(elapsed),
    };
    match begun {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(admission.store_failed(&error).await),
        Err(_) => Err(admission.store_failed(&StoreError::new("timeout")).await),
    }
}

fn intent(app: &App, judged: &Judged<'_>) -> Intent {
    let Judged { dialling, wanted, is_anonymous } = judged;
    Intent {
        call_id: CallId::new(app.random.random_bytes(), !wanted.dynamic_variables.is_empty()),
        to: wanted.to.clone(),
        from: dialling.phone_number.clone(),
        record: wanted.record.unwrap_or(app.settings.calling.record_calls),
        timeout_seconds: wanted.timeout_seconds,
        time_limit_seconds: wanted.time_limit_seconds,
        machine_detection: wanted.machine_detection,
        is_anonymous: *is_anonymous,
        dynamic_variables: wanted.dynamic_variables.clone(),
    }
}

/// Writes what came of the dial. A failure is logged and goes no further: the call is what it is.
async fn keep(app: &App, intent: &Intent, call_sid: Option<&CallSid>, fact: Fact) {
    let now = app.clock.now();
    let seen = Observation { at: now, fact };
    let delivery = Nonce::new(app.random.random_bytes());
    let call = CallRef::Ours(intent.call_id.clone());
    let write = match call_sid {
        Some(call_sid) => app.store.placed(intent, call_sid, &seen, &delivery, now),
        None => app.store.observe(&call, &seen, &delivery, now),
    };
    if let Err(error) = timely(write).await {
        warn!(service = "store", %error, callId = %intent.call_id, "the outcome of a dial was not written");
    }
}

fn accepted(status: &CallStatus) -> Fact {
    Fact::Status(StatusEvent {
        status: status.clone(),
        sequence: None,
        duration_seconds: None,
        sip_response_code: None,
        answered_by: None,
        error_code: None,
        parties: None,
        recording: None,
    })
}

fn dialled(intent: &Intent, call_sid: &CallSid, status: &CallStatus) -> Response<Bytes> {
    let body = Dialled {
        success: true,
        call_id: intent.call_id.as_str(),
        call_sid: call_sid.as_str(),
        status: status.as_str(),
        to: intent.to.as_str(),
        from: intent.from.as_str(),
    };
    json(StatusCode::OK, &body)
}
