//! The fakes, asked over real sockets as the product asks them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod callbacks;
mod control;
mod conversations;
mod create;
mod elevenlabs;
mod life;
mod recordings;
mod stream;
mod support;
mod voice;
