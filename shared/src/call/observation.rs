//! One fact about a call, and the key under which it is recorded once.

use serde::{Deserialize, Serialize};

use super::status::unknown;
use super::{
    AnsweredBy, CallSid, CallStatus, Intent, Party, RecordingSid, RecordingStatus, Timestamp,
};

/// A fact and when it happened. The first one recorded under a [key](Observation::key) wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Twilio's own timestamp where its callback has one, else when we heard of it.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "f")]
    pub fact: Fact,
}

/// The kinds of facts. The one-letter names are the stores' record format: they never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// We are about to ask Twilio to dial.
    #[serde(rename = "m")]
    Intended(Intent),
    /// Twilio refused to dial; nothing rings.
    #[serde(rename = "x")]
    DialRefused {
        /// Twilio's error code, if it gave one.
        #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
        code: Option<u32>,
    },
    /// Twilio could not be reached; nothing was sent.
    #[serde(rename = "n")]
    DialUnsent,
    /// Twilio was asked and its answer never came: the phone may be ringing.
    #[serde(rename = "u")]
    DialUnknown,
    /// A status callback, or the status in Twilio's REST answer.
    #[serde(rename = "e")]
    Status(StatusEvent),
    /// Voice was asked for TwiML, so the call is answered; this is what it said.
    #[serde(rename = "v")]
    Answered(AgentAnswer),
    /// The asynchronous result of answering machine detection.
    #[serde(rename = "a")]
    MachineDetected {
        /// Human or machine.
        #[serde(rename = "b")]
        answered_by: AnsweredBy,
    },
    /// The media stream to the agent started, stopped or failed.
    #[serde(rename = "s")]
    Stream(StreamEvent),
    /// A recording callback, or what Twilio itself says of a recording.
    #[serde(rename = "r")]
    Recording(RecordingEvent),
    /// Twilio was asked for the call's recordings after its end and told all there are.
    #[serde(rename = "q")]
    RecordingsListed,
    /// A callback of another leg under our `callId`, as `<Dial>` makes one. It says nothing of the
    /// call itself.
    #[serde(rename = "c")]
    ChildLeg {
        /// The other leg.
        #[serde(rename = "i")]
        call_sid: CallSid,
        /// How far the other leg has come, where it is told.
        #[serde(rename = "s")]
        status: CallStatus,
    },
}

/// Which way a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// A person rang our number.
    #[serde(rename = "i")]
    Inbound,
    /// We rang a person.
    #[serde(rename = "o")]
    Outbound,
    /// A `<Dial>` rang a person.
    #[serde(rename = "d")]
    OutboundDial,
}

impl Direction {
    /// Reads Twilio's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Inbound, Self::Outbound, Self::OutboundDial]
            .into_iter()
            .find(|direction| direction.as_str() == word)
    }

    /// Twilio's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound-api",
            Self::OutboundDial => "outbound-dial",
        }
    }
}

/// Both ends of a call, kept with a callback only where no intent tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    /// Which way it went.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// `From`.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// `To`.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
}

/// A status of the call as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// Twilio's word.
    #[serde(rename = "s")]
    pub status: CallStatus,
    /// `SequenceNumber`; a REST answer has none.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
    /// `CallDuration`, seconds; terminal events only.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// `SipResponseCode`; terminal events only.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub sip_response_code: Option<u16>,
    /// `AnsweredBy`, where detection was synchronous.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<AnsweredBy>,
    /// `ErrorCode`, sometimes on failed calls.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// Both ends, where no intent tells them.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub parties: Option<Parties>,
    /// The recording that the end of a call names; its file may not be ready.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingEvent>,
}

impl StatusEvent {
    /// A status of which nothing more is known.
    #[must_use]
    pub fn of(status: CallStatus) -> Self {
        Self {
            status,
            sequence: None,
            duration_seconds: None,
            sip_response_code: None,
            answered_by: None,
            error_code: None,
            parties: None,
            recording: None,
        }
    }
}

/// What voice answered when the person picked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentAnswer {
    /// ElevenLabs' conversation, if the agent was connected by `register-call`.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Why the person heard an apology instead, in a word or two: `elevenlabs 429`.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// `AnsweredBy`, where detection was synchronous.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<AnsweredBy>,
    /// Both ends, where no intent tells them.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub parties: Option<Parties>,
}

/// `StreamEvent` of a `<Stream>` status callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEvent {
    /// Twilio's `StreamSid`.
    #[serde(rename = "s")]
    pub stream_sid: String,
    /// `stream-started`, `stream-stopped` or `stream-error`.
    #[serde(rename = "e")]
    pub event: String,
    /// `StreamError`, free text: `31921 Stream - WebSocket - Close Error`.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl StreamEvent {
    const WORDS: [&str; 3] = ["stream-started", "stream-stopped", "stream-error"];

    /// Twilio's word; any other is kept, safe in a key, and says nothing of the stream.
    #[must_use]
    pub fn word(text: &str) -> String {
        let is_known = |word: &str| Self::WORDS.contains(&word);
        if is_known(text) { text.to_owned() } else { unknown(text, is_known) }
    }
}

/// One state of one recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingEvent {
    /// Which recording; a call may have several.
    #[serde(rename = "r")]
    pub recording_sid: RecordingSid,
    /// Twilio's word.
    #[serde(rename = "s")]
    pub status: RecordingStatus,
    /// `RecordingDuration`, seconds; completed only.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// `RecordingChannels`: 1 or 2.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// `ErrorCode`: 16101 too short, 16102 silent.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
}

impl Observation {
    /// Two observations of one call with the same key are the same fact.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.fact {
            Fact::Intended(_) => "meta".to_owned(),
            Fact::DialRefused { .. } => "d#refused".to_owned(),
            Fact::DialUnsent => "d#unsent".to_owned(),
            Fact::DialUnknown => "d#unknown".to_owned(),
            Fact::Status(event) => match event.sequence {
                Some(sequence) => format!("e#{sequence:03}#{}", event.status),
                None => format!("e#---#{}", event.status),
            },
            Fact::Answered(_) => "v#answer".to_owned(),
            Fact::MachineDetected { answered_by } => format!("a#{}", answered_by.as_str()),
            Fact::Stream(event) => format!("s#{}#{}", event.stream_sid, event.event),
            Fact::Recording(event) => format!("r#{}#{}", event.recording_sid, event.status),
            Fact::RecordingsListed => "q#listed".to_owned(),
            Fact::ChildLeg { call_sid, status } => format!("c#{call_sid}#{status}"),
        }
    }
}
