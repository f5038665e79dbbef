//! A real `redis-server`, over TCP and TLS, that keeps what it acknowledged.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;

use crate::Missing;
use crate::server::{Server, connect};
use crate::tls::{Certificates, certificates};
use hosts::{Folder, free_port};

/// Databases of one server: each test has one of its own.
const DATABASES: u32 = 4096;

/// `redis-server` (or `REDIS_SERVER`) on a free port.
#[derive(Debug)]
pub struct RedisServer {
    server: Option<Server>,
    port: u16,
    tls_port: u16,
    certificates: Option<Certificates>,
    folder: Folder,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Over plain TCP.
    pub fn start() -> Result<Self, Missing> {
        Self::start_with(None, Folder::new(), &[])
    }

    /// The same, with more of its settings.
    pub fn start_set(arguments: &[&str]) -> Result<Self, Missing> {
        Self::start_with(None, Folder::new(), arguments)
    }

    /// Over TLS too, with a certificate of its own for 127.0.0.1.
    pub fn start_tls() -> Result<Self, Missing> {
        let folder = Folder::new();
        let certificates = certificates(folder.path())?;
        Self::start_with(Some(certificates), folder, &[])
    }

    fn start_with(
        certificates: Option<Certificates>,
        folder: Folder,
        arguments: &[&str],
    ) -> Result<Self, Missing> {
        let (port, tls_port) = (free_port().port(), free_port().port());
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut redis = Self { server: None, port, tls_port, certificates, folder, arguments };
        redis.restart()?;
        Ok(redis)
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Starts it again on the same ports with what it had acknowledged.
    pub fn restart(&mut self) -> Result<(), Missing> {
        self.kill();
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).args(["--bind", "127.0.0.1", "--save", ""]);
        command.args(["--port", &self.port.to_string()]);
        command.args(["--databases", &DATABASES.to_string()]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        command.args(&self.arguments);
        if let Some(files) = &self.certificates {
            command.args(["--tls-port", &self.tls_port.to_string(), "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(&files.certificate);
            command.arg("--tls-key-file").arg(&files.key);
            command.arg("--tls-ca-cert-file").arg(&files.authority);
        }
        let port = self.port;
        self.server = Some(Server::start(&mut command, Some(&self.folder), || answers(port))?);
        Ok(())
    }

    /// Of plain TCP.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of TLS.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The authority that a client must trust.
    #[must_use]
    pub fn authority(&self) -> Option<PathBuf> {
        self.certificates.as_ref().map(|files| files.authority.clone())
    }
}

fn answers(port: u16) -> bool {
    let Some(mut stream) = connect(port) else { return false };
    let mut answer = [0; 7];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"+PONG\r\n"
}
