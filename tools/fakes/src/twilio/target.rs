//! Where a webhook goes, and how.

use url::Url;

/// An address and a method, as given in a parameter or an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As written, connection overrides included.
    pub(crate) url: String,
    pub(crate) get: bool,
}

impl Target {
    pub(crate) fn post(url: &str) -> Self {
        Self { url: url.to_owned(), get: false }
    }
}

/// `Some(true)` for GET, `Some(false)` for POST, `None` for anything else.
pub(crate) fn is_get(method: &str) -> Option<bool> {
    match method {
        "GET" => Some(true),
        "POST" => Some(false),
        _ => None,
    }
}

/// Whether this is an absolute http(s) address whose host Twilio would take: no underscore. Unlike
/// Twilio the simulator can reach this very machine, so a private host is fine.
pub(crate) fn is_absolute_http(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return false;
    }
    Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(|host| !host.contains('_')))
        .unwrap_or(false)
}
