//! The embedded store through the port.
#![cfg(feature = "sqlite")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod contract;
mod links;
mod processes;
mod support;
