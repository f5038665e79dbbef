//! What `.ci/hosts` builds and installs, by the variables in which it says so.

use std::path::PathBuf;

use stores::{Missing, skip};

/// The file or folder that a variable names; `None` is said loudly, and fails in CI.
#[must_use]
pub fn part(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    if path.is_none() {
        skip(&Missing(format!("{variable} names nothing that exists: .ci/hosts sets it")));
    }
    path
}
