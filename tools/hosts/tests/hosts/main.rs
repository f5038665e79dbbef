//! One scenario, played against what each host's own builder built, under its own runtime.
//!
//! [`scenario::play`] dials, listens and forges; a [`deployment::Deployment`] is what it plays against: the
//! server of `cargo dev`, the bootstraps of `cargo lambda build` under AWS's emulator, the functions
//! of `vercel build` under Vercel's launcher protocol, and `vercel dev`. [`visit::visit`] is what the page
//! of an existing site does that rewrites to one of them ([`beside::Beside`]). The simulated Twilio and
//! ElevenLabs live in this process, outside every function. `.ci/hosts` builds all of it and runs the
//! tests that are ignored without it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod beside;
mod caller;
mod deployment;
mod essence;
mod existing_site;
mod identical;
mod lambda;
mod laptop;
mod names;
mod published;
mod scenario;
mod vercel;
mod visit;
mod wire;
