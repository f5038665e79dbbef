//! Parts that may be missing: loudly skipped on a laptop, a failure in CI.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;

/// Why a part cannot run here.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says once, past the test harness, that something was not tested. Panics in CI.
///
/// # Panics
/// Where `CI` is set: there every part must be present.
pub fn skip(why: &Missing) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    assert!(std::env::var_os("CI").is_none(), "CI must have every part: {why}");
    if TOLD.lock().unwrap().insert(why.0.clone()) {
        // Not `eprintln`: the test harness would keep the line of a passing test to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    }
}
