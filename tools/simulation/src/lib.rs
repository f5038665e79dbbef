//! The whole system from one seed: functions, store, Twilio, ElevenLabs, callers, and everything that
//! goes wrong between them, in one thread and on a clock that only this program turns.
//!
//! A [seed](schedule::run) is a schedule: which faults there are, who dials when, which message is
//! lost, doubled or late, which process dies at which await. The same seed gives the same schedule,
//! to the last byte of its [trace](world::Verdict). After it everything calms down, and what the
//! simulated Twilio saw is held against what was promised ([`judge`]).
//!
//! The functions are the shipped ones: `shared::endpoint` over `Http::over(.., Transport)` and a
//! `dyn Store`: a [`Model`], or a shipped one over a real server ([`adapter`]). [`bugs`] breaks the store on purpose, to show that each kind of break is noticed.

pub mod adapter;
mod budgets;
pub mod bugs;
pub mod dice;
mod elevenlabs;
mod faults;
mod functions;
pub mod judge;
mod judged;
mod ledger;
mod model;
mod plan;
mod policy;
mod repetitions;
pub mod schedule;
mod settle;
mod twilio;
mod users;
mod wire;
pub mod world;

pub use adapter::Adapter;
pub use bugs::Bug;
pub use judged::Judged;
pub use model::Model;
pub use world::{Figures, Verdict};
