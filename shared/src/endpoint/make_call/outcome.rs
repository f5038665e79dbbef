//! How a dial that placed no call is told, to the record and to the caller.

use http::{HeaderValue, header};
use tracing::{error, warn};

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

/// What the caller is told; the log gets the rest.
pub(super) fn refusal(error: &DialError, call_id: &CallId) -> Refusal {
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
