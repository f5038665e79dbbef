//! What voice answers, and how fast.

use std::time::Duration;

use crate::twilio::{ConnectStream, is_xml_text};

use super::env::{Env, word};

/// Twilio waits 15 s for the whole of a webhook, connecting included.
const LONGEST_BUDGET_SECONDS: u32 = 14;

/// Leaves the signed URL room within Twilio's 64 kB of TwiML.
const LONGEST_STREAM_BYTES: usize = 32 * 1024;

/// Settings of the voice webhook.
#[derive(Clone, Debug)]
pub struct Voice {
    /// `VOICE_BUDGET_SECONDS`: after this the person hears an apology.
    pub budget: Duration,
    /// What a person hears when the agent cannot be reached.
    pub apologies: Apologies,
    /// For `signed-url` mode.
    pub stream: ConnectStream,
    /// `STREAM_STATUS_CALLBACK`: whether stream errors are reported to us.
    pub stream_status_callback: bool,
}

impl Voice {
    /// The longest budget that can be set.
    pub const LONGEST_BUDGET: Duration = Duration::from_secs(LONGEST_BUDGET_SECONDS as u64);
}

/// Why a person hears an apology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apology {
    /// ElevenLabs answered 429.
    Busy,
    /// ElevenLabs answered 401 or 403, or a setting is missing.
    Configuration,
    /// Anything else.
    Other,
}

/// The three sentences; by default those of the original guide.
#[derive(Clone, Debug)]
pub struct Apologies {
    busy: String,
    configuration: String,
    other: String,
    /// `VOICE_LANGUAGE`, such as `en-US`.
    pub language: Option<String>,
    /// `VOICE_NAME`, such as `Polly.Joanna`.
    pub voice: Option<String>,
}

impl Apologies {
    /// The sentence for a reason.
    #[must_use]
    pub fn sentence(&self, apology: Apology) -> &str {
        match apology {
            Apology::Busy => &self.busy,
            Apology::Configuration => &self.configuration,
            Apology::Other => &self.other,
        }
    }
}

pub(super) fn voice(env: &mut Env<'_>) -> Voice {
    let seconds = env.number("VOICE_BUDGET_SECONDS", 8, 1..=LONGEST_BUDGET_SECONDS);
    let mut sentence =
        |name, default: &str| env.optional(name, sayable).unwrap_or_else(|| default.to_owned());
    let apologies = Apologies {
        busy: sentence("VOICE_APOLOGY_BUSY", "Service is busy. Please call back in a few minutes."),
        configuration: sentence(
            "VOICE_APOLOGY_CONFIGURATION",
            "Configuration error. Please contact support.",
        ),
        other: sentence("VOICE_APOLOGY_OTHER", "Technical difficulties. Please try again later."),
        language: env
            .optional("VOICE_LANGUAGE", word(35, "-", "must be a language tag such as en-US")),
        // Twilio's own voices and those of Amazon Polly and Google share this spelling.
        voice: env.optional(
            "VOICE_NAME",
            word(64, ".-_", "must be a voice of Twilio's <Say>, such as Polly.Joanna"),
        ),
    };
    let track = env.optional("STREAM_TRACK", |text| match text {
        "inbound_track" => Ok(()),
        _ => {
            Err("must be inbound_track: under Connect Twilio refuses any other (31941)".to_owned())
        }
    });
    let stream = ConnectStream {
        name: env.optional("STREAM_NAME", sayable),
        inbound_track: track.is_some(),
        parameters: env.list("STREAM_PARAMETERS", parameter),
    };
    if stream.bytes() > LONGEST_STREAM_BYTES {
        env.problem("STREAM_PARAMETERS", "must not be longer than 32 kB in all");
    }
    Voice {
        budget: Duration::from_secs(u64::from(seconds)),
        apologies,
        stream,
        stream_status_callback: env.flag("STREAM_STATUS_CALLBACK", true),
    }
}

fn sayable(text: &str) -> Result<String, String> {
    if is_xml_text(text) && text.chars().count() <= 4096 {
        Ok(text.to_owned())
    } else {
        Err("must be at most 4096 characters, none of them control characters".to_owned())
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if ConnectStream::allows(name, value) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("must be name=value pairs, each under 500 characters".to_owned()),
    }
}
