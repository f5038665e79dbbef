//! The functions over the simulated Twilio and ElevenLabs, end to end over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod anonymous;
mod bad_input;
mod bench;
mod callbacks;
mod destinations;
mod dial_outcomes;
mod ending;
mod ends;
mod existing_app;
mod happy_path;
mod idempotency;
mod identity;
mod limits;
mod log;
mod recordings;
mod refusals;
mod stores;
mod transcripts;
mod voice_failures;
mod voice_guard;
