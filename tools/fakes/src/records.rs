//! What the fakes remember, for tests and for people who look.

use serde_json::Value;

/// Why a webhook was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The call's `Url`.
    Voice,
    /// The call's `FallbackUrl`.
    Fallback,
    /// `StatusCallback`.
    Status,
    /// `RecordingStatusCallback`.
    Recording,
    /// `AsyncAmdStatusCallback`.
    Amd,
    /// `statusCallback` of `<Stream>`.
    Stream,
}

/// One webhook as sent: a retry and a duplicate are deliveries of their own.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Why it was sent.
    pub kind: DeliveryKind,
    /// `POST` or `GET`; after a redirect `GET`.
    pub method: String,
    /// The full address, without the fragment; for `GET` with the parameters in the query.
    pub url: String,
    /// The parameters, decoded, in the order sent.
    pub params: Vec<(String, String)>,
    /// The `X-Twilio-Signature` header.
    pub signature: String,
    /// `I-Twilio-Idempotency-Token`: one value for every try and every duplicate.
    pub idempotency_token: String,
    /// The HTTP status of the answer. `None`: no answer (yet), no connection, or dropped by a fault.
    pub status: Option<u16>,
    /// The body of the answer.
    pub response_body: String,
    /// The call this is about.
    pub call_sid: String,
}

impl Delivery {
    /// The first value of a parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A call that a `POST Calls.json` really created, whatever answer went back.
#[derive(Clone, Debug)]
pub struct CreatedCall {
    /// The CallSid.
    pub sid: String,
    /// Every pair of the form, decoded, in order, repeated names included.
    pub params: Vec<(String, String)>,
}

/// One request that ElevenLabs saw.
#[derive(Clone, Debug)]
pub struct ElevenLabsRequest {
    /// The method.
    pub method: String,
    /// The path below `/elevenlabs`.
    pub path: String,
    /// The raw query, empty if there was none.
    pub query: String,
    /// Names in lower case. The value of `xi-api-key` is not kept.
    pub headers: Vec<(String, String)>,
    /// Whether an `xi-api-key` header was there, right or wrong.
    pub has_xi_api_key: bool,
    /// The body, if it was JSON.
    pub body: Option<Value>,
}

/// What Twilio's debugger would list for a call: faults that reach nobody over REST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Twilio's error code, e.g. 11200.
    pub error_code: u32,
    /// One sentence.
    pub message: String,
    /// The webhook that failed, or empty.
    pub request_url: String,
}
