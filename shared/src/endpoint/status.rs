//! `/api/twilio/status`: Twilio tells what happens (POST), the page asks (GET).

mod reconcile;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tracing::{error, info, warn};

use crate::call::{CallId, CallRef, CallSid, Fact, Observation};
use crate::store::{BUDGET, Nonce, Record, timely};
use crate::twilio::{child_leg, status_callback};

use super::access::{Scope, allow_origin, authorize, preflight};
use super::answer::{empty, json};
use super::call_json::CallJson;
use super::callers::admit;
use super::calls::{call_not_found, lookup, unreadable};
use super::make_call::admission::free_anonymous_call;
use super::refusal::{Reason, Refusal};
use super::webhook::verified;
use super::{App, Endpoint, longer};
pub(super) use reconcile::Looked;
pub(super) use reconcile::reconciled;
use reconcile::{LOOK_BUDGET, all_reconciled};

/// The endpoint that follows calls.
#[derive(Clone, Copy, Debug)]
pub struct Status;

const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// How many of the newest calls a list shows.
const RECENT: u32 = 25;

/// A callback is written, frees two places, and may be noted as another call's leg.
pub(super) const OBSERVING: Duration = BUDGET.saturating_mul(4);

#[derive(Serialize)]
struct List {
    calls: Vec<CallJson>,
}

impl Endpoint for Status {
    const NAME: &'static str = "status";
    const PATH: &'static str = "/api/twilio/status";
    const SECRETS: &'static [&'static str] = &[
        "MAKE_CALL_TOKEN",
        "MAKE_CALL_TOKEN_SECONDARY",
        "TWILIO_API_KEY_SECRET",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_AUTH_TOKEN_SECONDARY",
    ];
    const LONGEST: Duration = longer(OBSERVING, BUDGET.saturating_add(LOOK_BUDGET));

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        let response = match *request.method() {
            Method::POST => {
                return callback(app, &request)
                    .await
                    .unwrap_or_else(|refusal| refusal.answer(Self::NAME));
            }
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

async fn callback(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let webhook = verified::<Status>(&app.settings, request)?;
    let (call, seen) = status_callback(&webhook.form, webhook.call_id, app.clock.now())
        .map_err(|_| not_a_callback())?;
    observe(app, &call, &seen).await
}

pub(super) fn not_a_callback() -> Refusal {
    Refusal::new(Reason::InvalidCallSid, "A callback of Twilio's has a CallSid.")
}

/// One idempotent write. A store that fails is a 503, which Twilio repeats.
pub(super) async fn observe(
    app: &App,
    call: &CallRef,
    seen: &Observation,
) -> Result<Response<Bytes>, Refusal> {
    let delivery = Nonce::new(app.random.random_bytes());
    let observed = timely(app.store.observe(call, seen, &delivery, app.clock.now())).await;
    let observed = observed.map_err(|error| {
        let (call_sid, call_id) = names(call);
        error!(service = "store", status = 503, reason = "store_unavailable", %error, callSid = call_sid, callId = call_id, "a callback was not written; Twilio will repeat it");
        Refusal::new(Reason::StoreUnavailable, "Repeat the callback.").logged()
    })?;
    if observed.ended_the_call(seen) {
        let (call_sid, call_id) = names(call);
        info!(callSid = call_sid, callId = call_id, event = seen.key(), "call ended");
    }
    // Not only the delivery that saw the transition: its reply may be lost, and of two different ends
    // a repeated write cannot tell which was first. Freeing is idempotent, so every end frees: the slot
    // of the call that the record says this is, whatever the query says.
    let is_end = matches!(&seen.fact, Fact::Status(event) if event.status.is_terminal());
    if is_end && let Some(call_id) = &observed.before.call_id {
        let intent = observed.before.intent();
        free_places(app, call_id, intent.is_none_or(|intent| intent.is_anonymous)).await;
    }
    if let CallRef::Named { call_sid, call_id: Some(call_id) } = call
        && observed.before.call_id.as_ref() != Some(call_id)
    {
        note_child_leg(app, call_id, call_sid, seen).await;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The `callId` is another call's: this one is on record as a call of its own, and the other has a
/// line about it in its story. Not worth a repetition if that fails.
async fn note_child_leg(app: &App, call_id: &CallId, call_sid: &CallSid, seen: &Observation) {
    let delivery = Nonce::new(app.random.random_bytes());
    let (call, seen) = (CallRef::Ours(call_id.clone()), child_leg(call_sid, seen));
    warn!(service = "twilio", callSid = %call_sid, callId = %call_id, "a callback of another call under this callId");
    if let Err(error) = timely(app.store.observe(&call, &seen, &delivery, app.clock.now())).await {
        warn!(service = "store", %error, callId = %call_id, "another leg of a call was not noted");
    }
}

/// The call no longer counts as one of those in progress. Should this fail, its leases end by
/// themselves.
async fn free_places(app: &App, call_id: &CallId, may_be_anonymous: bool) {
    let mut failed = timely(app.store.free_slot(call_id)).await.err();
    if may_be_anonymous {
        failed = failed.or(free_anonymous_call(app, call_id).await.err());
    }
    if let Some(error) = failed {
        warn!(service = "store", %error, callId = %call_id, "a slot was not freed; its lease will end");
    }
}

fn names(call: &CallRef) -> (Option<&str>, Option<&str>) {
    (call.call_sid().map(CallSid::as_str), call.call_id().map(CallId::as_str))
}

async fn read(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let by = lookup(request);
    let scope = if matches!(by, Ok(None)) { Scope::ReadAll } else { Scope::ReadOne };
    let caller = authorize(&app.settings, request.headers(), scope)?;
    admit(app, &caller, request)?;
    let now = app.clock.now();
    let show = |record: &Record| CallJson::new(&record.fold(), now, caller.has_token());
    match by? {
        Some(by) => {
            let record =
                timely(app.store.load(&by, now)).await.map_err(|error| unreadable(&error))?;
            let record = reconciled(app, record.ok_or_else(call_not_found)?).await;
            Ok(json(StatusCode::OK, &show(&record)))
        }
        None => {
            let records = timely(app.store.recent(RECENT, now)).await;
            let mut records = records.map_err(|error| unreadable(&error))?;
            all_reconciled(app, &mut records).await;
            Ok(json(StatusCode::OK, &List { calls: records.iter().map(show).collect() }))
        }
    }
}
