//! One contract for every store, the servers it runs against, and the faults they meet.
//!
//! [`Backend`] starts a real part on a free port of 127.0.0.1 and opens stores on it; [`suite`] says
//! what every store must do, [`workload`] shuffles and doubles the deliveries of many calls, and
//! [`proxy`] loses, delays and refuses replies on the way.
//!
//! Panics are the point here: this crate is linked into tests and tools only.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "linked into tests and tools only")]

mod backend;
mod backend_open;
pub mod calls;
pub mod dynamodb;
mod interposed;
pub mod kv_rest;
pub mod losses;
mod part;
pub mod proxy;
mod redis_server;
pub mod resp;
mod server;
mod stand_in;
pub mod suite;
mod tls;
pub mod workload;

pub use backend::{Backend, Opened, Place, Running, Space, TOKEN, open_at};
pub use hosts::Folder;
pub use interposed::{Interpose, Interposed};
pub use part::{Missing, skip};
pub use redis_server::RedisServer;
pub use server::Server;
