//! Processes that do not outlive their test, and whose log is shown if it fails.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::wire::PATIENCE;

/// A running program in a group of its own: emulators and development servers have children.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<u32>,
    log: PathBuf,
}

impl Process {
    /// Starts it with these variables and nothing else; what it says goes to `log`.
    pub(crate) fn start<V: AsRef<OsStr>>(
        command: &mut Command,
        environment: &[(&str, V)],
        log: &Path,
    ) -> Self {
        let file = || Stdio::from(File::options().create(true).append(true).open(log).unwrap());
        let child = command
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file())
            .stderr(file())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { group: child.id(), child, log: log.to_owned() }
    }

    /// Asks it to end, as hosts do, and waits until it has.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        if let Some(id) = self.child.id() {
            signal("TERM", &id.to_string());
        }
        timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap()
    }

    /// `Some` as soon as it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Everything it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            signal("KILL", &format!("-{group}"));
        }
        if thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.said());
        }
    }
}

/// The shell knows `kill` everywhere; std has only SIGKILL, and for one process.
fn signal(name: &str, whom: &str) {
    let script = r#"kill -s "$0" -- "$1" 2>/dev/null"#;
    // It fails where nobody is left, which is what was wanted.
    let _ = std::process::Command::new("sh").args(["-c", script, name, whom]).status();
}
