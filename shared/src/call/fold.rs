//! The fold: what a set of observations says about a call.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    AnsweredBy, CallId, CallSid, CallStatus, Direction, DynamicVariables, Fact, Intent,
    Observation, Parties, Party, RecordingEvent, StatusEvent, TimelineEntry, Timestamp, timeline,
};

/// How long after the intent a dial without an answer still counts as being placed. By then a
/// function that waits for Twilio has given up.
pub const DIAL_BUDGET: Duration = Duration::from_secs(15);

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No observation says how far the call has come.
    Unnamed,
    /// The intent is written; Twilio has not answered.
    Intended(Timestamp),
    /// Twilio refused to dial, or could not be asked.
    Refused,
    /// Twilio's answer was lost: the phone may be ringing.
    Unknown,
    /// Twilio has named a status.
    Named(CallStatus),
}

/// The best recording of a call.
pub type RecordingState = RecordingEvent;

/// A call as the set of its observations shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Our name; a call that rang us has none.
    pub call_id: Option<CallId>,
    /// Twilio's name, once known.
    pub call_sid: Option<CallSid>,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// How far it has come.
    pub progress: Progress,
    /// The called party.
    pub to: Option<Party>,
    /// The calling party.
    pub from: Option<Party>,
    /// When it was first heard of.
    pub created_at: Option<Timestamp>,
    /// When the call was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Twilio's `CallDuration`, seconds.
    pub duration_seconds: Option<u32>,
    /// Human or machine, where detection ran.
    pub answered_by: Option<AnsweredBy>,
    /// ElevenLabs' conversation.
    pub conversation_id: Option<String>,
    /// Whether our dial asked for a recording; unknown without an intent.
    pub record: Option<bool>,
    /// The recording that got furthest.
    pub recording: Option<RecordingState>,
    /// Every recording, each as far as it got, in the order of their SIDs.
    pub recordings: Vec<RecordingState>,
    /// Whether Twilio has told all recordings there are, after the call's end.
    pub recordings_listed: bool,
    /// The SIP response that ended it.
    pub sip_response_code: Option<u16>,
    /// The latest sign of an end that no status has reported: the agent's stream closed, or the
    /// person heard an apology and a hang-up.
    pub closing_at: Option<Timestamp>,
    /// What the agent was told.
    pub dynamic_variables: DynamicVariables,
    /// Everything that happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// Twilio's error codes about this call, in key order, without doubles.
    pub error_codes: Vec<u32>,
    /// Why the person heard an apology, if they did.
    pub failure: Option<String>,
}

impl Call {
    /// Folds a set of observations. The order of the slice does not matter, nor do doubles of a key
    /// (the first of two different bodies under one key wins, as it does in every store).
    #[must_use]
    pub fn fold(
        call_id: Option<CallId>,
        call_sid: Option<CallSid>,
        observations: &[Observation],
    ) -> Self {
        let mut keyed: Vec<(String, &Observation)> =
            observations.iter().map(|seen| (seen.key(), seen)).collect();
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        keyed.dedup_by(|later, first| later.0 == first.0);
        let set: Vec<&Observation> = keyed.into_iter().map(|(_, seen)| seen).collect();

        let intent = set.iter().find_map(|seen| match &seen.fact {
            Fact::Intended(intent) => Some(intent),
            _ => None,
        });
        let last = furthest_status(&set);
        let parties = || set.iter().filter_map(|seen| parties_of(&seen.fact));
        let ended = last.filter(|(event, _)| event.status.is_terminal());
        let recordings = recordings(&set);
        Self {
            call_id: call_id.or_else(|| intent.map(|intent| intent.call_id.clone())),
            call_sid,
            direction: intent
                .map(|_| Direction::Outbound)
                .or_else(|| parties().find_map(|ends| ends.direction)),
            progress: progress(&set, last.map(|(event, _)| event)),
            to: intent
                .map(|intent| Party::from(&intent.to))
                .or_else(|| parties().find_map(|ends| ends.to.clone())),
            from: intent
                .map(|intent| Party::from(&intent.from))
                .or_else(|| parties().find_map(|ends| ends.from.clone())),
            created_at: created_at(&set),
            answered_at: set.iter().filter(|seen| is_answer(&seen.fact)).map(|seen| seen.at).min(),
            ended_at: ended.map(|(_, at)| at),
            duration_seconds: ended.and_then(|(event, _)| event.duration_seconds),
            answered_by: answered_by(&set),
            conversation_id: set.iter().find_map(|seen| match &seen.fact {
                Fact::Answered(answer) => answer.conversation_id.clone(),
                _ => None,
            }),
            record: intent.map(|intent| intent.record),
            recording: recordings.iter().max_by_key(|state| state.status.rank()).cloned(),
            recordings,
            recordings_listed: set.iter().any(|seen| seen.fact == Fact::RecordingsListed),
            sip_response_code: ended.and_then(|(event, _)| event.sip_response_code),
            closing_at: closing_at(&set),
            dynamic_variables: intent
                .map(|intent: &Intent| intent.dynamic_variables.clone())
                .unwrap_or_default(),
            timeline: timeline::of(&set),
            error_codes: error_codes(&set),
            failure: set.iter().find_map(|seen| match &seen.fact {
                Fact::Answered(answer) => answer.failure.clone(),
                _ => None,
            }),
        }
    }

    /// The status as callers read it: Twilio's, or `dialling` and then `unknown` before
    /// Twilio has named one, or `failed` where it refused.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> &str {
        match &self.progress {
            Progress::Named(status) => status.as_str(),
            Progress::Refused => "failed",
            Progress::Intended(at) if now < at.plus(DIAL_BUDGET) => "dialling",
            Progress::Intended(_) | Progress::Unknown | Progress::Unnamed => "unknown",
        }
    }

    /// Whether nothing more can happen to the call itself.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match &self.progress {
            Progress::Named(status) => status.is_terminal(),
            Progress::Refused => true,
            Progress::Intended(_) | Progress::Unknown | Progress::Unnamed => false,
        }
    }
}

/// The highest status: by rank, then by sequence number, then by key. `set` is in key order, and the
/// last of equals wins. A word that is none of Twilio's is no status.
fn furthest_status<'a>(set: &[&'a Observation]) -> Option<(&'a StatusEvent, Timestamp)> {
    let order = |event: &StatusEvent| {
        let number = event.sequence.map_or(0, |sequence| sequence.min(999_998) + 1);
        u32::from(event.status.rank()) * 1_000_000 + number
    };
    set.iter()
        .filter_map(|seen| match &seen.fact {
            Fact::Status(event) if event.status.is_known() => Some((event, seen.at)),
            _ => None,
        })
        .max_by_key(|(event, _)| order(event))
}

/// Voice being asked is an `in-progress` without a number: the answer is known even if that
/// callback is lost.
fn progress(set: &[&Observation], last: Option<&StatusEvent>) -> Progress {
    let has = |wanted: fn(&Fact) -> bool| set.iter().any(|seen| wanted(&seen.fact));
    let answered = has(|fact| matches!(fact, Fact::Answered(_)));
    match last {
        Some(event) if event.status.rank() >= CallStatus::InProgress.rank() || !answered => {
            Progress::Named(event.status.clone())
        }
        _ if answered => Progress::Named(CallStatus::InProgress),
        _ if has(|fact| matches!(fact, Fact::DialRefused { .. } | Fact::DialUnsent)) => {
            Progress::Refused
        }
        _ if has(|fact| matches!(fact, Fact::DialUnknown)) => Progress::Unknown,
        _ => set
            .iter()
            .find(|seen| matches!(seen.fact, Fact::Intended(_)))
            .map_or(Progress::Unnamed, |seen| Progress::Intended(seen.at)),
    }
}

fn is_answer(fact: &Fact) -> bool {
    match fact {
        Fact::Answered(_) => true,
        Fact::Status(event) => event.status == CallStatus::InProgress,
        _ => false,
    }
}

/// The intent's time, else the earliest of all: independent of which callback came first.
fn created_at(set: &[&Observation]) -> Option<Timestamp> {
    let intended = set.iter().find(|seen| matches!(seen.fact, Fact::Intended(_)));
    intended.map(|seen| seen.at).or_else(|| set.iter().map(|seen| seen.at).min())
}

fn parties_of(fact: &Fact) -> Option<&Parties> {
    match fact {
        Fact::Status(event) => event.parties.as_ref(),
        Fact::Answered(answer) => answer.parties.as_ref(),
        _ => None,
    }
}

/// An asynchronous result counts before a synchronous one, which is part of another fact. Of
/// several results of one kind the latest counts.
fn answered_by(set: &[&Observation]) -> Option<AnsweredBy> {
    let latest = |of: fn(&Fact) -> Option<&AnsweredBy>| {
        let found = set.iter().filter_map(|seen| Some((seen.at, of(&seen.fact)?)));
        found.filter(|(_, who)| who.is_known()).max_by_key(|(at, _)| *at).map(|(_, who)| who)
    };
    latest(|fact| match fact {
        Fact::MachineDetected { answered_by } => Some(answered_by),
        _ => None,
    })
    .or_else(|| {
        latest(|fact| match fact {
            Fact::Answered(answer) => answer.answered_by.as_ref(),
            Fact::Status(event) => event.answered_by.as_ref(),
            _ => None,
        })
    })
    .cloned()
}

/// Each recording's furthest state; of states as far as each other, the last in key order.
fn recordings(set: &[&Observation]) -> Vec<RecordingState> {
    let mut furthest: BTreeMap<&str, &RecordingState> = BTreeMap::new();
    let told = set.iter().filter_map(|seen| match &seen.fact {
        Fact::Recording(event) => Some(event),
        Fact::Status(event) => event.recording.as_ref(),
        _ => None,
    });
    for event in told.filter(|event| event.status.is_known()) {
        let known = furthest.entry(event.recording_sid.as_str()).or_insert(event);
        if event.status.rank() >= known.status.rank() {
            *known = event;
        }
    }
    furthest.into_values().cloned().collect()
}

/// A stream that closed does not count if a stream started after it.
fn closing_at(set: &[&Observation]) -> Option<Timestamp> {
    let latest =
        |of: fn(&Fact) -> bool| set.iter().filter(|seen| of(&seen.fact)).map(|seen| seen.at).max();
    let is_closed = |fact: &Fact| match fact {
        Fact::Stream(event) => matches!(event.event.as_str(), "stream-stopped" | "stream-error"),
        Fact::Answered(answer) => answer.failure.is_some(),
        _ => false,
    };
    let started =
        latest(|fact| matches!(fact, Fact::Stream(event) if event.event == "stream-started"));
    latest(is_closed).filter(|closed| started.is_none_or(|started| started <= *closed))
}

fn error_codes(set: &[&Observation]) -> Vec<u32> {
    let leading_number = |text: &str| text.split_whitespace().next()?.parse().ok();
    let mut codes = Vec::new();
    for seen in set {
        let code = match &seen.fact {
            Fact::DialRefused { code } => *code,
            Fact::Status(event) => event.error_code,
            Fact::Stream(event) => event.error.as_deref().and_then(leading_number),
            Fact::Recording(event) => event.error_code,
            _ => None,
        };
        if let Some(code) = code.filter(|code| *code != 0 && !codes.contains(code)) {
            codes.push(code);
        }
    }
    codes
}

#[cfg(test)]
mod tests;
