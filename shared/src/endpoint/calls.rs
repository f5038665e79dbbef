//! What the endpoints that read a call share: which call is asked for, and why there is none.

use bytes::Bytes;
use http::Request;

use crate::call::{CallId, CallSid};
use crate::store::{Lookup, StoreError};
use crate::twilio::Form;

use super::UnreadableQuery;
use super::refusal::{Reason, Refusal};

/// The parameters of a read. A query that cannot be read is refused: it must not count as none.
pub(super) fn query(request: &Request<Bytes>) -> Result<Form, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let is_readable = request.extensions().get::<UnreadableQuery>().is_none();
    let form = Form::parse(query.as_bytes()).filter(|_| is_readable);
    form.ok_or_else(|| invalid("The query is malformed: percent-encode what is in it."))
}

/// The call that a read asks for: by `callSid`, by `callId`, or by neither. Other parameters are
/// ignored, because caches and browsers add some of their own; but a misspelt name must not list all
/// calls to a reader who asked for one.
pub(super) fn lookup(request: &Request<Bytes>) -> Result<Option<Lookup>, Refusal> {
    let query = query(request)?;
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let is_meant = |name: &str| matches!(plain(name).as_str(), "callsid" | "callid");
    let mut asked = query.pairs().iter().filter(|(name, _)| is_meant(name));
    match (asked.next(), asked.next()) {
        (None, _) => Ok(None),
        (Some((name, text)), None) if name == "callSid" => {
            call_sid(text).map(|sid| Some(Lookup::CallSid(sid)))
        }
        (Some((name, text)), None) if name == "callId" => match CallId::parse(text) {
            Ok(call_id) => Ok(Some(Lookup::CallId(call_id))),
            Err(_) => Err(invalid(
                "callId is malformed: expected 32 hex digits, optionally followed by v.",
            )),
        },
        _ => Err(invalid("Send either callSid or callId, once and spelled so.")),
    }
}

/// The call that a read must name.
pub(super) fn required_lookup(request: &Request<Bytes>) -> Result<Lookup, Refusal> {
    let missing = || Refusal::new(Reason::InvalidCallSid, "Send callSid or callId.");
    lookup(request)?.ok_or_else(missing)
}

fn invalid(message: &'static str) -> Refusal {
    Refusal::new(Reason::InvalidParameter, message)
}

pub(super) fn call_sid(text: &str) -> Result<CallSid, Refusal> {
    CallSid::parse(text)
        .map_err(|_| Refusal::new(Reason::InvalidCallSid, "A callSid is CA and 32 hex digits."))
}

pub(super) fn call_not_found() -> Refusal {
    Refusal::new(
        Reason::CallNotFound,
        "Check the callSid or callId; records are kept for CALL_RETENTION_DAYS.",
    )
}

pub(super) fn unreadable(error: &StoreError) -> Refusal {
    Refusal::new(Reason::StoreUnavailable, "Try again in a moment.").because("store", error)
}
