//! Processes that do not outlive their test, and whose log is shown if it fails.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::PATIENCE;

/// Where this function is: as cargo built it for the test or, with `HOSTS_BOOTSTRAPS`, as cargo-lambda
/// did, `<folder>/<name>/bootstrap`. That is how an artefact with its own profile is tested.
pub(crate) fn binary(name: &str) -> PathBuf {
    match env::var_os("HOSTS_BOOTSTRAPS") {
        Some(folder) => Path::new(&folder).join(name).join("bootstrap"),
        None => env::var_os(format!("CARGO_BIN_EXE_{name}")).expect("cargo test names it").into(),
    }
}

/// A port of 127.0.0.1 on which no program listened a moment ago, and which no other test is given. It
/// lies below those that systems give out themselves, to connections too.
#[must_use]
pub fn free_port() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Another test process begins elsewhere.
        let next = process::id().wrapping_mul(64) + GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (next % 22_000) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Looks again and again, far longer than it can take.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn open(log: &Path) -> File {
    File::options().create(true).append(true).open(log).unwrap()
}

/// A running program in a group of its own: emulators and development servers have children. Its
/// environment is what the test says and nothing else.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Process {
    /// Starts it; what it says goes to `log`.
    pub fn start<V: AsRef<OsStr>>(
        command: &mut Command,
        environment: &[(&str, V)],
        log: &Path,
    ) -> Self {
        Self::spawn(command.stdout(open(log)), environment, log)
    }

    /// Starts it and waits for the first line of its standard output, which stays open for more.
    pub(crate) fn start_heard<V: AsRef<OsStr>>(
        command: &mut Command,
        environment: &[(&str, V)],
        log: &Path,
    ) -> (Self, String) {
        let mut process = Self::spawn(command.stdout(Stdio::piped()), environment, log);
        let mut line = String::new();
        BufReader::new(process.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (process, line.trim_end().to_owned())
    }

    fn spawn<V: AsRef<OsStr>>(
        command: &mut Command,
        environment: &[(&str, V)],
        log: &Path,
    ) -> Self {
        let environment = environment.iter().map(|(name, value)| (name, value));
        let command = command.env_clear().envs(environment).stdin(Stdio::null());
        let child = command.stderr(open(log)).process_group(0).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    /// Asks it to end, as hosts do.
    pub fn terminate(&self) {
        signal("TERM", &self.child.id().to_string());
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the process ends", || {
            status = self.ended();
            status.is_some()
        });
        status.unwrap()
    }

    /// `Some` as soon as it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Everything it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it has said this.
    pub fn wait_for(&mut self, text: &str, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.said().contains(text) {
            assert!(self.ended().is_none(), "it has ended: {}", self.said());
            assert!(Instant::now() < deadline, "it does not say {text:?}: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        signal("KILL", &format!("-{}", self.child.id()));
        // It fails only if it is gone already.
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.said());
        }
    }
}

/// The shell knows `kill` everywhere; std has only SIGKILL, and for one process.
fn signal(name: &str, whom: &str) {
    let script = r#"kill -s "$0" -- "$1" 2>/dev/null"#;
    // It fails where no process is left, which is what was wanted.
    let _ = Command::new("sh").args(["-c", script, name, whom]).status();
}
