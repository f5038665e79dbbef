//! Twilio: what it sends us, what we send it, and what its errors mean.

mod callback;
mod explain;
mod form;
mod recordings;
mod rest;
mod twiml;
mod webhooks;

pub use callback::{NotACallback, VoiceRequest, child_leg, recording_callback, status_callback};
pub use explain::{Explanation, explain, explain_sip, more_info};
pub use form::Form;
pub(crate) use recordings::FETCH_TIMEOUT;
pub use recordings::{
    AudioFormat, ByteRange, FetchError, Media, RANGE_LIMIT, fetch_recording, list_recordings,
};
pub(crate) use rest::DIAL_TIMEOUT;
pub use rest::{
    Account, CallEnd, Credentials, DialError, create_call, created_call, fetch_call_end,
};
pub use twilio_signature::{BadSignature, Tried, Verifier};
pub(crate) use twiml::is_xml_text;
pub use twiml::{
    Callbacks, ConnectStream, NotTwiml, RegisteredTwiml, StreamUrl, hang_up, say_and_hang_up,
};
pub use webhooks::{WebhookUrls, create_call_form, requested_url};
