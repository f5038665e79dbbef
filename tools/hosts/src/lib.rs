//! One scenario, played against what each host's own builder built, under its own runtime.
//!
//! [`scenario::play`] dials, listens and forges; a [`Deployment`] is what it plays against: the
//! server of `cargo dev`, the bootstraps of `cargo lambda build` under AWS's emulator, the functions
//! of `vercel build` under Vercel's launcher protocol, and `vercel dev`. [`visit()`] is what the page of an
//! existing site does that rewrites to one of them ([`Beside`]). The simulated Twilio and
//! ElevenLabs live in this process, outside every function. `.ci/hosts` builds and runs all of it.
//!
//! Panics are the point here: this crate is linked into tests only.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "linked into tests only")]

mod beside;
mod caller;
mod deployment;
mod essence;
mod lambda;
mod laptop;
mod names;
mod parts;
mod process;
pub mod scenario;
mod vercel;
mod visit;
pub mod wire;

pub use beside::Beside;
pub use deployment::{Deployment, Site};
pub use parts::part;
pub use vercel::{files_below, vercel_functions};
pub use visit::{every_webhook_was_believed, visit};
