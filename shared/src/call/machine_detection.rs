//! Answering machine detection: what is asked and what was found.

use serde::{Deserialize, Serialize};

use super::status::key_safe;

/// Twilio's two ways to look for a machine. Absent means off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineDetection {
    /// Tells at once who picked up.
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

/// `AnsweredBy` as Twilio words it: `human`, `machine_start`, `machine_end_beep`, `fax`, `unknown`...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnsweredBy(String);

impl AnsweredBy {
    /// Keeps any word, cut to what is safe in a key.
    #[must_use]
    pub fn new(word: &str) -> Self {
        let safe = key_safe(word, 32);
        let is_cut = safe != word && Self::WORDS.contains(&safe.as_str());
        Self(if is_cut { format!("odd-{safe}") } else { safe })
    }

    /// Takes only a word that Twilio uses.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.contains(&word).then(|| Self(word.to_owned()))
    }

    /// Every word of Twilio's, of both kinds of detection.
    const WORDS: [&str; 7] = [
        "human",
        "machine_start",
        "machine_end_beep",
        "machine_end_silence",
        "machine_end_other",
        "fax",
        "unknown",
    ];

    /// Whether this is one of Twilio's words. Any other is news of the call and says not who answered.
    #[must_use]
    pub fn is_known(&self) -> bool {
        Self::WORDS.contains(&self.as_str())
    }

    /// Twilio's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
