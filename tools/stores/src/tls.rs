//! Certificates for 127.0.0.1, made by the `openssl` on the path.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Missing;

/// Files of one authority and one server.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

const AUTHORITY: &str = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=close-loop-tests -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt";
const REQUEST: &str = "-new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -subj /CN=127.0.0.1 -keyout server.key -out server.csr";
const SIGN: &str = "-req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
    -extfile server.ext -out server.crt";

/// Makes an authority and a certificate of 127.0.0.1 in `folder`.
pub(crate) fn certificates(folder: &Path) -> Result<Certificates, Missing> {
    let extensions = "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n";
    std::fs::write(folder.join("server.ext"), extensions).unwrap();
    openssl(folder, "req", AUTHORITY)?;
    openssl(folder, "req", REQUEST)?;
    openssl(folder, "x509", SIGN)?;
    let file = |name| folder.join(name);
    Ok(Certificates {
        authority: file("ca.crt"),
        certificate: file("server.crt"),
        key: file("server.key"),
    })
}

fn openssl(folder: &Path, command: &str, arguments: &str) -> Result<(), Missing> {
    let status = Command::new("openssl")
        .current_dir(folder)
        .arg(command)
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| Missing(format!("openssl does not start: {error}")))?;
    if status.success() { Ok(()) } else { Err(Missing(format!("openssl {command}: {status}"))) }
}
