//! How a dial that placed no call is told, to the record and to the caller.

use http::{HeaderValue, header};

use crate::call::{CallId, Fact};
use crate::endpoint::refusal::{Reason, Refusal};
use crate::twilio::{DialError, explain};

/// What goes on record.
pub(super) fn fact_of(error: &DialError) -> Fact {
    match error {
        DialError::Rejected { code, .. } | DialError::Unauthorized { code } => {
            Fact::DialRefused { code: *code }
        }
        DialError::RateLimited { code, .. } => Fact::DialRefused { code: *code },
        DialError::Unreachable { .. } => Fact::DialUnsent,
        DialError::Unknown { .. } => Fact::DialUnknown,
    }
}

/// What the caller is told, and the log beside it.
pub(super) fn refusal(error: &DialError, call_id: &CallId) -> Refusal {
    let refusal = match error {
        DialError::RateLimited { retry_after, code } => {
            let message = "Nothing was dialled. Wait, then dial again.";
            let refusal = Refusal::new(Reason::TwilioRateLimited, message)
                .with_header(header::RETRY_AFTER, HeaderValue::from(*retry_after));
            code.map_or(refusal.clone(), |code| refusal.with_code(code))
        }
        DialError::Rejected { code, .. } => {
            explained(Reason::TwilioRejected, *code, "Look into Twilio's debugger log.")
        }
        DialError::Unauthorized { code } => {
            let what = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key), and that TWILIO_API_URL is of the same region.";
            explained(Reason::TwilioUnauthorized, *code, what)
        }
        DialError::Unreachable { .. } => {
            Refusal::new(Reason::TwilioUnreachable, "Nothing was sent. Dial again in a moment.")
        }
        DialError::Unknown { .. } => Refusal::new(
            Reason::TwilioUnknownOutcome,
            "Do not dial again: follow the call with GET /api/twilio/status?callId=.",
        ),
    };
    let why = match error {
        DialError::Rejected { status, .. } => format!("HTTP {status}"),
        DialError::RateLimited { .. } => "HTTP 429".to_owned(),
        DialError::Unauthorized { .. } => "HTTP 401".to_owned(),
        DialError::Unreachable { why } => why.clone(),
        DialError::Unknown { why } => {
            format!("dial outcome unknown: the phone may be ringing ({why})")
        }
    };
    refusal.with_call_id(call_id.clone()).because("twilio", why)
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
