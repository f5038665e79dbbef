//! What the builders built, under the hosts' own runtimes. `.ci/hosts` builds it and runs the tests
//! that are ignored without it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod existing_site;
mod identical;
mod published;
