//! Whom this server answers: a page of somebody else's that resolves its own name to 127.0.0.1 (DNS
//! rebinding) must not reach it, and a tunnel shows it under the app URL's host only.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri, header};

/// Whether a `Host` header names this machine or the app.
#[derive(Clone, Debug)]
pub(crate) struct HostGuard {
    app_host: Option<String>,
}

impl HostGuard {
    /// `app_url`: `NEXT_PUBLIC_APP_URL`.
    pub(crate) fn new(app_url: Option<&str>) -> Self {
        let host = |url: &str| url.trim().parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase);
        Self { app_host: app_url.and_then(host) }
    }

    fn admits(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
        let name = authority.host().to_ascii_lowercase();
        is_loopback(&name) || self.app_host.as_deref().is_some_and(|app_host| app_host == name)
    }
}

/// Whether the host of an address, in lower case, is this machine.
pub(crate) fn is_loopback(name: &str) -> bool {
    let ip = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    ip.map_or(name == "localhost", |ip| ip.is_loopback())
}

/// Refuses requests for other hosts before they reach anything.
pub(crate) async fn check(guard: HostGuard, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    if host.is_some_and(|host| guard.admits(host)) {
        next.run(request).await
    } else {
        let why = "This server answers for localhost and the host of NEXT_PUBLIC_APP_URL only.\n";
        (StatusCode::MISDIRECTED_REQUEST, why).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_the_app_are_answered_for() {
        let guard = HostGuard::new(Some("https://App.example:8443/base"));
        for host in [
            "localhost",
            "localhost:3000",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]:3000",
            "app.example",
        ] {
            assert!(guard.admits(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "app.example.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "a b",
        ] {
            assert!(!guard.admits(host), "{host}");
        }
        assert!(!HostGuard::new(None).admits("app.example"));
    }
}
