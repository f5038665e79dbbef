//! The hosts' own protocols, the services behind the functions, and Twilio's signature. The tests of
//! `tools/panics` run on it as well.

pub(crate) mod http;
pub(crate) mod lambda;
pub(crate) mod process;
pub(crate) mod shell;
pub(crate) mod vercel;
pub(crate) mod webhook;
pub(crate) mod world;
