//! A server as a process of its own that never outlives us.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hosts::Folder;

use crate::Missing;

/// How long a server may take until it answers.
const READY: Duration = Duration::from_secs(20);

/// A running process and the shell that ends it, should we be killed.
#[derive(Debug)]
pub struct Server {
    process: Child,
    watchdog: Child,
}

/// Ends the process `$1` and its folder `$2` when our end of the pipe closes, however that happens:
/// statics of a test binary are never dropped. A signal to our whole group must not end it first.
const WATCHDOG: &str =
    r#"trap '' HUP INT TERM; cat >/dev/null; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2""#;

impl Server {
    /// Starts `command` and waits until `is_ready`. `folder` goes when the process goes.
    pub fn start(
        command: &mut Command,
        folder: Option<&Folder>,
        is_ready: impl Fn() -> bool,
    ) -> Result<Self, Missing> {
        let name = command.get_program().to_string_lossy().into_owned();
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Missing(format!("{name} does not start: {error}")))?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh", &process.id().to_string()])
            .arg(folder.map_or("".as_ref(), Folder::path))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, watchdog };
        let start = Instant::now();
        while !is_ready() {
            if let Some(status) = server.process.try_wait().unwrap() {
                return Err(Missing(format!("{name} ended at once: {status}")));
            }
            assert!(start.elapsed() < READY, "{name} was not ready within {READY:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// Kills the process as `kill -9` does.
    pub fn kill(&mut self) {
        // First: it must not meet a stranger under the same number.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection that gives up soon, for asking whether a server is ready.
pub(crate) fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    Some(stream)
}
