//! What went wrong with a call, and what to do about it, for whoever looks at it.

use serde::Serialize;
use serde_json::Value;

use crate::call::{Call, CallStatus, Progress, Timestamp};
use crate::twilio::{explain, explain_sip};

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
    let found: Vec<_> = agent.into_iter().chain(unsent).chain(unknown).chain(codes).collect();
    let is_explained = found.iter().any(|found| found.severity == "error");
    let unanswered = unanswered(call).filter(|_| !is_explained);
    unanswered.into_iter().chain(found).collect()
}

/// A call that reached nobody, of which Twilio gave no code: the SIP response speaks.
fn unanswered(call: &Call) -> Option<Diagnosis> {
    let finding = |code: String, severity, message: String, fix: &str| Diagnosis {
        code: code.into(),
        severity,
        message,
        fix: fix.to_owned(),
    };
    let status = match &call.progress {
        Progress::Named(CallStatus::Failed) => "failed",
        Progress::Named(CallStatus::Busy) => "busy",
        Progress::Named(CallStatus::NoAnswer) => "no-answer",
        Progress::Refused => {
            let message = "Twilio refused to place the call and gave no code.".to_owned();
            let fix = "Look into the error log in Twilio's console.";
            return Some(finding("twilio_rejected".to_owned(), "error", message, fix));
        }
        _ => return None,
    };
    let severity = if status == "failed" { "error" } else { "warning" };
    let known = call.sip_response_code.and_then(|sip| Some((sip, explain_sip(sip)?)));
    Some(match (known, call.sip_response_code) {
        (Some((sip, known)), _) => {
            finding(format!("sip_{sip}"), severity, known.meaning.to_owned(), known.fix)
        }
        (None, sip) => {
            let why = sip.map_or("no reason was given".to_owned(), |sip| format!("SIP {sip}"));
            let message = format!("The call ended as {status}: {why}.");
            let code = sip.map_or(status.replace('-', "_"), |sip| format!("sip_{sip}"));
            finding(
                code,
                severity,
                message,
                "Look the callSid up in Twilio's console, under Monitor, Logs, Calls.",
            )
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Fact, Observation, StatusEvent};

    fn ended(
        status: &str,
        sip: Option<u16>,
        error_code: Option<u32>,
    ) -> Vec<(Value, &'static str)> {
        let at = Timestamp::from_millis(1);
        let event = StatusEvent {
            sip_response_code: sip,
            error_code,
            ..StatusEvent::of(CallStatus::parse(status))
        };
        let call = Call::fold(None, None, &[Observation { at, fact: Fact::Status(event) }]);
        diagnose(&call, at).into_iter().map(|found| (found.code, found.severity)).collect()
    }

    #[test]
    fn no_call_that_reached_nobody_is_without_a_finding() {
        for sip in [403, 404, 408, 480, 486, 487, 503, 603, 418, 200] {
            for (status, severity) in
                [("failed", "error"), ("busy", "warning"), ("no-answer", "warning")]
            {
                let expected = vec![(format!("sip_{sip}").into(), severity)];
                assert_eq!(ended(status, Some(sip), None), expected, "{status} {sip}");
            }
        }
        assert_eq!(ended("no-answer", None, None), [("no_answer".into(), "warning")]);
        assert_eq!(ended("failed", None, None), [("failed".into(), "error")]);
    }

    #[test]
    fn twilios_own_code_says_more_than_sip() {
        assert_eq!(ended("failed", Some(403), Some(13227)), [(13227.into(), "error")]);
        let with_warning = ended("failed", Some(404), Some(15003));
        assert_eq!(with_warning, [("sip_404".into(), "error"), (15003.into(), "warning")]);
    }

    #[test]
    fn a_call_that_went_well_or_was_canceled_has_no_finding() {
        for status in ["completed", "canceled", "in-progress", "ringing"] {
            assert_eq!(ended(status, Some(487), None), [], "{status}");
        }
    }

    #[test]
    fn a_refusal_without_a_code_has_a_finding_too() {
        let (at, fact) = (Timestamp::from_millis(1), Fact::DialRefused { code: None });
        let call = Call::fold(None, None, &[Observation { at, fact }]);
        assert_eq!(diagnose(&call, at)[0].code, "twilio_rejected");
    }
}
