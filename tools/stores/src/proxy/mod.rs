//! Networks as they are: replies get lost, come late or never, and services refuse.

mod http;
mod tcp;

pub use http::{HttpProxy, Refusal, Tally};
pub use tcp::TcpProxy;
