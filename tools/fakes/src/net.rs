//! Reaching the machine behind an address, without TLS.

use std::net::IpAddr;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Whether an address names this machine: only there may TLS be left off silently.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// A TCP connection to the host and port of an address.
pub(crate) async fn connect(url: &Url) -> Option<TcpStream> {
    let port = url.port_or_known_default()?;
    let stream = match url.host()? {
        // Resolvers need not know `localhost` below a name, RFC 6761 says what it is.
        Host::Domain(name) if name.ends_with(".localhost") => {
            TcpStream::connect(("127.0.0.1", port)).await
        }
        Host::Domain(name) => TcpStream::connect((name, port)).await,
        Host::Ipv4(address) => TcpStream::connect((address, port)).await,
        Host::Ipv6(address) => TcpStream::connect((address, port)).await,
    };
    stream.ok()
}
