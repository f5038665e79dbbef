//! The call as JSON.

use serde::Serialize;

use crate::call::{Call, Direction, DynamicVariables, Party, TimelineEntry, Timestamp};

use super::diagnosis::{Diagnosis, diagnose};

/// One call for one reader. Absent things are null, but what the reader may not see is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallJson {
    call_id: Option<String>,
    call_sid: Option<String>,
    direction: Option<&'static str>,
    status: String,
    to: Option<String>,
    from: Option<String>,
    created_at: Option<String>,
    answered_at: Option<String>,
    ended_at: Option<String>,
    duration_seconds: Option<u32>,
    answered_by: Option<String>,
    conversation_id: Option<String>,
    recording: Option<RecordingJson>,
    timeline: Vec<EntryJson>,
    diagnosis: Vec<Diagnosis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_variables: Option<DynamicVariables>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingJson {
    recording_sid: String,
    status: String,
    duration_seconds: Option<u32>,
    channels: Option<u8>,
}

#[derive(Serialize)]
struct EntryJson {
    at: String,
    source: &'static str,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl CallJson {
    /// `with_token`: the reader sees full numbers, details and variables.
    pub(super) fn new(call: &Call, now: Timestamp, with_token: bool) -> Self {
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
