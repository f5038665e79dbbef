//! Twilio: makes calls, lives them, and tells about them.

mod life;
pub(crate) mod rest;
mod webhooks;

pub(crate) use life::live;
pub(crate) use webhooks::{ask_voice, is_another_leg};
