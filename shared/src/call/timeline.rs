//! The timeline: every observation in the order in which it happened.

use super::{Fact, Observation, RecordingStatus, Timestamp};

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Our own functions.
    CloseLoop,
    /// A callback or answer of Twilio's.
    Twilio,
}

impl Source {
    /// The word in the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloseLoop => "close-loop",
            Self::Twilio => "twilio",
        }
    }
}

/// One line of a call's story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When it happened.
    pub at: Timestamp,
    /// Where a line comes from.
    pub source: Source,
    /// What happened, in the vendor's words where it has some.
    pub event: String,
    /// More, for readers who showed the token.
    pub detail: Option<String>,
}

/// Tells a set (in key order) as a story. Twilio's timestamps have whole seconds and ours
/// milliseconds, so within one second the natural order of a call decides.
pub(super) fn of(set: &[&Observation]) -> Vec<TimelineEntry> {
    let mut ordered: Vec<&Observation> = set.to_vec();
    ordered.sort_by_key(|seen| (seen.at.as_millis() / 1000, phase(&seen.fact), seen.at));
    ordered.into_iter().map(entry).collect()
}

fn phase(fact: &Fact) -> u8 {
    match fact {
        Fact::Intended(_) => 0,
        Fact::DialRefused { .. } | Fact::DialUnsent | Fact::DialUnknown => 1,
        Fact::Status(event) if event.status.is_terminal() => 9,
        Fact::Status(event) => 2 + event.status.rank(),
        Fact::Answered(_) => 6,
        Fact::Stream(event) if event.event == "stream-started" => 7,
        Fact::MachineDetected { .. } | Fact::Stream(_) => 8,
        Fact::ChildLeg { .. } => 8,
        Fact::Recording(event) if event.status == RecordingStatus::InProgress => 7,
        Fact::Recording(_) | Fact::RecordingsListed => 10,
    }
}

fn entry(seen: &Observation) -> TimelineEntry {
    let (source, event, detail) = match &seen.fact {
        Fact::Intended(intent) => (
            Source::CloseLoop,
            "dialling".to_owned(),
            Some(format!(
                "rings for at most {} s, lasts at most {} s",
                intent.timeout_seconds, intent.time_limit_seconds
            )),
        ),
        Fact::DialRefused { code } => {
            (Source::Twilio, "refused".to_owned(), code.map(|code| format!("Twilio error {code}")))
        }
        Fact::DialUnsent => (
            Source::CloseLoop,
            "not-sent".to_owned(),
            Some("Twilio could not be reached".to_owned()),
        ),
        Fact::DialUnknown => (
            Source::CloseLoop,
            "outcome-unknown".to_owned(),
            Some("Twilio's answer was lost; the phone may be ringing".to_owned()),
        ),
        Fact::Status(event) => (
            Source::Twilio,
            event.status.to_string(),
            words([
                event.duration_seconds.map(|seconds| format!("{seconds} s")),
                event.sip_response_code.map(|code| format!("SIP {code}")),
                event.error_code.map(|code| format!("Twilio error {code}")),
                event.recording.as_ref().map(|recording| recording.recording_sid.to_string()),
            ]),
        ),
        Fact::Answered(answer) => match &answer.failure {
            Some(failure) => (Source::CloseLoop, "apology".to_owned(), Some(failure.clone())),
            None => {
                (Source::CloseLoop, "agent-connected".to_owned(), answer.conversation_id.clone())
            }
        },
        Fact::MachineDetected { answered_by } => {
            (Source::Twilio, "answered-by".to_owned(), Some(answered_by.as_str().to_owned()))
        }
        Fact::Stream(event) => (Source::Twilio, event.event.clone(), event.error.clone()),
        Fact::Recording(event) => (
            Source::Twilio,
            format!("recording-{}", event.status),
            words([
                Some(event.recording_sid.to_string()),
                event.duration_seconds.map(|seconds| format!("{seconds} s")),
                event.error_code.filter(|code| *code != 0).map(|c| format!("Twilio error {c}")),
                None,
            ]),
        ),
        Fact::RecordingsListed => (Source::Twilio, "recordings-listed".to_owned(), None),
        Fact::ChildLeg { call_sid, status } => {
            (Source::Twilio, "child-leg".to_owned(), Some(format!("{call_sid}: {status}")))
        }
    };
    TimelineEntry { at: seen.at, source, event, detail }
}

fn words(parts: [Option<String>; 4]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
