//! Everything the functions of close-loop do.
//!
//! Each module needs only those below it: [`host`], [`endpoint`], then [`twilio`], [`elevenlabs`] and
//! [`store`] as adapters, [`call`], and [`values`] at the bottom. The domain in [`call`] knows no host, no
//! vendor's JSON and no database. `docs/ARCHITECTURE.md` has the details.

pub mod call;
pub mod elevenlabs;
pub mod endpoint;
pub mod host;
mod json;
pub mod net;
pub mod ports;
pub mod settings;
pub mod store;
pub mod twilio;
pub mod values;
