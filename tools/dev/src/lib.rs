//! The whole product on one port of a developer's machine: every function, the page, and, unless
//! real credentials are set, a simulated Twilio and a simulated ElevenLabs.
//!
//! A crate of its own, so that no function ever links it.

mod ending;
mod environment;
mod functions;
mod host_guard;
mod mode;
mod page;
mod server;

pub use environment::Environment;
pub use mode::{Mode, SIMULATED_ACCOUNT_SID, SIMULATED_AGENT_ID, SIMULATED_API_KEY};
pub use mode::{SIMULATED_AUTH_TOKEN, SIMULATED_PHONE_NUMBER};
pub use server::{Server, Setup, StartError};
