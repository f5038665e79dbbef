//! A simulated Twilio and a simulated ElevenLabs, over real HTTP and with real signatures.
//!
//! Neither service can be reached from a test or from a machine without accounts, and neither can
//! be asked to lose a reply or to shuffle its callbacks. These two can. They are written from the
//! contracts alone and share no code with the product, so that they can judge it.
//!
//! What is left out on purpose: TLS. An `https:` or `wss:` address on this machine is carried over
//! plain TCP, and signed as what it says it is. A `<Stream>` to any other machine is refused.

mod audio;
mod config;
mod control;
mod elevenlabs;
mod fakes;
mod faults;
mod hang_up;
mod mp3;
mod net;
mod recording_sid;
mod records;
mod timestamps;
mod twilio;

pub use config::{Config, Pace};
pub use fakes::Fakes;
pub use faults::{
    ConversationFault, CreateFault, ElevenLabsAnswer, ElevenLabsFaults, Faults, RecordingFault,
    TwilioFaults,
};
pub use recording_sid::recording_sid;
pub use records::{CreatedCall, Delivery, DeliveryKind, ElevenLabsRequest, Notification};
pub use twilio::patterns::Pattern;
pub use vendors::{sign, signed_url};
