//! Twilio's callbacks as observations (`twilio.md` 3 to 7).
//!
//! Every field but `CallSid` is optional: Twilio leaves some empty, adds others without notice, and a
//! callback whose particulars are missing is still news of the call.

use crate::call::{
    AgentAnswer, AnsweredBy, CallId, CallRef, CallSid, CallStatus, Direction, Fact, Observation,
    Parties, Party, RecordingEvent, RecordingSid, RecordingStatus, StatusEvent, StreamEvent,
    Timestamp,
};

use crate::call::key_safe;

use super::Form;

/// The `CallSid` is missing or malformed: whatever this is, it is no callback of Twilio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACallback;

/// Which call a form speaks of.
fn call_ref(form: &Form, call_id: Option<CallId>) -> Result<CallRef, NotACallback> {
    let call_sid = form.get("CallSid").and_then(|text| CallSid::parse(text).ok());
    Ok(CallRef::Named { call_sid: call_sid.ok_or(NotACallback)?, call_id })
}

/// A POST to `status`: call progress, a `<Stream>` event, or the asynchronous result of answering
/// machine detection, told apart by the fields only they have.
pub fn status_callback(
    form: &Form,
    call_id: Option<CallId>,
    now: Timestamp,
) -> Result<(CallRef, Observation), NotACallback> {
    let call = call_ref(form, call_id)?;
    let fact = if let Some(event) = form.get("StreamEvent") {
        Fact::Stream(StreamEvent {
            stream_sid: key_safe(form.get("StreamSid").unwrap_or_default(), 64),
            event: key_safe(event, 32),
            error: form.get("StreamError").map(|text| text.chars().take(256).collect()),
        })
    } else if let (Some(who), None) = (form.get("AnsweredBy"), form.get("CallStatus")) {
        Fact::MachineDetected { answered_by: AnsweredBy::new(who) }
    } else {
        Fact::Status(status_event(form, &call))
    };
    Ok((call, Observation { at: at(form, now), fact }))
}

/// A POST to `recording`. One without a usable `RecordingSid` is kept as news of the call.
pub fn recording_callback(
    form: &Form,
    call_id: Option<CallId>,
    now: Timestamp,
) -> Result<(CallRef, Observation), NotACallback> {
    let call = call_ref(form, call_id)?;
    let sid = form.get("RecordingSid").and_then(|text| RecordingSid::parse(text).ok());
    let fact = match sid {
        Some(recording_sid) => Fact::Recording(RecordingEvent {
            recording_sid,
            status: RecordingStatus::parse(form.get("RecordingStatus").unwrap_or_default()),
            duration_seconds: form.number("RecordingDuration"),
            channels: form.number("RecordingChannels"),
            error_code: form.number("ErrorCode").filter(|code| *code != 0),
        }),
        None => Fact::Status(status_event(form, &call)),
    };
    // RecordingStartTime is when the recording began, not when this state did.
    Ok((call, Observation { at: now, fact }))
}

fn status_event(form: &Form, call: &CallRef) -> StatusEvent {
    StatusEvent {
        status: CallStatus::parse(form.get("CallStatus").unwrap_or_default()),
        sequence: form.number("SequenceNumber"),
        duration_seconds: form.number("CallDuration"),
        sip_response_code: form.number("SipResponseCode"),
        answered_by: form.get("AnsweredBy").map(AnsweredBy::new),
        error_code: form.number("ErrorCode").filter(|code| *code != 0),
        parties: parties(form, call),
    }
}

/// Kept only where no intent tells them: an item of a call we dialled stays small.
fn parties(form: &Form, call: &CallRef) -> Option<Parties> {
    let ends = Parties {
        direction: form.get("Direction").map(direction),
        from: form.get("From").map(Party::new),
        to: form.get("To").map(Party::new),
    };
    let says_nothing = ends.direction.is_none() && ends.from.is_none() && ends.to.is_none();
    (call.call_id().is_none() && !says_nothing).then_some(ends)
}

/// Our calls come as `outbound-api`, never as `outbound`.
fn direction(word: &str) -> Direction {
    if word.starts_with("outbound") { Direction::Outbound } else { Direction::Inbound }
}

/// RFC 2822 in status callbacks, ISO 8601 in stream callbacks.
fn at(form: &Form, now: Timestamp) -> Timestamp {
    form.get("Timestamp")
        .and_then(|text| Timestamp::parse_rfc2822(text).or_else(|| Timestamp::parse_rfc3339(text)))
        .unwrap_or(now)
}

/// What the voice webhook asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceRequest {
    /// Which call was answered.
    pub call: CallRef,
    /// `CallSid`.
    pub call_sid: CallSid,
    /// Who rings, for the agent's `system__caller_id`.
    pub from: Party,
    /// Who is rung.
    pub to: Party,
    /// Which way.
    pub direction: Direction,
    /// For the observation of the answer.
    pub answer: AgentAnswer,
}

impl VoiceRequest {
    /// Reads the webhook's form.
    pub fn parse(form: &Form, call_id: Option<CallId>) -> Result<Self, NotACallback> {
        let is_ours = call_id.is_some();
        let call = call_ref(form, call_id)?;
        let call_sid = call.call_sid().cloned().ok_or(NotACallback)?;
        let answer = AgentAnswer {
            answered_by: form.get("AnsweredBy").map(AnsweredBy::new),
            parties: parties(form, &call),
            ..AgentAnswer::default()
        };
        Ok(Self {
            call,
            call_sid,
            from: Party::new(form.get("From").unwrap_or("anonymous")),
            to: Party::new(form.get("To").unwrap_or("anonymous")),
            // Only calls that we dialled have our id in their webhooks.
            direction: form.get("Direction").map(direction).unwrap_or(if is_ours {
                Direction::Outbound
            } else {
                Direction::Inbound
            }),
            answer,
        })
    }
}

#[cfg(test)]
mod tests;
