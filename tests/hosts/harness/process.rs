//! Processes that do not outlive their test.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process, thread};

/// Where this function is: as cargo built it for the test or, with `HOSTS_BOOTSTRAPS`, as cargo-lambda
/// did, `<folder>/<name>/bootstrap`. That is how an artefact with its own profile is tested.
pub(crate) fn binary(name: &str) -> PathBuf {
    match env::var_os("HOSTS_BOOTSTRAPS") {
        Some(folder) => Path::new(&folder).join(name).join("bootstrap"),
        None => crate::built(name).into(),
    }
}

/// A port that nobody listens on and that no other test was given, for programs that want to be told
/// one. It lies below those that systems give out themselves, to connections too, in the meantime.
pub(crate) fn free_port() -> SocketAddr {
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

fn open(log: &Path) -> File {
    File::options().create(true).append(true).open(log).unwrap()
}

/// A running program, whose environment is what the test says and nothing else.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program whose standard output the test reads.
    pub(crate) fn start(command: &mut Command, environment: &[(&str, String)], log: &Path) -> Self {
        Self::spawn(command.stdout(Stdio::piped()), environment, log)
    }

    /// Starts a program that has nothing to tell the test.
    pub(crate) fn start_logged(
        command: &mut Command,
        environment: &[(&str, String)],
        log: &Path,
    ) -> Self {
        Self::spawn(command.stdout(open(log)), environment, log)
    }

    fn spawn(command: &mut Command, environment: &[(&str, String)], log: &Path) -> Self {
        let environment = environment.iter().map(|(name, value)| (name, value));
        let command = command.env_clear().envs(environment).stdin(Stdio::null());
        let child = command.stderr(open(log)).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    /// The first line on standard output, which stays open for more.
    pub(crate) fn first_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        BufReader::new(self.child.stdout.as_mut().unwrap()).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Asks it to end, as hosts do. The shell knows `kill` everywhere; std has only SIGKILL.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
