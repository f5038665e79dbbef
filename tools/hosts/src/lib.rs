//! What a host is to one of our functions: Lambda's and Vercel's protocols, a shell, and the services
//! that the function calls.
//!
//! The tests of the shipped functions (`tests/hosts`), of the functions that panic (`tools/panics`) and
//! of what the hosts' own builders made (`tests/hosts` of this crate) share it. It depends on nothing
//! of the product, so that no feature of a tool's reaches the functions under test.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "linked into tests only")]

mod folder;
pub mod http;
pub mod lambda;
mod process;
pub mod shell;
pub mod vercel;
pub mod webhook;
mod world;

pub use folder::Folder;
pub use process::{Process, free_port, wait_until};
pub use world::{BEARER, CALL_SID, THEIR_NUMBER, World, audio};
