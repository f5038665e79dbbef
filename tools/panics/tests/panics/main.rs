//! A panic is answered by us on every host, and the next request works; the client's address is the
//! platform's word on every host.
//!
//! `cargo test -p panics`. With `HOSTS_BOOTSTRAPS=target/lambda` the same tests run what
//! `cargo lambda build --release -p panics` built: only that shows that `panic = "unwind"` arrived.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod on_lambda;
mod on_vercel;

/// What the log of a process that was made to panic must hold, and what not.
fn assert_logged(log: &std::path::Path, panics: usize) {
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches(r#""message":"panicked""#).count(), panics, "{log}");
    assert!(log.contains("tools/panics/src/lib.rs:"), "{log}");
    assert!(!log.contains(panics::MESSAGE), "{log}");
}
