//! What went wrong with a call, and what to do about it, for whoever looks at it.

use serde::Serialize;
use serde_json::Value;

use crate::call::{Call, Progress, Timestamp};
use crate::twilio::explain;

/// One finding.
#[derive(Serialize)]
pub(super) struct Diagnosis {
    /// Twilio's number, or a word of ours.
    code: Value,
    severity: &'static str,
    message: String,
    fix: String,
}

/// Findings in the order of their weight: the agent, the dial, Twilio's codes.
pub(super) fn diagnose(call: &Call, now: Timestamp) -> Vec<Diagnosis> {
    let agent = call.failure.as_ref().map(|failure| Diagnosis {
        code: "agent_not_connected".into(),
        severity: "error",
        message: format!(
            "The agent could not be connected ({failure}): the person heard an apology."
        ),
        fix: "Search the log of the voice function for this callSid.".to_owned(),
    });
    let is_unheard = call.progress != Progress::Unnamed && call.status_at(now) == "unknown";
    let unknown = is_unheard.then(|| Diagnosis {
        code: "outcome_unknown".into(),
        severity: "warning",
        message: "Twilio's answer was lost and no callback has come: the phone may have rung."
            .to_owned(),
        fix: "Do not dial again before looking into Twilio's call log.".to_owned(),
    });
    let was_unsent = call.timeline.iter().any(|entry| entry.event == "not-sent");
    let unsent = was_unsent.then(|| Diagnosis {
        code: "twilio_unreachable".into(),
        severity: "error",
        message: "Twilio could not be reached: nothing was dialled.".to_owned(),
        fix: "Dial again; if that fails too, look at Twilio's status page and TWILIO_API_URL."
            .to_owned(),
    });
    let codes = call.error_codes.iter().map(|code| twilio(*code));
    agent.into_iter().chain(unsent).chain(unknown).chain(codes).collect()
}

fn twilio(code: u32) -> Diagnosis {
    let known = explain(code);
    Diagnosis {
        code: code.into(),
        severity: severity(code),
        message: known
            .map_or_else(|| format!("Twilio error {code}."), |known| known.meaning.to_owned()),
        fix: known.map_or_else(|| crate::twilio::more_info(code), |known| known.fix.to_owned()),
    }
}

/// Codes that come with calls that went well enough.
fn severity(code: u32) -> &'static str {
    match code {
        15002 | 15003 | 16101 | 16102 | 21262 | 31930 | 31931 | 31950 | 31951 | 31953 => "warning",
        _ => "error",
    }
}
