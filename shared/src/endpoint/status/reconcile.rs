//! A call that should have ended and whose end nobody told us: looked up at Twilio when somebody
//! reads it. Callbacks are best effort; `twilio.md` 4 says ask, never guess.

use std::time::Duration;

use tracing::{info, warn};

use crate::call::{CallRef, CallSid, Fact, Intent, Observation, Timestamp};
use crate::endpoint::App;
use crate::store::{Nonce, Record, Taken, Window, timely};
use crate::twilio::fetch_call_end;

/// How late a last callback may be before we ask.
const PATIENCE: Duration = Duration::from_secs(2 * 60);

/// Twilio ends every call after four hours (`twilio.md` 1.2): for calls whose limits we do not know.
const LONGEST_CALL: Duration = Duration::from_secs(4 * 60 * 60);

/// One look at a time, whoever reads and however often: an end that was found is on record and needs
/// no second one.
const LOOKS: Window =
    Window { limit: 1, length: Duration::from_secs(5 * 60), spacing: Duration::ZERO };

/// The call's SID, if it should have ended by now and has not.
fn overdue(record: &Record, now: Timestamp) -> Option<&CallSid> {
    let call_sid = record.call_sid.as_ref()?;
    let call = record.fold();
    let longest = record.intent().map_or(LONGEST_CALL, Intent::longest);
    let end = call.created_at?.plus(longest).plus(PATIENCE);
    (!call.is_over() && end <= now).then_some(call_sid)
}

/// The record with its true end, if Twilio knows one. Whatever fails, the reader gets what we have.
pub(super) async fn reconciled(app: &App, mut record: Record) -> Record {
    let now = app.clock.now();
    let (Some(call_sid), Some(account)) = (overdue(&record, now).cloned(), &app.settings.twilio)
    else {
        return record;
    };
    let name = format!("look {call_sid}");
    let nonce = Nonce::new(app.random.bits128());
    if !matches!(timely(app.store.take_window(&name, LOOKS, &nonce, now)).await, Ok(Taken::Yes)) {
        return record;
    }
    match fetch_call_end(&app.http, account, &call_sid).await {
        Ok(Some(end)) => {
            let at = end.at.unwrap_or(now);
            let seen = Observation { at, fact: Fact::Status(end.event) };
            let call = CallRef::Named { call_sid, call_id: record.call_id.clone() };
            // A failure is logged there, and the next look finds the end again.
            if super::observe(app, &call, &seen).await.is_ok() {
                record.observations.push(seen);
            }
        }
        Ok(None) => info!(callSid = %call_sid, "an overdue call is still going on at Twilio"),
        Err(why) => {
            warn!(service = "twilio", why, callSid = %call_sid, "an overdue call could not be looked up");
        }
    }
    record
}
