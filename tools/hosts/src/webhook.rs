//! Twilio's webhooks, signed by code that shares nothing with the code that judges them.

use crate::world::{ACCOUNT_SID, AUTH_TOKEN, CALL_SID, OUR_NUMBER, RECORDING_SID, THEIR_NUMBER};

/// The media type of a form, as Twilio writes it.
pub const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// The parameters of a form.
pub type Fields = Vec<(&'static str, &'static str)>;

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
#[must_use]
pub fn answered() -> Fields {
    fields(&[("ToCity", "São Paulo & more")])
}

/// The call has been recorded.
#[must_use]
pub fn recorded() -> Fields {
    fields(&[("RecordingSid", RECORDING_SID), ("RecordingStatus", "completed")])
}

/// `application/x-www-form-urlencoded`.
#[must_use]
pub fn form(fields: &Fields) -> String {
    serde_urlencoded::to_string(fields).unwrap()
}

/// `X-Twilio-Signature` of our account.
#[must_use]
pub fn sign(url: &str, fields: &Fields) -> String {
    vendors::sign(AUTH_TOKEN, url, fields)
}
