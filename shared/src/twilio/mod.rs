//! Twilio: what it sends us, what we send it, and what its errors mean (`twilio.md`).

mod callback;
mod create_call;
mod explain;
mod fetch_call;
mod form;
mod recordings;
mod rest;
mod twiml;
mod webhook_urls;

pub use callback::{NotACallback, VoiceRequest, child_leg, recording_callback, status_callback};
pub use create_call::{create_call_form, created_call};
pub use explain::{Explanation, explain, explain_sip, more_info};
pub use fetch_call::{CallEnd, fetch_call_end};
pub use form::Form;
pub(crate) use recordings::FETCH_TIMEOUT;
pub use recordings::{
    AudioFormat, ByteRange, FetchError, Media, RANGE_LIMIT, fetch_recording, list_recordings,
};
pub(crate) use rest::DIAL_TIMEOUT;
pub use rest::{Account, Credentials, DialError, create_call};
pub use twilio_signature::{BadSignature, Tried, Verifier};
pub(crate) use twiml::is_xml_text;
pub use twiml::{
    Callbacks, ConnectStream, NotTwiml, RegisteredTwiml, StreamUrl, hang_up, say_and_hang_up,
};
pub use webhook_urls::{WebhookUrls, requested_url};
