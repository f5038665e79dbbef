//! One binary, three hosts: the real function binaries, run as Vercel, AWS Lambda and a developer's
//! shell run them, against a Twilio and an ElevenLabs of a few lines.
//!
//! `cargo test -p close-loop --features sqlite`. With `AWS_LAMBDA_RIE` naming AWS's own Runtime
//! Interface Emulator, the Lambda tests run under that as well.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod alarms;
mod harness;
mod lambda;
mod local;
mod manifest;
mod secrets;
mod transcript;
mod vercel;

/// Where cargo built this function.
fn built(name: &str) -> &'static str {
    match name {
        "make-call" => env!("CARGO_BIN_EXE_make-call"),
        "voice" => env!("CARGO_BIN_EXE_voice"),
        "status" => env!("CARGO_BIN_EXE_status"),
        "recording" => env!("CARGO_BIN_EXE_recording"),
        "get-transcript" => env!("CARGO_BIN_EXE_get-transcript"),
        other => panic!("there is no function {other}"),
    }
}
