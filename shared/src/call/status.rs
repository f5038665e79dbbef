//! Twilio's status words and how far along a call each of them is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `CallStatus` of a callback, and `status` of a REST answer: two enums of Twilio's that overlap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CallStatus {
    /// The callee was busy. Terminal.
    Busy,
    /// Hung up by us before an answer. Terminal.
    Canceled,
    /// The call was answered and has ended. Terminal.
    Completed,
    /// The call could not be placed. Terminal.
    Failed,
    /// Answered; the event is called `answered`, the status `in-progress`.
    InProgress,
    /// Taken from Twilio's queue. Only in callbacks.
    Initiated,
    /// Not answered in time, or rejected. Terminal.
    NoAnswer,
    /// A word Twilio did not use when this was written; kept, and never a step forward.
    Other(String),
    /// Accepted by the REST API. Only in REST answers.
    Queued,
    /// The phone rings.
    Ringing,
}

impl CallStatus {
    /// How far along: queued 0, initiated 1, ringing 2, in progress 3, terminal 4, unknown 0.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Queued | Self::Other(_) => 0,
            Self::Initiated => 1,
            Self::Ringing => 2,
            Self::InProgress => 3,
            Self::Busy | Self::Canceled | Self::Completed | Self::Failed | Self::NoAnswer => 4,
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.rank() == 4
    }
}

/// `RecordingStatus` of a recording callback.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RecordingStatus {
    /// Nothing was recorded: too short (16101) or silent (16102).
    Absent,
    /// The audio can be fetched.
    Completed,
    /// Only with voice recording encryption.
    Failed,
    /// Recording has begun.
    InProgress,
    /// A word Twilio did not use when this was written.
    Other(String),
    /// Recorded; the file may not be ready yet.
    Processing,
}

impl RecordingStatus {
    /// How far along; a completed recording outranks everything said about it.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::InProgress => 1,
            Self::Processing => 2,
            Self::Absent | Self::Failed => 3,
            Self::Completed => 4,
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

/// A status as Twilio spells it.
macro_rules! words {
    ($name:ident: $($variant:ident $word:literal),+) => {
        impl $name {
            /// Parses Twilio's word exactly. Any other is kept, cut to what is safe in a key.
            #[must_use]
            pub fn parse(word: &str) -> Self {
                Self::known(word)
                    .unwrap_or_else(|| Self::Other(unknown(word, |word| Self::known(word).is_some())))
            }

            fn known(word: &str) -> Option<Self> {
                Some(match word {
                    $($word => Self::$variant,)+
                    _ => return None,
                })
            }

            /// Whether this is one of Twilio's words. Any other is news, not a status.
            #[must_use]
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Other(_))
            }

            /// Twilio's spelling.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::parse(&word)
            }
        }

        impl From<$name> for String {
            fn from(status: $name) -> Self {
                status.as_str().to_owned()
            }
        }
    };
}
words!(CallStatus: Busy "busy", Canceled "canceled", Completed "completed", Failed "failed",
    InProgress "in-progress", Initiated "initiated", NoAnswer "no-answer", Queued "queued",
    Ringing "ringing");
words!(RecordingStatus: Absent "absent", Completed "completed", Failed "failed",
    InProgress "in-progress", Processing "processing");

/// In place of a word that Twilio left out.
const UNREPORTED: &str = "unreported";

/// Keeps a word that is none of Twilio's, safe in a key. What remains of it is none of Twilio's
/// either, now or when it is read back from a store.
pub(crate) fn unknown(word: &str, is_known: impl Fn(&str) -> bool) -> String {
    let safe = key_safe(word, 32);
    if is_known(&safe) { format!("odd-{safe}") } else { safe }
}

/// Up to `length` characters that an observation's key may hold; an empty word reads `unreported`.
pub(crate) fn key_safe(word: &str, length: usize) -> String {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    let safe: String = word.chars().filter(is_safe).take(length).collect();
    if safe.is_empty() { UNREPORTED.to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_twilios_parses_to_itself() {
        let words = [
            "queued",
            "initiated",
            "ringing",
            "in-progress",
            "completed",
            "busy",
            "failed",
            "no-answer",
            "canceled",
            "on-hold",
        ];
        for word in words {
            assert_eq!(CallStatus::parse(word).as_str(), word);
        }
        for word in ["in-progress", "processing", "completed", "absent", "failed", "paused"] {
            assert_eq!(RecordingStatus::parse(word).as_str(), word);
        }
    }

    #[test]
    fn exactly_five_words_end_a_call() {
        let ends = ["completed", "busy", "failed", "no-answer", "canceled"];
        assert!(ends.iter().all(|word| CallStatus::parse(word).is_terminal()));
        let goes_on = ["queued", "initiated", "ringing", "in-progress", "cancelled", ""];
        assert!(goes_on.iter().all(|word| !CallStatus::parse(word).is_terminal()));
    }

    #[test]
    fn an_unknown_word_is_kept_but_cannot_break_a_key() {
        assert_eq!(CallStatus::parse("a#b c\n").as_str(), "abc");
        assert_eq!(CallStatus::parse("").as_str(), "unreported");
        assert_eq!(CallStatus::parse(&"x".repeat(99)).as_str().len(), 32);
    }

    #[test]
    fn a_word_with_something_in_it_is_none_of_twilios() {
        for word in
            ["ring ing", " completed", "no\u{0}-answer", "busy\n", "failed#", "in-progress "]
        {
            assert!(!CallStatus::parse(word).is_known(), "{word:?}");
            assert!(!CallStatus::parse(CallStatus::parse(word).as_str()).is_known(), "{word:?}");
        }
        for word in ["absent#", "com pleted", "failed ", "odd-failed"] {
            assert!(!RecordingStatus::parse(word).is_known(), "{word:?}");
        }
    }

    /// Found by fuzzing: `ring ing` was no status when it came and `ringing` when it was read back.
    #[test]
    fn a_word_reads_the_same_when_it_comes_back_from_a_store() {
        for word in ["ring ing", " completed", "no\u{0}-answer", "absent#", "a#b", "", "x y"] {
            let call = CallStatus::parse(word);
            assert_eq!(CallStatus::parse(call.as_str()), call, "{word}");
            let recording = RecordingStatus::parse(word);
            assert_eq!(RecordingStatus::parse(recording.as_str()), recording, "{word}");
        }
    }
}
