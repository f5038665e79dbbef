//! `POST /api/twilio/make-call`: rings a person.
//!
//! # Dialling once
//!
//! Creating a call at Twilio is not idempotent. So the intent is on record before Twilio is asked;
//! our `callId` travels in every webhook's URL, so that even a call whose REST answer was lost finds
//! its record; and an outcome that is not known is told as such and never tried again, not even
//! under its `Idempotency-Key`.

mod admission;
mod denials;
mod idempotency;
mod outcome;
mod policy;
mod request;

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::call::{CallId, CallRef, CallSid, CallStatus, Fact, Intent, Observation, StatusEvent};
use crate::settings::{Connect, DialSettings, Token};
use crate::store::{Nonce, StoreError, timely};
use crate::twilio::{DialError, WebhookUrls, create_call, create_call_form};

use super::access::{Permitted, Right, allow_origin, permit, preflight};
use super::answer::json;
use super::refusal::{Reason, Refusal};
use super::{App, BODY_LIMIT, ClientAddress, Endpoint, has_media_type};
use admission::{Admission, over};
pub(super) use denials::Denials;
use idempotency::{IdempotencyKey, digest_of, earlier};
use outcome::{fact_of, refusal};
use policy::permit_destination;
use request::DialRequest;

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

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        let response = match *request.method() {
            Method::POST => match dial(app, &request).await {
                Ok(response) => response,
                Err(refusal) => refusal.into(),
            },
            Method::OPTIONS => preflight(METHODS),
            _ => Refusal::method_not_allowed(METHODS).into(),
        };
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

async fn dial(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let headers = request.headers();
    // Who has no token need not know what is wrong with the settings.
    if matches!(app.settings.access.token, Token::Set(_)) {
        permit(&app.settings, headers, Right::Dial)?;
    }
    let dialling = app.settings.for_dialling().map_err(Refusal::misconfigured)?;
    let permitted = permit(&app.settings, headers, Right::Dial)?;
    if app.settings.limits.paused {
        return Err(Refusal::new(Reason::CallingPaused, "Unset CALL_PAUSED to go on."));
    }
    let key = IdempotencyKey::of(headers)?;
    let wanted = wanted(app, permitted, headers, request.body())?;
    let now = app.clock.now();
    permit_destination(&app.settings.destinations, dialling.phone_number, &wanted.to, now)?;
    let client = (!permitted.with_token).then(|| client(request));
    if let Some(until) = client.as_ref().and_then(|client| app.denials.until(client, now)) {
        return Err(over(Reason::RateLimited, until, now));
    }

    let intent = intent(app, dialling, &wanted);
    let owner = Nonce::new(app.random.bits128());
    let claim = key.map(|key| key.claim(permitted, &wanted, owner.clone(), intent.call_id.clone()));
    let mut admission = Admission::new(app, &intent, client.as_deref(), claim, owner);
    let deadline = Instant::now() + PREPARATION;
    let Ok(claimed) = timeout_at(deadline, admission.claim_key()).await else {
        return Err(admission.store_failed(&StoreError::new("timeout")).await);
    };
    if let Some(answer) = earlier(app, claimed?, &wanted)? {
        return Ok(answer);
    }
    prepare(app, &mut admission, &intent, deadline).await?;

    let urls = WebhookUrls::new(dialling.app_url, Some(&intent.call_id));
    let form = create_call_form(&intent, &urls, app.settings.host.serves_files());
    match create_call(&app.http, dialling.twilio, &form).await {
        Ok((call_sid, status)) => {
            // Should this write fail, the first callback links the two names all the same.
            keep(app, &intent, Some(&call_sid), accepted(&status)).await;
            info!(callId = %intent.call_id, callSid = %call_sid, "dialled");
            Ok(dialled(&intent, &call_sid, &status))
        }
        Err(error) => {
            keep(app, &intent, None, fact_of(&error)).await;
            // Before the answer goes out: whoever asks again must find it.
            match error {
                DialError::Unknown { .. } => admission.doubt().await,
                _ => admission.give_back().await,
            }
            Err(refusal(&error, &intent.call_id))
        }
    }
}

/// How long the store may take over everything before the dial. Whoever dials later than that dials
/// for somebody who has stopped waiting; with Twilio's time it is the dial budget.
const PREPARATION: Duration = Duration::from_secs(5);

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

/// The name under which a client's dials are counted: a hash of the address that the host vouches
/// for. Those without one share one window.
fn client(request: &Request<Bytes>) -> String {
    let network = match request.extensions().get::<ClientAddress>().map(|client| client.ip()) {
        None => String::new(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        // Whoever has one address of a /64 has them all.
        Some(IpAddr::V6(ip)) => format!("{:x?}", &ip.segments()[..4]),
    };
    digest_of(&["client", &network])
}

/// Everything about the request that can be judged before anything is written.
fn wanted(
    app: &App,
    permitted: Permitted,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<DialRequest, Refusal> {
    if !has_media_type(headers, "application/json") {
        return Err(Refusal::new(
            Reason::UnsupportedMediaType,
            "Send `Content-Type: application/json`.",
        ));
    }
    if body.len() > BODY_LIMIT {
        return Err(Refusal::new(Reason::BodyTooLarge, "Send at most 64 KiB."));
    }
    let calling = app.settings.calling;
    let wanted = DialRequest::parse(body, calling.time_limit_seconds)?;
    if wanted.record == Some(true) && !permitted.with_token && !calling.record_calls {
        return Err(Refusal::new(
            Reason::TokenNotConfigured,
            "To record, set MAKE_CALL_TOKEN and send it, or set RECORD_CALLS on the server.",
        ));
    }
    let connect = app.settings.elevenlabs.as_ref().map(|agent| agent.connect);
    if connect == Some(Connect::SignedUrl) && !wanted.dynamic_variables.is_empty() {
        return Err(Refusal::new(
            Reason::InvalidParameter,
            "dynamicVariables cannot reach the agent with ELEVENLABS_CONNECT=signed-url: use register-call.",
        ));
    }
    Ok(wanted)
}

fn intent(app: &App, dialling: DialSettings<'_>, wanted: &DialRequest) -> Intent {
    Intent {
        call_id: CallId::new(app.random.bits128(), !wanted.dynamic_variables.is_empty()),
        to: wanted.to.clone(),
        from: dialling.phone_number.clone(),
        record: wanted.record.unwrap_or(app.settings.calling.record_calls),
        timeout_seconds: wanted.timeout_seconds,
        time_limit_seconds: wanted.time_limit_seconds,
        machine_detection: wanted.machine_detection,
        dynamic_variables: wanted.dynamic_variables.clone(),
    }
}

/// Writes what came of the dial. A failure is logged and goes no further: the call is what it is.
async fn keep(app: &App, intent: &Intent, call_sid: Option<&CallSid>, fact: Fact) {
    let now = app.clock.now();
    let seen = Observation { at: now, fact };
    let delivery = Nonce::new(app.random.bits128());
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
