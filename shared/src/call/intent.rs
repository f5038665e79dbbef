//! What a caller asks for when dialling: written down before Twilio is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CallId, DynamicVariables, E164};

/// The whole of a dial. Everything a later webhook needs is here, so that even a call whose REST
/// answer was lost finds its variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Our name of the call; travels in the query of every webhook URL.
    #[serde(rename = "id")]
    pub call_id: CallId,
    /// The number to ring.
    pub to: E164,
    /// Our own number.
    pub from: E164,
    /// Whether Twilio records both sides.
    #[serde(rename = "rec")]
    pub record: bool,
    /// How long the phone rings, in seconds: 5 to 600.
    #[serde(rename = "ring")]
    pub timeout_seconds: u32,
    /// The longest the call may last, in seconds: no call runs for ever.
    #[serde(rename = "limit")]
    pub time_limit_seconds: u32,
    /// Whether to look for an answering machine.
    #[serde(rename = "amd", default, skip_serializing_if = "Option::is_none")]
    pub machine_detection: Option<MachineDetection>,
    /// Whether its caller showed no token, so that it counts among the anonymous calls.
    #[serde(rename = "anon", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_anonymous: bool,
    /// What the agent must be told.
    #[serde(rename = "vars", default, skip_serializing_if = "DynamicVariables::is_empty")]
    pub dynamic_variables: DynamicVariables,
}

impl Intent {
    /// From the dial to the last moment the call can last: it rings, then the person talks.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_seconds) + u64::from(self.time_limit_seconds))
    }
}

/// Twilio's two ways to look for a machine. Absent means off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineDetection {
    /// Tells at once whether a human or a machine answered.
    Enable,
    /// Tells a human at once, a machine only when its greeting has ended.
    DetectMessageEnd,
}

impl MachineDetection {
    /// Parses Twilio's spelling.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "Enable" => Some(Self::Enable),
            "DetectMessageEnd" => Some(Self::DetectMessageEnd),
            _ => None,
        }
    }

    /// Twilio's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "Enable",
            Self::DetectMessageEnd => "DetectMessageEnd",
        }
    }
}
