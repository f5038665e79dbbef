//! Everything the functions of close-loop do.
//!
//! Arrows point one way: [`host`] → [`endpoint`] → [`call`], with [`twilio`], [`elevenlabs`] and
//! [`store`] as adapters. The domain in [`call`] knows no host, no vendor's JSON and no database.
//! `docs/ARCHITECTURE.md` is the map.

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
