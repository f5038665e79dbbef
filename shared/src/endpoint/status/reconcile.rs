//! A call that should have ended and whose end was not told: looked up at Twilio when a reader asks.
//! Callbacks are best effort, and a number of ours may have no status callback at all.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::call::{
    Call, CallRef, CallSid, CallStatus, Fact, Intent, Observation, StatusEvent, Timestamp,
};
use crate::endpoint::App;
use crate::store::{Nonce, Record, Taken, timely};
use crate::twilio::{Account, fetch_call_end};

/// Where the end is to be seen, its callback may still be on its way for so long.
const GRACE: Duration = Duration::from_secs(5);

/// How late a last callback may be before we ask, where nothing shows the end.
const PATIENCE: Duration = Duration::from_secs(2 * 60);

/// A call that rang us may have no status callback: it is looked at from then on.
const UNWATCHED: Duration = Duration::from_secs(45);

/// So long after the end was to be seen it is taken for true, if Twilio cannot be asked.
const CERTAINTY: Duration = Duration::from_secs(60);

/// One look at a time, whoever reads and however often: under a minute, for so long may an ended call
/// read as if it went on. An end that was found is on record and needs no second look.
const LOOKS: Duration = Duration::from_secs(45);

/// All of a look, so that the reader has an answer within the host's limit.
pub(super) const LOOK_BUDGET: Duration = Duration::from_secs(8);

/// How many calls of a list are looked up for one reader, and how long that may take: less than one
/// look.
const LISTED: usize = 3;
const LIST_BUDGET: Duration = Duration::from_secs(6);

/// From when on the call is worth a look, if it has a SID and is not over.
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

/// The record with its true end, if Twilio knows one. Whatever fails, the reader gets what we have.
pub(in crate::endpoint) async fn reconciled(app: &App, mut record: Record) -> Record {
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
        // Not kept: the next reader asks again.
        Ok(Look::Unknown) | Err(_) => record.observations.extend(seen_to_end(&call, now)),
    }
    record
}

/// A list whose calls have their true ends, as far as there is time for it.
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
pub(in crate::endpoint) struct Looked {
    /// Until when there is no other.
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
    match app.looks.recall(call_sid) {
        Some(looked) if looked.until > now && looked.goes_on => return Look::GoesOn,
        Some(looked) if looked.until > now => return Look::Unknown,
        _ => {}
    }
    let remember = |until, goes_on| app.looks.remember(call_sid, Looked { until, goes_on });
    let (name, nonce) = (format!("look {call_sid}"), Nonce::new(app.random.bits128()));
    match timely(app.store.take_turn(&name, LOOKS, &nonce, now)).await {
        Ok(Taken::Yes) => remember(now.plus(LOOKS), false),
        Ok(Taken::No { free_at } | Taken::TooSoon { free_at }) => {
            remember(free_at, false);
            return Look::Unknown;
        }
        Err(_) => return Look::Unknown,
    }
    match fetch_call_end(&app.http, account, call_sid).await {
        Ok(Some(end)) => {
            let seen = Observation { at: end.at.unwrap_or(now), fact: Fact::Status(end.event) };
            let call_sid = call_sid.clone();
            let call = CallRef::Named { call_sid, call_id: record.call_id.clone() };
            // A failure is logged there, and the next look finds the end again.
            let _ = super::observe(app, &call, &seen).await;
            Look::Ended(Box::new(seen))
        }
        Ok(None) => {
            info!(callSid = %call_sid, "a call that may have ended is still going on at Twilio");
            remember(now.plus(LOOKS), true);
            Look::GoesOn
        }
        Err(why) => {
            warn!(service = "twilio", why, callSid = %call_sid, "a call could not be looked up");
            Look::Unknown
        }
    }
}

/// The end as we saw it ourselves, long enough ago.
fn seen_to_end(call: &Call, now: Timestamp) -> Option<Observation> {
    let at = call.closing_at.filter(|at| at.plus(CERTAINTY) <= now)?;
    Some(Observation { at, fact: Fact::Status(StatusEvent::of(CallStatus::Completed)) })
}
