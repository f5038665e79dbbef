//! Twilio's webhooks, signed by code that shares nothing with the code that judges them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use super::world::{ACCOUNT_SID, AUTH_TOKEN, CALL_SID, OUR_NUMBER, RECORDING_SID, THEIR_NUMBER};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

pub(crate) type Fields = Vec<(&'static str, &'static str)>;

fn fields(more: &[(&'static str, &'static str)]) -> Fields {
    let mut fields = vec![
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", CALL_SID),
        ("CallStatus", "in-progress"),
        ("Direction", "outbound-api"),
        ("From", OUR_NUMBER),
        ("To", THEIR_NUMBER),
    ];
    fields.extend(more);
    fields
}

/// The person has picked up. Not all of it is ASCII, as with Twilio.
pub(crate) fn answered() -> Fields {
    fields(&[("ToCity", "São Paulo & more")])
}

/// The call has been recorded.
pub(crate) fn recorded() -> Fields {
    fields(&[("RecordingSid", RECORDING_SID), ("RecordingStatus", "completed")])
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form(fields: &Fields) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(byte.into());
            }
            b' ' => encoded.push('+'),
            _ => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}

/// `X-Twilio-Signature`: the address, then every name and value, sorted by name.
pub(crate) fn sign(url: &str, fields: &Fields) -> String {
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}
