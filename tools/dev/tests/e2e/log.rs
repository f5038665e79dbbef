//! The log of the whole test run, at the most talkative level, and what must never stand in it.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use dev::{SIMULATED_API_KEY, SIMULATED_AUTH_TOKEN};

use crate::bench::TOKEN;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Tee;

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts capturing; again changes nothing.
pub(crate) fn capture() {
    shared::host::json_log(|| Tee, Some("trace"));
}

/// Every line so far.
pub(crate) fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// The lines that hold all of these.
pub(crate) fn lines_with(parts: &[&str]) -> Vec<String> {
    let holds = |line: &&str| parts.iter().all(|part| line.contains(part));
    text().lines().filter(holds).map(str::to_owned).collect()
}

/// Panics if a secret, a full number or a signed URL is in the log.
pub(crate) fn assert_clean() {
    let log = text();
    let forbidden =
        [SIMULATED_AUTH_TOKEN, SIMULATED_API_KEY, TOKEN, "conversation_signature", "cvtkn_"];
    for line in log.lines() {
        let found = forbidden.iter().find(|secret| line.contains(**secret));
        assert_eq!(found, None, "{line}");
        let number = line
            .match_indices("1212555")
            .find(|(at, _)| line[at + 7..].bytes().take(4).filter(u8::is_ascii_digit).count() == 4);
        assert_eq!(number, None, "a full number: {line}");
    }
}

#[test]
fn every_line_is_one_json_object_and_reads_alone() {
    capture();
    tracing_line();
    let line = lines_with(&["a line for the test"]).pop().unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(parsed["service"], "test");
    assert_eq!(parsed["level"], "WARN");
}

fn tracing_line() {
    tracing::warn!(service = "test", "a line for the test");
}
