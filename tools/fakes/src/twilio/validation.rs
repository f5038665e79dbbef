//! What a `POST Calls.json` must look like, in the order in which its errors are reported.

use super::{
    errors::{TwilioError, geo_permission},
    target::{Target, is_absolute_http, is_get},
};
use crate::Config;

type Result<T> = std::result::Result<T, TwilioError>;

/// Twilio's test credentials: accepted as `From`, and no phone ever rings.
const TEST_FROM: &str = "+15005550006";

/// An event of `StatusCallbackEvent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Initiated,
    Ringing,
    Answered,
    Completed,
}

/// `MachineDetection` and where its result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MachineDetection {
    pub(crate) message_end: bool,
    /// `AsyncAmd=true`; the callback is absent if nobody gave one (21262, a warning only).
    pub(crate) asynchronous: bool,
    pub(crate) callback: Option<Target>,
}

/// A checked request for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallOptions {
    pub(crate) inbound: bool,
    /// Made with test credentials: created, but never dialled.
    pub(crate) test: bool,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) url: Option<Target>,
    pub(crate) twiml: Option<String>,
    pub(crate) fallback: Option<Target>,
    pub(crate) status: Option<Target>,
    pub(crate) events: Vec<Event>,
    /// Ring time in seconds.
    pub(crate) timeout: u32,
    /// Longest call in seconds.
    pub(crate) time_limit: Option<u32>,
    pub(crate) record: bool,
    pub(crate) channels: u8,
    pub(crate) recording_track: String,
    pub(crate) recording: Option<Target>,
    pub(crate) recording_events: Vec<String>,
    pub(crate) machine_detection: Option<MachineDetection>,
}

impl CallOptions {
    /// A call that somebody else makes.
    pub(crate) fn inbound(from: &str, to: &str, voice: &str, status: Option<&str>) -> Self {
        Self {
            inbound: true,
            test: false,
            to: to.to_owned(),
            from: from.to_owned(),
            url: Some(Target::post(voice)),
            twiml: None,
            fallback: None,
            status: status.map(Target::post),
            events: vec![Event::Completed],
            timeout: 60,
            time_limit: None,
            record: false,
            channels: 1,
            recording_track: "both".into(),
            recording: None,
            recording_events: Vec::new(),
            machine_detection: None,
        }
    }

    pub(crate) fn parse(config: &Config, pairs: &[(String, String)]) -> Result<Self> {
        let form = Form(pairs);
        let to = form
            .get("To")
            .ok_or_else(|| TwilioError::bad_request(21201, "No 'To' number is specified"))?;
        let from = form.get("From").ok_or_else(|| {
            TwilioError::bad_request(21213, "'From' phone number is required to be provided")
        })?;
        let twiml = form.get("Twiml");
        if form.get("Url").is_none() && twiml.is_none() && form.get("ApplicationSid").is_none() {
            return Err(TwilioError::bad_request(21205, "Url parameter is required."));
        }
        let url = form.target("Url", "Method", 21205)?;
        check_numbers(config, to, from)?;
        if let Some(sid) = form.get("ApplicationSid") {
            // This account has no applications.
            let message = format!("ApplicationSid {sid} is not valid");
            return Err(TwilioError::bad_request(21218, message));
        }
        if twiml.is_some_and(|twiml| twiml.chars().count() > 4000) {
            let message = "Twiml size exceeded maximum allowed value of 4000 characters";
            return Err(TwilioError::bad_request(32018, message));
        }
        let digits = form.get("SendDigits");
        if digits.is_some_and(|digits| !are_digits(digits)) {
            return Err(TwilioError::bad_request(21206, "Invalid SendDigits"));
        }
        let record = form.get("Record") == Some("true");
        Ok(Self {
            inbound: false,
            test: from == TEST_FROM,
            to: to.to_owned(),
            from: from.to_owned(),
            url,
            twiml: twiml.map(str::to_owned),
            fallback: form.target("FallbackUrl", "FallbackMethod", 21205)?,
            status: form.target("StatusCallback", "StatusCallbackMethod", 21609)?,
            events: form.events(),
            timeout: form.timeout()?,
            time_limit: form.get("TimeLimit").and_then(|limit| limit.parse().ok()),
            record,
            channels: if form.get("RecordingChannels") == Some("dual") { 2 } else { 1 },
            recording_track: form.get("RecordingTrack").unwrap_or("both").to_owned(),
            recording: form.target(
                "RecordingStatusCallback",
                "RecordingStatusCallbackMethod",
                21609,
            )?,
            recording_events: form.recording_events(),
            // Documented: with SendDigits there is no detection.
            machine_detection: form.machine_detection()?.filter(|_| digits.is_none()),
        })
    }
}

fn check_numbers(config: &Config, to: &str, from: &str) -> Result<()> {
    let refuse = |code, message: String| Err(TwilioError::bad_request(code, message));
    match to {
        "+15005550001" => {
            return refuse(21217, format!("Phone number {to} does not appear to be valid"));
        }
        "+15005550002" => {
            return refuse(21214, format!("'To' phone number {to} cannot be reached"));
        }
        "+15005550003" => return refuse(21215, geo_permission(to)),
        "+15005550004" => return refuse(21216, format!("Call to {to} blocked by Twilio")),
        _ => {}
    }
    if !is_e164(to) || to == from {
        return refuse(21211, format!("The 'To' number {to} is not a valid phone number."));
    }
    if !is_e164(from) || from == "+15005550001" {
        return refuse(21212, format!("The 'From' number {from} is not a valid phone number."));
    }
    if from != config.phone_number && from != TEST_FROM {
        return refuse(
            21210,
            format!(
                "The source phone number provided, {from}, is not yet verified for your account."
            ),
        );
    }
    Ok(())
}

/// Twilio also dials SIP addresses and clients; the product only ever dials numbers.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn are_digits(digits: &str) -> bool {
    digits.len() <= 32
        && digits
            .chars()
            .all(|digit| matches!(digit, '0'..='9' | 'A'..='D' | '#' | '*' | 'w' | 'W'))
}

/// The decoded pairs; an empty value counts as absent.
struct Form<'a>(&'a [(String, String)]);

impl<'a> Form<'a> {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    fn get(&self, name: &'static str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn target(
        &self,
        name: &'static str,
        method: &'static str,
        code: u32,
    ) -> Result<Option<Target>> {
        let get = match self.get(method) {
            Some(given) => is_get(given).ok_or_else(|| {
                TwilioError::bad_request(21209, format!("{method} {given} is not GET or POST"))
            })?,
            None => false,
        };
        let Some(url) = self.get(name) else {
            return Ok(None);
        };
        if !is_absolute_http(url) {
            return Err(TwilioError::bad_request(
                code,
                format!("{name} is not a valid URL: {url}"),
            ));
        }
        Ok(Some(Target { url: url.to_owned(), get }))
    }

    fn timeout(&self) -> Result<u32> {
        let Some(text) = self.get("Timeout") else {
            return Ok(60);
        };
        text.parse()
            .ok()
            .filter(|seconds| (1..=600).contains(seconds))
            .ok_or_else(|| TwilioError::bad_request(21208, format!("Timeout {text} is not valid")))
    }

    /// Unknown names are ignored, which is how a space-joined list silences a call.
    fn events(&self) -> Vec<Event> {
        if self.get("StatusCallbackEvent").is_none() {
            return vec![Event::Completed];
        }
        self.all("StatusCallbackEvent")
            .filter_map(|name| match name {
                "initiated" => Some(Event::Initiated),
                "ringing" => Some(Event::Ringing),
                "answered" => Some(Event::Answered),
                "completed" => Some(Event::Completed),
                _ => None,
            })
            .collect()
    }

    /// Here the reference itself says "separate with a space", so both forms count.
    fn recording_events(&self) -> Vec<String> {
        if self.get("RecordingStatusCallbackEvent").is_none() {
            return vec!["completed".into()];
        }
        self.all("RecordingStatusCallbackEvent")
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect()
    }

    fn machine_detection(&self) -> Result<Option<MachineDetection>> {
        let message_end = match self.get("MachineDetection") {
            None => return Ok(None),
            Some("Enable") => false,
            Some("DetectMessageEnd") => true,
            Some(other) => {
                let message = format!("MachineDetection {other} is not valid");
                return Err(TwilioError::bad_request(21234, message));
            }
        };
        Ok(Some(MachineDetection {
            message_end,
            asynchronous: self.get("AsyncAmd") == Some("true"),
            callback: self.target(
                "AsyncAmdStatusCallback",
                "AsyncAmdStatusCallbackMethod",
                21609,
            )?,
        }))
    }
}
