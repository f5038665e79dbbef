//! Twilio's callbacks as observations.
//!
//! Every field but `CallSid` is optional: Twilio leaves some empty, adds others without notice, and a
//! callback whose particulars are missing is still news of the call.
//!
//! Twilio's signature joins names and values without separators. An attacker who has captured a
//! callback can therefore move the borders between them, and the signature still fits. So a field acts
//! only with a value that Twilio writes there, and none acts where a name we act on is found across a
//! border or in a value.

use crate::call::{
    AgentAnswer, AnsweredBy, CallId, CallRef, CallSid, CallStatus, Direction, Fact, Observation,
    Parties, Party, RecordingEvent, RecordingSid, RecordingStatus, StatusEvent, StreamEvent,
    StreamSid, Timestamp,
};

use super::Form;

/// This is no callback of Twilio's: the `CallSid` is missing or malformed, or the
/// borders between names and values have been moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACallback;

/// The names that decide which call a callback is about and what becomes of it.
const ACTING: [&str; 8] = [
    "AnsweredBy",
    "CallSid",
    "CallStatus",
    "ParentCallSid",
    "RecordingSid",
    "RecordingStatus",
    "SequenceNumber",
    "StreamEvent",
];

fn call_sid(form: &Form) -> Result<CallSid, NotACallback> {
    if !form.keeps_borders(&ACTING) {
        return Err(NotACallback);
    }
    let call_sid = form.get("CallSid").and_then(|text| CallSid::parse(text).ok());
    call_sid.ok_or(NotACallback)
}

/// Which call a form is about.
fn call_ref(form: &Form, call_id: Option<CallId>) -> Result<CallRef, NotACallback> {
    Ok(CallRef::Named { call_sid: call_sid(form)?, call_id })
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
        match form.get("StreamSid").and_then(|text| StreamSid::parse(text).ok()) {
            Some(stream_sid) => Fact::Stream(StreamEvent {
                stream_sid: stream_sid.to_string(),
                event: StreamEvent::word(event),
                error: form.get("StreamError").map(|text| text.chars().take(256).collect()),
            }),
            None => Fact::Status(status_event(form, &call)),
        }
    } else if let (Some(who), None) = (form.get("AnsweredBy"), form.get("CallStatus")) {
        Fact::MachineDetected { answered_by: AnsweredBy::new(who) }
    } else {
        Fact::Status(status_event(form, &call))
    };
    Ok(by_leg(form, call, Observation { at: at(form, now), fact }))
}

/// A POST to `recording`. One without a usable `RecordingSid` is kept as news of the call.
pub fn recording_callback(
    form: &Form,
    call_id: Option<CallId>,
    now: Timestamp,
) -> Result<(CallRef, Observation), NotACallback> {
    let call = call_ref(form, call_id)?;
    let fact = match recording_sid(form) {
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
    Ok(by_leg(form, call, Observation { at: now, fact }))
}

/// What another leg than the call itself tells under our `callId`: Twilio posts the callbacks of a
/// `<Dial>`'s leg to its parent's address. It is recorded under the `callId` alone, so that it names
/// nothing, and it may come before anything of the call itself.
fn by_leg(form: &Form, call: CallRef, seen: Observation) -> (CallRef, Observation) {
    match (&call, form.get("ParentCallSid")) {
        (CallRef::Named { call_sid, call_id: Some(call_id) }, Some(_)) => {
            let child = child_leg(call_sid, &seen);
            (CallRef::Ours(call_id.clone()), child)
        }
        _ => (call, seen),
    }
}

/// Another leg's observation as a line in the story of the call whose `callId` it used.
#[must_use]
pub fn child_leg(call_sid: &CallSid, seen: &Observation) -> Observation {
    let status = match &seen.fact {
        Fact::Status(event) => event.status.clone(),
        _ => CallStatus::parse(""),
    };
    Observation { at: seen.at, fact: Fact::ChildLeg { call_sid: call_sid.clone(), status } }
}

fn recording_sid(form: &Form) -> Option<RecordingSid> {
    form.get("RecordingSid").and_then(|text| RecordingSid::parse(text).ok())
}

fn status_event(form: &Form, call: &CallRef) -> StatusEvent {
    let status = CallStatus::parse(form.get("CallStatus").unwrap_or_default());
    let recording_sid = recording_sid(form).filter(|_| status == CallStatus::Completed);
    StatusEvent {
        sequence: form.number("SequenceNumber"),
        duration_seconds: form.number("CallDuration"),
        sip_response_code: form.number("SipResponseCode"),
        answered_by: form.get("AnsweredBy").and_then(AnsweredBy::parse),
        error_code: form.number("ErrorCode").filter(|code| *code != 0),
        parties: parties(form, call),
        recording: recording_sid.map(|recording_sid| RecordingEvent {
            recording_sid,
            status: RecordingStatus::Processing,
            duration_seconds: form.number("RecordingDuration"),
            channels: None,
            error_code: None,
        }),
        status,
    }
}

/// Kept only where no intent tells them: an item of a call we dialled stays small.
fn parties(form: &Form, call: &CallRef) -> Option<Parties> {
    let ends = Parties {
        direction: form.get("Direction").and_then(Direction::parse),
        from: form.get("From").map(Party::new),
        to: form.get("To").map(Party::new),
    };
    let says_nothing = ends.direction.is_none() && ends.from.is_none() && ends.to.is_none();
    (call.call_id().is_none() && !says_nothing).then_some(ends)
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
    /// The calling party, for the agent's `system__caller_id`.
    pub from: Party,
    /// The called party.
    pub to: Party,
    /// Which way.
    pub direction: Direction,
    /// For the observation of the answer.
    pub answer: AgentAnswer,
    /// Why no agent is to be connected, for the log.
    pub refusal: Option<&'static str>,
}

impl VoiceRequest {
    /// Reads the webhook's form.
    pub fn parse(form: &Form, call_id: Option<CallId>) -> Result<Self, NotACallback> {
        let is_ours = call_id.is_some();
        let call = call_ref(form, call_id)?;
        let call_sid = call_sid(form)?;
        let answer = AgentAnswer {
            answered_by: form.get("AnsweredBy").and_then(AnsweredBy::parse),
            parties: parties(form, &call),
            ..AgentAnswer::default()
        };
        // A call to our number is still ringing when its TwiML is asked for.
        let refusal = match form.get("CallStatus") {
            _ if is_ours && form.get("ParentCallSid").is_some() => Some("another leg of the call"),
            None | Some("in-progress" | "ringing") => None,
            Some(_) => Some("the call is not being answered"),
        };
        Ok(Self {
            call,
            call_sid,
            from: Party::new(form.get("From").unwrap_or("anonymous")),
            to: Party::new(form.get("To").unwrap_or("anonymous")),
            // Only calls that we dialled have our id in their webhooks.
            direction: form.get("Direction").and_then(Direction::parse).unwrap_or(if is_ours {
                Direction::Outbound
            } else {
                Direction::Inbound
            }),
            answer,
            refusal,
        })
    }
}

#[cfg(test)]
mod recut;
#[cfg(test)]
mod tests;
