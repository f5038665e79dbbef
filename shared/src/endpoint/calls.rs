//! What the endpoints share about calls: finding the one that a request asks for, writing what Twilio
//! reports of it, and looking its end up at Twilio when no callback reported it.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::call::{
    Call, CallId, CallRef, CallSid, CallStatus, Fact, Intent, Observation, StatusEvent, Timestamp,
};
use crate::store::{Admission, BUDGET, Lookup, Record, StoreError, with_timeout};
use crate::twilio::{Account, Form, NotACallback, child_leg, fetch_call_end};

use super::make_call::admission::free_anonymous_call;
use super::refusal::{Reason, Refusal};
use super::reply::empty;
use super::webhook::verified;
use super::{App, Endpoint, UnreadableQuery};

/// The secrets of an endpoint that takes Twilio's callbacks and lets pages read.
pub(super) const SECRETS: &[&str] = &[
    "MAKE_CALL_TOKEN",
    "MAKE_CALL_TOKEN_SECONDARY",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
];

/// The parameters of a read. A query that cannot be read is refused: it must not count as none.
pub(super) fn query(request: &Request<Bytes>) -> Result<Form, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let is_readable = request.extensions().get::<UnreadableQuery>().is_none();
    let form = Form::parse(query.as_bytes()).filter(|_| is_readable);
    form.ok_or_else(|| invalid("The query is malformed: percent-encode its values."))
}

/// The call that a read asks for, by `callSid` or by `callId`; `None` if it names no call. Other
/// parameters are ignored, because caches and browsers add some of their own. A misspelt name is
/// refused: a reader who asked for one call must not get the list of all.
pub(super) fn lookup(request: &Request<Bytes>) -> Result<Option<Lookup>, Refusal> {
    let query = query(request)?;
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let is_meant = |name: &str| matches!(plain(name).as_str(), "callsid" | "callid");
    let mut asked = query.pairs().iter().filter(|(name, _)| is_meant(name));
    let by = match (asked.next(), asked.next()) {
        (None, _) => return Ok(None),
        (Some((name, text)), None) if name == "callSid" => {
            Lookup::CallSid(CallSid::parse(text).map_err(|_| {
                Refusal::new(Reason::InvalidCallSid, "A callSid is CA and 32 hex digits.")
            })?)
        }
        (Some((name, text)), None) if name == "callId" => {
            Lookup::CallId(CallId::parse(text).map_err(|_| {
                invalid("callId is malformed: expected 32 hex digits, optionally followed by v.")
            })?)
        }
        _ => return Err(invalid("Send either callSid or callId, once, spelled exactly so.")),
    };
    Ok(Some(by))
}

/// The call that a read must name.
pub(super) fn required_lookup(request: &Request<Bytes>) -> Result<Lookup, Refusal> {
    let missing = || Refusal::new(Reason::InvalidCallSid, "Send callSid or callId.");
    lookup(request)?.ok_or_else(missing)
}

pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(Reason::InvalidParameter, message)
}

/// What is on record of a call.
pub(super) async fn load(app: &App, by: &Lookup) -> Result<Record, Refusal> {
    let record = with_timeout(app.store.load(by, app.clock.now())).await.map_err(unreadable)?;
    record.ok_or_else(|| {
        Refusal::new(
            Reason::CallNotFound,
            "Check the callSid or callId; records are kept for CALL_RETENTION_DAYS.",
        )
    })
}

pub(super) fn unreadable(error: StoreError) -> Refusal {
    Refusal::new(Reason::StoreUnavailable, "Try again in a moment.").because("store", error)
}

/// A callback is written, frees two places, and may be noted as another call's leg.
pub(super) const OBSERVING: Duration = BUDGET.saturating_mul(4);

/// Finds in a callback's form which call it is about and what happened.
type ReadCallback =
    fn(&Form, Option<CallId>, Timestamp) -> Result<(CallRef, Observation), NotACallback>;

/// Answers a callback of Twilio's.
pub(super) async fn callback<E: Endpoint>(
    app: &App,
    request: &Request<Bytes>,
    read: ReadCallback,
) -> Response<Bytes> {
    let written = async {
        let webhook = verified::<E>(&app.settings, request)?;
        let (call, seen) =
            read(&webhook.form, webhook.call_id, app.clock.now()).map_err(|NotACallback| {
                Refusal::new(Reason::InvalidCallSid, "A Twilio callback has a CallSid.")
            })?;
        observe(app, &call, &seen).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    };
    written.await.unwrap_or_else(|refusal: Refusal| refusal.answer(E::NAME))
}

/// One idempotent write, and what follows from it. A store that fails is a 503, which Twilio repeats;
/// the log has a line about it then.
pub(super) async fn observe(app: &App, call: &CallRef, seen: &Observation) -> Result<(), Refusal> {
    let names = || (call.call_sid().map(CallSid::as_str), call.call_id().map(CallId::as_str));
    let delivery = app.nonce();
    let observed = with_timeout(app.store.observe(call, seen, &delivery, app.clock.now())).await;
    let observed = observed.map_err(|error| {
        let (call_sid, call_id) = names();
        error!(service = "store", status = 503, reason = "store_unavailable", %error, callSid = call_sid, callId = call_id, "an observation was not written; Twilio repeats its callback");
        Refusal::new(Reason::StoreUnavailable, "Repeat the callback.").logged()
    })?;
    if observed.ended_the_call(seen) {
        let (call_sid, call_id) = names();
        info!(callSid = call_sid, callId = call_id, event = seen.key(), "call ended");
    }
    // Every delivery of an end frees the places, not only the one that ended the call: the reply to that
    // one may be lost, and freeing is idempotent. They are the places of the call that the record names,
    // whatever the query says.
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
    Ok(())
}

/// The call no longer counts as one of those in progress. If this fails, its leases end by themselves.
async fn free_places(app: &App, call_id: &CallId, may_be_anonymous: bool) {
    let mut failed = with_timeout(app.store.release_slot(call_id)).await.err();
    if may_be_anonymous {
        failed = failed.or(free_anonymous_call(app, call_id).await.err());
    }
    if let Some(error) = failed {
        warn!(service = "store", %error, callId = %call_id, "a slot was not freed; its lease will end");
    }
}

/// The `callId` of a callback belongs to another call than its `CallSid`. Adds a line to the
/// timeline of the call with that `callId`. If this fails, Twilio is not asked to repeat the
/// callback.
async fn note_child_leg(app: &App, call_id: &CallId, call_sid: &CallSid, seen: &Observation) {
    let delivery = app.nonce();
    let (call, seen) = (CallRef::Ours(call_id.clone()), child_leg(call_sid, seen));
    warn!(service = "twilio", callSid = %call_sid, callId = %call_id, "a callback names this callId and another call's CallSid");
    if let Err(error) =
        with_timeout(app.store.observe(&call, &seen, &delivery, app.clock.now())).await
    {
        warn!(service = "store", %error, callId = %call_id, "another leg of a call was not noted");
    }
}

/// Whether a vendor may be asked about a call now: once in `spacing`, however many instances have
/// readers. `None`: yes. Else the time from which on it may.
pub(super) async fn wait_to_ask(
    app: &App,
    what: &str,
    call_sid: &CallSid,
    spacing: Duration,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let (name, nonce) = (format!("{what} {call_sid}"), app.nonce());
    Ok(match with_timeout(app.store.acquire_turn(&name, spacing, &nonce, now)).await? {
        Admission::Granted => None,
        Admission::Full { free_at } | Admission::CoolingDown { free_at } => Some(free_at),
    })
}

/// How long an end's callback may still be on its way once another event shows the end.
const GRACE: Duration = Duration::from_secs(5);

/// How late a last callback may be before we ask, where nothing shows the end.
const PATIENCE: Duration = Duration::from_secs(2 * 60);

/// A call to our number may have no status callback: it is looked up from this age on.
const UNWATCHED: Duration = Duration::from_secs(45);

/// If Twilio cannot be asked, an end that another event showed is believed after this time.
const CERTAINTY: Duration = Duration::from_secs(60);

/// One look at a time. Less than a minute, because an ended call may read as in progress for no longer.
/// An end that was found is on record and needs no second look.
const LOOK_SPACING: Duration = Duration::from_secs(45);

/// All of a look, so that the reader has an answer within the host's limit.
pub(super) const LOOK_BUDGET: Duration = Duration::from_secs(8);

/// How many calls of a list are looked up for one reader, and how long that may take: less than one
/// look.
const LISTED: usize = 3;
const LIST_BUDGET: Duration = Duration::from_secs(6);

/// When the call is worth a look, if it has a SID and is not over.
fn due(record: &Record, call: &Call) -> Option<Timestamp> {
    if record.call_sid.is_none() || call.is_over() {
        return None;
    }
    let began = call.created_at?;
    let at_last = match record.intent().map(Intent::longest) {
        Some(longest) => began.plus(longest).plus(PATIENCE),
        None => began.plus(UNWATCHED),
    };
    Some(call.closing_at.map_or(at_last, |closing| closing.plus(GRACE).min(at_last)))
}

/// The record with the call's end, if Twilio knows it. Callbacks are best effort, and a number of ours
/// may have no status callback at all. If the look-up fails, the reader gets what is on record.
pub(super) async fn reconciled(app: &App, mut record: Record) -> Record {
    let now = app.clock.now();
    let call = record.fold();
    let Some(call_sid) = record.call_sid.clone() else { return record };
    if due(&record, &call).is_none_or(|due| due > now) {
        return record;
    }
    let look = match &app.settings.twilio {
        Some(account) => timeout(LOOK_BUDGET, look(app, account, &record, &call_sid, now)).await,
        None => Ok(Look::Unknown),
    };
    match look {
        Ok(Look::Ended(end)) => record.observations.push(*end),
        Ok(Look::GoesOn) => {}
        // Not written: the next reader asks again.
        Ok(Look::Unknown) | Err(_) => record.observations.extend(seen_to_end(&call, now)),
    }
    record
}

/// A list whose calls have their ends, as far as there is time for it.
pub(super) async fn all_reconciled(app: &App, records: &mut [Record]) {
    let now = app.clock.now();
    let is_due = |record: &&mut Record| due(record, &record.fold()).is_some_and(|due| due <= now);
    let looks = async {
        for record in records.iter_mut().filter(is_due).take(LISTED) {
            *record = reconciled(app, record.clone()).await;
        }
    };
    let _ = timeout(LIST_BUDGET, looks).await;
}

/// What this process knows of the last look at a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked {
    /// The time before which there is no other look.
    until: Timestamp,
    /// Whether Twilio said that the call goes on.
    goes_on: bool,
}

/// What Twilio said.
enum Look {
    Ended(Box<Observation>),
    GoesOn,
    /// It could not be asked, or was asked a moment ago.
    Unknown,
}

async fn look(
    app: &App,
    account: &Account,
    record: &Record,
    call_sid: &CallSid,
    now: Timestamp,
) -> Look {
    // A page asks every few seconds, and a look that is remembered costs no request.
    match app.looks.recall(call_sid).filter(|looked| looked.until > now) {
        Some(Looked { goes_on: true, .. }) => return Look::GoesOn,
        Some(_) => return Look::Unknown,
        None => {}
    }
    let remember = |until, goes_on| app.looks.remember(call_sid, Looked { until, goes_on });
    let Ok(wait) = wait_to_ask(app, "look", call_sid, LOOK_SPACING, now).await else {
        return Look::Unknown;
    };
    remember(wait.unwrap_or(now.plus(LOOK_SPACING)), false);
    if wait.is_some() {
        return Look::Unknown;
    }
    match fetch_call_end(&app.http, account, call_sid).await {
        Ok(Some(end)) => {
            let seen = Observation { at: end.at.unwrap_or(now), fact: Fact::Status(end.event) };
            let call_sid = call_sid.clone();
            let call = CallRef::Named { call_sid, call_id: record.call_id.clone() };
            // If the write fails, the next look finds the end again.
            let _ = observe(app, &call, &seen).await;
            Look::Ended(Box::new(seen))
        }
        Ok(None) => {
            info!(callSid = %call_sid, "a call that may have ended is still going on at Twilio");
            remember(now.plus(LOOK_SPACING), true);
            Look::GoesOn
        }
        Err(why) => {
            warn!(service = "twilio", why, callSid = %call_sid, "a call could not be looked up");
            Look::Unknown
        }
    }
}

/// The end that another event showed, long enough ago.
fn seen_to_end(call: &Call, now: Timestamp) -> Option<Observation> {
    let at = call.closing_at.filter(|at| at.plus(CERTAINTY) <= now)?;
    Some(Observation { at, fact: Fact::Status(StatusEvent::of(CallStatus::Completed)) })
}
