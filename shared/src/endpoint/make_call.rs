//! `POST /api/twilio/make-call`: rings a person.
//!
//! # Dialling once
//!
//! Creating a call at Twilio is not idempotent. So the intent is on record before Twilio is asked. Our
//! `callId` travels in every webhook's URL, so that a call whose REST answer was lost finds its record
//! too. An unknown outcome is answered as unknown and never tried again, not even under its
//! `Idempotency-Key`.

pub(super) mod admission;
mod idempotency;
mod request;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::Serialize;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::call::{
    CallId, CallRef, CallSid, CallStatus, DIAL_BUDGET, Fact, Intent, Observation, StatusEvent,
};
use crate::settings::DialSettings;
use crate::store::{BUDGET, StoreError, with_timeout};
use crate::twilio::{DIAL_TIMEOUT, DialError, WebhookUrls, create_call, create_call_form, explain};

use super::callers::{Caller, Scope, authorize};
use super::refusal::{Reason, Refusal};
use super::reply::{json, page};
use super::{App, Endpoint};
use admission::{Admission, GIVING_BACK};
pub(super) use idempotency::digest_of;
use idempotency::{IdempotencyKey, SentKey, earlier};
use request::{DialRequest, Sent, check_callable};

/// The endpoint that dials.
#[derive(Clone, Copy, Debug)]
pub struct MakeCall;

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
        page::<Self>(app, &request, "POST, OPTIONS", dial(app, &request)).await
    }

    fn last_word(self, _: &App) -> Response<Bytes> {
        Refusal::new(
            Reason::InternalError,
            "The phone may be ringing: look at the recent calls before you dial again.",
        )
        .into()
    }
}

/// Dials, or repeats the answer to an earlier dial under the same key. The key is looked up before a
/// refusal goes out: what holds for a new dial does not hold for a repetition.
async fn dial(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let headers = request.headers();
    let caller = authorize(app, request, Scope::Dial)?;
    let key = IdempotencyKey::of(headers)?;
    let sent = Sent::parse(headers, request.body())?;
    let key = key.map(|key| key.named(&caller, &sent.canonical));
    match (check(app, &caller, &sent), key) {
        (Ok(checked), key) => {
            let placed = place(app, &checked, &caller, key).await;
            placed.map_err(|refusal| refusal.about(&checked.wanted.to))
        }
        (Err(refusal), None) => Err(refusal),
        (Err(refusal), Some(key)) => key.earlier_dial(app).await?.ok_or(refusal),
    }
}

/// A request that may be dialled.
struct Checked<'a> {
    /// The settings without which there is no dial.
    dialling: DialSettings<'a>,
    /// What the caller asks for.
    wanted: DialRequest,
}

/// Everything about a new dial that can be checked before anything is written.
fn check<'a>(app: &'a App, caller: &Caller, sent: &Sent<'_>) -> Result<Checked<'a>, Refusal> {
    let settings = &app.settings;
    let dialling = settings.for_dialling().map_err(Refusal::misconfigured)?;
    if settings.limits.paused {
        return Err(Refusal::new(Reason::CallingPaused, "Unset CALL_PAUSED to go on."));
    }
    let wanted = DialRequest::parse(sent, settings, caller)?;
    let now = app.clock.now();
    check_callable(&settings.destinations, dialling.phone_number, &wanted.to, now)
        .map_err(|refusal| refusal.about(&wanted.to))?;
    Ok(Checked { dialling, wanted })
}

/// Prepares the dial in time, asks Twilio, and writes the outcome.
async fn place(
    app: &App,
    checked: &Checked<'_>,
    caller: &Caller,
    key: Option<SentKey>,
) -> Result<Response<Bytes>, Refusal> {
    let intent = intent(app, checked, caller);
    let owner = app.nonce();
    let claim = key.map(|key| key.claim(owner.clone(), intent.call_id.clone()));
    let mut admission = Admission::new(app, &intent, caller.client(), claim, owner);
    match timeout(PREPARATION, prepare(app, &mut admission, &intent)).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(earlier))) => return Ok(earlier),
        Ok(Err(refusal)) => return Err(refusal),
        Err(_) => return Err(admission.store_failed(&StoreError::new("timeout")).await),
    }

    let dialling = &checked.dialling;
    let urls = WebhookUrls::new(dialling.app_url, Some(&intent.call_id));
    let form = create_call_form(&intent, &urls, app.settings.platform.serves_files());
    match create_call(&app.http, dialling.twilio, &form).await {
        Ok((call_sid, status)) => {
            // If this write fails, the first callback links the two names.
            keep(app, &intent, Some(&call_sid), Fact::Status(StatusEvent::of(status.clone())))
                .await;
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
            Err(refusal(error).with_call_id(intent.call_id))
        }
    }
}

/// How long the store may take over everything before the dial: what Twilio's time leaves of the dial
/// budget. A phone that rings long after the click rings for a person who has stopped waiting.
const PREPARATION: Duration = DIAL_BUDGET.saturating_sub(DIAL_TIMEOUT);

/// Claims the key, takes a place under every limit and writes the intent; or gives everything back. The
/// earlier answer, if the key has one.
async fn prepare(
    app: &App,
    admission: &mut Admission<'_>,
    intent: &Intent,
) -> Result<Option<Response<Bytes>>, Refusal> {
    if let Some(answer) = earlier(app, admission.claim_key().await?)? {
        return Ok(Some(answer));
    }
    admission.admit().await?;
    match app.store.begin(intent, app.clock.now()).await {
        Ok(()) => Ok(None),
        Err(error) => Err(admission.store_failed(&error).await),
    }
}

fn intent(app: &App, checked: &Checked<'_>, caller: &Caller) -> Intent {
    let Checked { dialling, wanted } = checked;
    Intent {
        call_id: CallId::new(app.random.random_bytes(), !wanted.dynamic_variables.is_empty()),
        to: wanted.to.clone(),
        from: dialling.phone_number.clone(),
        record: wanted.record.unwrap_or(app.settings.calling.record_calls),
        timeout_seconds: wanted.timeout_seconds,
        time_limit_seconds: wanted.time_limit_seconds,
        machine_detection: wanted.machine_detection,
        is_anonymous: !caller.has_token(),
        dynamic_variables: wanted.dynamic_variables.clone(),
    }
}

/// Writes the outcome of the dial. If that fails, the log says so and the answer stays the same.
async fn keep(app: &App, intent: &Intent, call_sid: Option<&CallSid>, fact: Fact) {
    let now = app.clock.now();
    let seen = Observation { at: now, fact };
    let delivery = app.nonce();
    let call = CallRef::Ours(intent.call_id.clone());
    let write = match call_sid {
        Some(call_sid) => app.store.placed(intent, call_sid, &seen, &delivery, now),
        None => app.store.observe(&call, &seen, &delivery, now),
    };
    if let Err(error) = with_timeout(write).await {
        warn!(service = "store", %error, callId = %intent.call_id, "the outcome of a dial was not written");
    }
}

/// A call that Twilio took on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dialled<'a> {
    /// Always true: the original app's pages read it.
    success: bool,
    /// Our name of the call.
    call_id: &'a str,
    /// Twilio's name of the call.
    call_sid: &'a str,
    /// The status in Twilio's answer.
    status: &'a str,
    /// The number that rings.
    to: &'a str,
    /// Our number.
    from: &'a str,
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

/// What goes on record of a dial that placed no call.
fn fact_of(error: &DialError) -> Fact {
    match error {
        DialError::Rejected { code, .. }
        | DialError::Unauthorized { code }
        | DialError::RateLimited { code, .. } => Fact::DialRefused { code: *code },
        DialError::Unreachable { .. } => Fact::DialUnsent,
        DialError::Unknown { .. } => Fact::DialUnknown,
    }
}

/// The refusal of a dial that placed no call, with Twilio's side of it for the log.
fn refusal(error: DialError) -> Refusal {
    let (refusal, why) = match error {
        DialError::RateLimited { retry_after, code } => {
            let message = "Nothing was dialled. Wait, then dial again.";
            let refusal = Refusal::new(Reason::TwilioRateLimited, message)
                .with_header(header::RETRY_AFTER, HeaderValue::from(retry_after));
            (refusal.with_code(code), "HTTP 429".to_owned())
        }
        DialError::Rejected { code, status, .. } => {
            let otherwise = "Look into Twilio's debugger log.";
            (explained(Reason::TwilioRejected, code, otherwise), format!("HTTP {status}"))
        }
        DialError::Unauthorized { code } => {
            let otherwise = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key), and that TWILIO_API_URL is of the same region.";
            (explained(Reason::TwilioUnauthorized, code, otherwise), "HTTP 401".to_owned())
        }
        DialError::Unreachable { why } => {
            let message = "Nothing was sent. Dial again in a moment.";
            (Refusal::new(Reason::TwilioUnreachable, message), why)
        }
        DialError::Unknown { why } => {
            let message = "Do not dial again: follow the call with GET /api/twilio/status?callId=.";
            let why = format!("dial outcome unknown: the phone may be ringing ({why})");
            (Refusal::new(Reason::TwilioUnknownOutcome, message), why)
        }
    };
    refusal.because("twilio", why)
}

/// Twilio's own refusal: its code, what the code means, and what to do.
fn explained(reason: Reason, code: Option<u32>, otherwise: &'static str) -> Refusal {
    let refusal = match code.and_then(explain) {
        Some(known) => Refusal::new(reason, known.fix).with_error(known.meaning),
        None => Refusal::new(reason, otherwise),
    };
    refusal.with_code(code)
}
