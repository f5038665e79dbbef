//! The form fields of every webhook, in the sets that the contract's samples have.

use super::{
    API_VERSION,
    call::Call,
    validation::{CallOptions, MachineDetection},
};
use crate::{
    Config,
    fakes::lock,
    timestamps::{iso_8601, rfc_2822},
};

pub(crate) type Fields = Vec<(String, String)>;

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// `outbound-api`, never `outbound`.
pub(crate) fn direction(options: &CallOptions) -> &'static str {
    if options.inbound { "inbound" } else { "outbound-api" }
}

/// National form for +1, as Twilio writes it; other numbers as they are.
pub(crate) fn formatted(number: &str) -> String {
    match number.strip_prefix("+1") {
        Some(rest) if rest.len() == 10 && rest.is_ascii() => {
            format!("({}) {}-{}", &rest[..3], &rest[3..6], &rest[6..])
        }
        _ => number.to_owned(),
    }
}

/// City, state and country, as far as the number tells.
fn place(number: &str) -> (&'static str, &'static str, &'static str) {
    const COUNTRIES: [(&str, &str); 5] =
        [("+1", "US"), ("+33", "FR"), ("+34", "ES"), ("+44", "GB"), ("+49", "DE")];
    if number.starts_with("+1212") {
        return ("NEW YORK", "NY", "US");
    }
    let country = COUNTRIES
        .iter()
        .find(|(prefix, _)| number.starts_with(prefix))
        .map_or("", |(_, country)| country);
    ("", "", country)
}

/// What every call webhook has.
pub(crate) fn call(config: &Config, call: &Call, status: &str) -> Fields {
    let options = &call.options;
    let mut fields = pairs([
        ("CallSid", &call.sid),
        ("AccountSid", &config.account_sid),
        ("From", &options.from),
        ("To", &options.to),
        ("Called", &options.to),
        ("Caller", &options.from),
        ("ApiVersion", API_VERSION),
        ("Direction", direction(options)),
    ]);
    for (who, number) in [
        ("From", &options.from),
        ("To", &options.to),
        ("Caller", &options.from),
        ("Called", &options.to),
    ] {
        let (city, state, country) = place(number);
        for (what, value) in [("City", city), ("State", state), ("Zip", ""), ("Country", country)] {
            fields.push((format!("{who}{what}"), value.to_owned()));
        }
    }
    fields.extend(pairs([("CallStatus", status)]));
    fields
}

/// A status callback; `sip` on the last one.
pub(crate) fn status(config: &Config, on: &Call, status: &str, sip: Option<&str>) -> Fields {
    let mut fields = call(config, on, status);
    let sequence = {
        let mut state = lock(&on.state);
        state.next_sequence += 1;
        state.next_sequence - 1
    };
    fields.extend(pairs([
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", &sequence.to_string()),
        ("Timestamp", &rfc_2822(on.clock())),
    ]));
    if let Some(sip) = sip {
        let seconds = on.talked().ceil();
        fields.extend(pairs([
            ("CallDuration", &seconds.to_string()),
            // Billed minutes.
            ("Duration", &(seconds / 60.0).ceil().to_string()),
            ("SipResponseCode", sip),
        ]));
        if let Some(recorded) = lock(&on.state).recorded.filter(|seconds| *seconds > 0) {
            fields.extend(pairs([
                ("RecordingUrl", &recording_url(config, on)),
                ("RecordingSid", &on.recording_sid),
                ("RecordingDuration", &recorded.to_string()),
            ]));
        }
    }
    fields
}

fn recording_url(config: &Config, call: &Call) -> String {
    format!(
        "{}/twilio/{API_VERSION}/Accounts/{}/Recordings/{}",
        config.base_url, config.account_sid, call.recording_sid
    )
}

/// A recording callback: no From, To or CallStatus.
pub(crate) fn recording(config: &Config, call: &Call, status: &str, started: f64) -> Fields {
    let recorded = lock(&call.state).recorded.unwrap_or(0);
    let mut fields = pairs([
        ("AccountSid", &config.account_sid),
        ("CallSid", &call.sid),
        ("RecordingSid", &call.recording_sid),
        ("RecordingUrl", &recording_url(config, call)),
        ("RecordingStatus", status),
    ]);
    if status == "completed" {
        fields.extend(pairs([("RecordingDuration", &recorded.to_string())]));
    }
    fields.extend(pairs([
        ("RecordingChannels", &call.options.channels.to_string()),
        ("RecordingStartTime", &rfc_2822(started)),
        ("RecordingSource", "OutboundAPI"),
        ("RecordingTrack", &call.options.recording_track),
    ]));
    match status {
        "completed" => fields.extend(pairs([("ErrorCode", "0")])),
        "absent" => fields.extend(pairs([("ErrorCode", "16101")])),
        _ => {}
    }
    fields
}

/// Who answered, and after how many milliseconds that was known.
pub(crate) fn answered_by(
    detection: &MachineDetection,
    machine: bool,
) -> (&'static str, &'static str) {
    match (machine, detection.message_end) {
        (false, _) => ("human", "1530"),
        (true, false) => ("machine_start", "2400"),
        (true, true) => ("machine_end_beep", "9800"),
    }
}

/// The two fields that synchronous detection adds to the voice webhook.
pub(crate) fn detected((who, milliseconds): (&str, &str)) -> Fields {
    pairs([("AnsweredBy", who), ("MachineDetectionDuration", milliseconds)])
}

/// The asynchronous result: these four and no others.
pub(crate) fn amd(config: &Config, call: &Call, result: (&str, &str)) -> Fields {
    let mut fields = pairs([("CallSid", &call.sid), ("AccountSid", &config.account_sid)]);
    fields.extend(detected(result));
    fields
}

/// A `<Stream>` callback.
pub(crate) fn stream(
    config: &Config,
    call: &Call,
    name: Option<&str>,
    event: &str,
    error: Option<&str>,
) -> Fields {
    let mut fields = pairs([
        ("AccountSid", &config.account_sid),
        ("CallSid", &call.sid),
        ("StreamSid", &call.stream_sid),
        ("StreamName", name.unwrap_or(&call.stream_sid)),
        ("StreamEvent", event),
    ]);
    if let Some(error) = error {
        fields.extend(pairs([("StreamError", error)]));
    }
    fields.extend(pairs([("Timestamp", &iso_8601(call.clock()))]));
    fields
}
