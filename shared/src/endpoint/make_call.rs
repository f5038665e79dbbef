//! `POST /api/twilio/make-call`: rings a person.
//!
//! # Dialling once
//!
//! Creating a call at Twilio is not idempotent. So the intent is on record before Twilio is asked;
//! our `callId` travels in every webhook's URL, so that even a call whose REST answer was lost finds
//! its record; and an outcome that is not known is told as such and never tried again.

mod request;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use tracing::{error, info, warn};

use crate::call::{CallId, CallRef, CallSid, CallStatus, Fact, Intent, Observation, StatusEvent};
use crate::settings::{Connect, DialSettings, Token};
use crate::store::{Nonce, timely};
use crate::twilio::{DialError, WebhookUrls, create_call, create_call_form, explain};

use super::access::{Permitted, Right, allow_origin, permit, preflight};
use super::answer::json;
use super::refusal::{Reason, Refusal};
use super::{App, BODY_LIMIT, Endpoint, has_media_type};
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
            Method::POST => match dial(app, request.headers(), request.body()).await {
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

async fn dial(app: &App, headers: &HeaderMap, body: &Bytes) -> Result<Response<Bytes>, Refusal> {
    // Who has no token need not know what is wrong with the settings.
    if matches!(app.settings.access.token, Token::Set(_)) {
        permit(&app.settings, headers, Right::Dial)?;
    }
    let dialling = app.settings.for_dialling().map_err(Refusal::misconfigured)?;
    let permitted = permit(&app.settings, headers, Right::Dial)?;
    let intent = intent(app, dialling, permitted, headers, body)?;

    timely(app.store.begin(&intent, app.clock.now())).await.map_err(|error| {
        error!(service = "store", %error, callId = %intent.call_id, "nothing was dialled: the intent could not be written");
        Refusal::new(Reason::StoreUnavailable, "Nothing was dialled. Try again in a moment.")
    })?;

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
            Err(refusal(&error, &intent.call_id))
        }
    }
}

/// Everything that can be judged before anything is written.
fn intent(
    app: &App,
    dialling: DialSettings<'_>,
    permitted: Permitted,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Intent, Refusal> {
    if headers.contains_key("idempotency-key") {
        return Err(Refusal::new(
            Reason::InvalidParameter,
            "Leave the header Idempotency-Key out: this version does not honour it yet, and ignoring it could ring a phone twice.",
        ));
    }
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
    Ok(Intent {
        call_id: CallId::new(app.random.bits128(), !wanted.dynamic_variables.is_empty()),
        to: wanted.to,
        from: dialling.phone_number.clone(),
        record: wanted.record.unwrap_or(calling.record_calls),
        timeout_seconds: wanted.timeout_seconds,
        time_limit_seconds: wanted.time_limit_seconds,
        machine_detection: wanted.machine_detection,
        dynamic_variables: wanted.dynamic_variables,
    })
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

fn fact_of(error: &DialError) -> Fact {
    match error {
        DialError::Rejected { code, .. } | DialError::Unauthorized { code } => {
            Fact::DialRefused { code: *code }
        }
        DialError::RateLimited { code, .. } => Fact::DialRefused { code: *code },
        DialError::Unreachable { .. } => Fact::DialUnsent,
        DialError::Unknown { .. } => Fact::DialUnknown,
    }
}

fn refusal(error: &DialError, call_id: &CallId) -> Refusal {
    match error {
        DialError::RateLimited { retry_after, .. } => {
            warn!(service = "twilio", status = 429, callId = %call_id, "nothing was dialled");
            Refusal::new(Reason::TwilioRateLimited, "Nothing was dialled. Wait, then dial again.")
                .with_header(header::RETRY_AFTER, HeaderValue::from(*retry_after))
        }
        DialError::Rejected { status, code } => {
            warn!(service = "twilio", status, code, callId = %call_id, "Twilio refused the call");
            explained(Reason::TwilioRejected, *code, "Look into Twilio's debugger log.")
        }
        DialError::Unauthorized { code } => {
            error!(service = "twilio", status = 401, code, callId = %call_id, "Twilio refused our credentials");
            let what = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key).";
            explained(Reason::TwilioUnauthorized, *code, what)
        }
        DialError::Unreachable { why } => {
            error!(service = "twilio", why, callId = %call_id, "nothing was dialled: Twilio could not be reached");
            Refusal::new(Reason::TwilioUnreachable, "Nothing was sent. Dial again in a moment.")
        }
        DialError::Unknown { why } => {
            error!(service = "twilio", why, callId = %call_id, "nobody knows whether the phone rings");
            Refusal::new(
                Reason::TwilioUnknownOutcome,
                "Do not dial again: follow the call with GET /api/twilio/status?callId=.",
            )
            .with_call_id(call_id.clone())
        }
    }
}

/// Twilio's own refusal: its code, what it truly means, and what to do.
fn explained(reason: Reason, code: Option<u32>, otherwise: &'static str) -> Refusal {
    let Some(code) = code else { return Refusal::new(reason, otherwise) };
    let refusal = match explain(code) {
        Some(known) => Refusal::new(reason, known.fix).with_error(known.meaning),
        None => Refusal::new(reason, otherwise),
    };
    refusal.with_code(code)
}
