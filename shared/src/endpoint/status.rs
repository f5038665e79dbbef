//! `/api/twilio/status`: Twilio posts its status callbacks, the page reads calls (GET).

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::call::{
    Call, CallStatus, Direction, DynamicVariables, Party, Progress, TimelineEntry, Timestamp,
};
use crate::store::{BUDGET, Record, with_timeout};
use crate::twilio::{explain, explain_sip, more_info, status_callback};

use super::callers::{Scope, authorize};
use super::calls::{
    LOOK_BUDGET, OBSERVING, SECRETS, all_reconciled, callback, load, lookup, reconciled, unreadable,
};
use super::refusal::Refusal;
use super::reply::{json, page};
use super::{App, Endpoint, longer};

/// The endpoint that follows calls.
#[derive(Clone, Copy, Debug)]
pub struct Status;

/// How many of the newest calls a list shows.
const RECENT: u32 = 25;

impl Endpoint for Status {
    const NAME: &'static str = "status";
    const PATH: &'static str = "/api/twilio/status";
    const SECRETS: &'static [&'static str] = SECRETS;
    const LONGEST: Duration = longer(OBSERVING, BUDGET.saturating_add(LOOK_BUDGET));

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        if request.method() == Method::POST {
            return callback::<Self>(app, &request, status_callback).await;
        }
        page::<Self>(app, &request, "GET, HEAD, POST, OPTIONS", read(app, &request)).await
    }
}

async fn read(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let by = lookup(request);
    let scope = if matches!(by, Ok(None)) { Scope::ReadAll } else { Scope::ReadOne };
    let caller = authorize(app, request, scope)?;
    let now = app.clock.now();
    let show = |record: &Record| CallJson::new(&record.fold(), now, caller.has_token());
    if let Some(by) = by? {
        let record = reconciled(app, load(app, &by).await?).await;
        return Ok(json(StatusCode::OK, &show(&record)));
    }
    let mut records = with_timeout(app.store.recent(RECENT, now)).await.map_err(unreadable)?;
    all_reconciled(app, &mut records).await;
    Ok(json(StatusCode::OK, &List { calls: records.iter().map(show).collect() }))
}

#[derive(Serialize)]
struct List {
    /// Newest first.
    calls: Vec<CallJson>,
}

/// One call for one reader. An unknown value is null; what the reader may not see is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallJson {
    /// Our name of the call; a call to our number has none.
    call_id: Option<String>,
    /// Twilio's name of the call, once Twilio has named it.
    call_sid: Option<String>,
    /// Which way the call went, in Twilio's words.
    direction: Option<&'static str>,
    /// Twilio's status, or ours before Twilio has one.
    status: String,
    /// The number that was called, masked for a reader without the token.
    to: Option<String>,
    /// The number that called, masked likewise.
    from: Option<String>,
    /// When the dial was asked for, or we heard of the call. All times are RFC 3339, UTC.
    created_at: Option<String>,
    /// When the person picked up.
    answered_at: Option<String>,
    /// When the call was over.
    ended_at: Option<String>,
    /// How long the call lasted, as Twilio says.
    duration_seconds: Option<u32>,
    /// A person or a machine, where detection was on.
    answered_by: Option<String>,
    /// ElevenLabs' name of the conversation.
    conversation_id: Option<String>,
    /// The newest state of the call's recording.
    recording: Option<RecordingJson>,
    /// Every event on record, in order.
    timeline: Vec<EntryJson>,
    /// What went wrong; empty if nothing did.
    diagnosis: Vec<Diagnosis>,
    /// What the agent was told; for a reader with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_variables: Option<DynamicVariables>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingJson {
    /// By which `GET recording` finds this one of several.
    recording_sid: String,
    /// Twilio's word.
    status: String,
    /// Once it is complete.
    duration_seconds: Option<u32>,
    /// 2 where each side has a channel of its own.
    channels: Option<u8>,
}

#[derive(Serialize)]
struct EntryJson {
    /// When it happened.
    at: String,
    /// Whose news it is.
    source: &'static str,
    /// What happened, in a word.
    event: String,
    /// Particulars; for a reader with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl CallJson {
    /// With the token a reader sees full numbers, details and variables.
    fn new(call: &Call, now: Timestamp, with_token: bool) -> Self {
        let number = |party: &Party| {
            if with_token { party.as_str().to_owned() } else { party.masked() }
        };
        let entry = |entry: &TimelineEntry| EntryJson {
            at: entry.at.rfc3339(),
            source: entry.source.as_str(),
            event: entry.event.clone(),
            detail: entry.detail.clone().filter(|_| with_token),
        };
        Self {
            call_id: call.call_id.as_ref().map(ToString::to_string),
            call_sid: call.call_sid.as_ref().map(ToString::to_string),
            direction: call.direction.map(Direction::as_str),
            status: call.status_at(now).to_owned(),
            to: call.to.as_ref().map(number),
            from: call.from.as_ref().map(number),
            created_at: call.created_at.map(Timestamp::rfc3339),
            answered_at: call.answered_at.map(Timestamp::rfc3339),
            ended_at: call.ended_at.map(Timestamp::rfc3339),
            duration_seconds: call.duration_seconds,
            answered_by: call.answered_by.as_ref().map(|who| who.as_str().to_owned()),
            conversation_id: call.conversation_id.clone(),
            recording: call.recording.as_ref().map(|recording| RecordingJson {
                recording_sid: recording.recording_sid.to_string(),
                status: recording.status.to_string(),
                duration_seconds: recording.duration_seconds,
                channels: recording.channels,
            }),
            timeline: call.timeline.iter().map(entry).collect(),
            diagnosis: diagnose(call, now),
            dynamic_variables: with_token.then(|| call.dynamic_variables.clone()),
        }
    }
}

/// What went wrong with a call, and what to do about it.
#[derive(Serialize)]
struct Diagnosis {
    /// Twilio's number, or a word of ours.
    code: Value,
    /// `error`, or `warning` where the call may have gone as it should.
    severity: &'static str,
    /// What went wrong.
    message: Cow<'static, str>,
    /// What to do about it.
    fix: Cow<'static, str>,
}

impl Diagnosis {
    fn new(
        code: impl Into<Value>,
        severity: &'static str,
        message: impl Into<Cow<'static, str>>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code: code.into(), severity, message: message.into(), fix: fix.into() }
    }
}

/// Findings in the order of their weight: no answer, the agent, the dial, Twilio's codes.
fn diagnose(call: &Call, now: Timestamp) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if let Some(failure) = &call.failure {
        found.push(Diagnosis::new(
            "agent_not_connected",
            "error",
            format!("The agent could not be connected ({failure}): the person heard an apology."),
            "Search the log of the voice function for this callSid.",
        ));
    }
    if call.timeline.iter().any(|entry| entry.event == "not-sent") {
        found.push(Diagnosis::new(
            "twilio_unreachable",
            "error",
            "Twilio could not be reached: nothing was dialled.",
            "Dial again; if that fails too, look at Twilio's status page and TWILIO_API_URL.",
        ));
    }
    if call.progress != Progress::Unnamed && call.status_at(now) == "unknown" {
        found.push(Diagnosis::new(
            "outcome_unknown",
            "warning",
            "Twilio's answer was lost and no callback has come: the phone may have rung.",
            "Do not dial again before looking into Twilio's call log.",
        ));
    }
    found.extend(call.error_codes.iter().map(|code| twilio_error(*code)));
    if !found.iter().any(|found| found.severity == "error") {
        found.splice(..0, unanswered(call));
    }
    found
}

/// A call that reached no person and of which Twilio gave no code: the SIP response says why.
fn unanswered(call: &Call) -> Option<Diagnosis> {
    let (status, severity) = match &call.progress {
        Progress::Named(CallStatus::Failed) => ("failed", "error"),
        Progress::Named(CallStatus::Busy) => ("busy", "warning"),
        Progress::Named(CallStatus::NoAnswer) => ("no-answer", "warning"),
        Progress::Refused => {
            return Some(Diagnosis::new(
                "twilio_rejected",
                "error",
                "Twilio refused to place the call and gave no code.",
                "Look into the error log in Twilio's console.",
            ));
        }
        _ => return None,
    };
    let look = "Look the callSid up in Twilio's console, under Monitor, Logs, Calls.";
    let Some(sip) = call.sip_response_code else {
        let message = format!("The call ended as {status}: no reason was given.");
        return Some(Diagnosis::new(status.replace('-', "_"), severity, message, look));
    };
    let unknown = || (format!("The call ended as {status}: SIP {sip}.").into(), look);
    let (message, fix): (Cow<'static, str>, _) =
        explain_sip(sip).map_or_else(unknown, |known| (known.meaning.into(), known.fix));
    Some(Diagnosis::new(format!("sip_{sip}"), severity, message, fix))
}

fn twilio_error(code: u32) -> Diagnosis {
    // These codes come with calls that went well enough.
    let severity = match code {
        15002 | 15003 | 16101 | 16102 | 21262 | 31930 | 31931 | 31950 | 31951 | 31953 => "warning",
        _ => "error",
    };
    match explain(code) {
        Some(known) => Diagnosis::new(code, severity, known.meaning, known.fix),
        None => Diagnosis::new(code, severity, format!("Twilio error {code}."), more_info(code)),
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
    fn every_call_that_reached_no_person_has_a_finding() {
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
