//! One binary, three hosts: the real function binaries, run as Vercel, AWS Lambda and a developer's
//! shell run them, against a Twilio and an ElevenLabs of a few lines.
//!
//! `cargo test -p close-loop --features sqlite`. With `AWS_LAMBDA_RIE` naming AWS's own Runtime
//! Interface Emulator, the Lambda tests run under that as well.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod alarms;
mod lambda;
mod local;
mod manifest;
mod secrets;
mod transcript;
mod vercel;
