//! The forms of a URL that may have been signed.

use std::fmt;

/// A URL taken apart, never decoded and never written in another way.
struct Parts<'a> {
    /// Up to and with `://`.
    scheme: &'a str,
    /// Up to and with the last `@`; mostly empty.
    user: &'a str,
    host: &'a str,
    /// With its colon; mostly empty.
    port: &'a str,
    /// Path and query.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let after_scheme = url.find("://")? + "://".len();
        let (scheme, rest) = url.split_at(after_scheme);
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host_port) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        // A colon inside an IPv6 literal is not a port's.
        let literal = host_port.rfind(']').unwrap_or_default();
        let colon = host_port[literal..].find(':').map(|at| literal + at);
        let (host, port) = host_port.split_at(colon.unwrap_or(host_port.len()));
        Some(Self { scheme, user, host, port, rest })
    }

    /// The scheme's own port, which Twilio's SDKs add where there is none.
    fn default_port(&self) -> &'static str {
        if self.scheme.eq_ignore_ascii_case("https://") { ":443" } else { ":80" }
    }
}

/// A connection override (`#rc=2`) is never part of the signed text.
fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

/// What Twilio or one of its SDKs may have signed: user info kept or dropped, each with the port as
/// given, without it, and with the scheme's own port where none is given.
pub(super) fn candidates(url: &str) -> Vec<String> {
    let url = without_fragment(url);
    let Some(parts) = Parts::of(url) else { return vec![url.to_owned()] };
    let Parts { scheme, user, host, rest, .. } = parts;
    let other_port = if parts.port.is_empty() { parts.default_port() } else { "" };
    let mut candidates = Vec::new();
    for user in if user.is_empty() { vec![""] } else { vec!["", user] } {
        for port in [parts.port, other_port] {
            candidates.push(format!("{scheme}{user}{host}{port}{rest}"));
        }
    }
    candidates
}

/// The first `bodySHA256` of the query, decoded.
pub(super) fn body_hash(url: &str) -> Option<Vec<u8>> {
    let (_, query) = without_fragment(url).split_once('?')?;
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, hash) = pairs.find(|(name, _)| decoded(name) == b"bodySHA256")?;
    Some(decoded(hash))
}

/// `%XX` as the byte it stands for; what is no escape stays as it is.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |at: usize| {
        let byte = *text.as_bytes().get(at)?;
        u8::try_from(char::from(byte).to_digit(16)?).ok()
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    bytes
}

/// Which forms of a URL were tried, for the log. It prints nothing of the URL, whose user info and
/// query may be secret.
///
/// ```
/// let tried = twilio_signature::Tried::new("https://app.example:8443/voice");
/// assert_eq!(tried.to_string(), "with the configured port, without a port");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    has_port: bool,
    has_user: bool,
    has_body_hash: bool,
}

impl Tried {
    /// Of a URL that [`Verifier::verify`](crate::Verifier::verify) was asked about.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let parts = Parts::of(without_fragment(url));
        Self {
            has_port: parts.as_ref().is_some_and(|parts| !parts.port.is_empty()),
            has_user: parts.as_ref().is_some_and(|parts| !parts.user.is_empty()),
            has_body_hash: body_hash(url).is_some(),
        }
    }

    /// Whether the query states a body's hash.
    #[must_use]
    pub fn has_body_hash(self) -> bool {
        self.has_body_hash
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.has_port {
            true => "with the configured port, without a port",
            false => "without a port, with the scheme's own port",
        })?;
        f.write_str(if self.has_user { "; user info kept, user info dropped" } else { "" })
    }
}
