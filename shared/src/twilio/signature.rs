//! `X-Twilio-Signature`: is this webhook really Twilio's?
//!
//! `base64(HMAC-SHA1(auth token, URL + name1 + value1 + name2 + value2 ...))`, names sorted bytewise,
//! values after form decoding (Twilio docs "Security"; `twilio.md` 2). What goes wrong elsewhere:
//!
//! - The URL is the one *configured*: public base plus the raw path and query as received. Rebuilding
//!   it from `Host` or `X-Forwarded-*` refuses genuine requests behind a proxy and lets an attacker
//!   choose part of the signed text.
//! - Every received parameter counts, known to us or not, and a repeated name counts once for each
//!   distinct value.
//! - Twilio drops the port and the user info of https URLs but its SDKs do not all agree, so each
//!   form is tried; the case is never changed and nothing is encoded again.
//! - The key is always an Auth Token, also where REST calls use an API key. Two tokens may be
//!   configured, so that a rotation loses nothing.
//! - There is no timestamp and no nonce: a captured request verifies for ever. Idempotent
//!   observations and voice's claim make a replay harmless for as long as the call is kept.
//!
//! This module needs `base64` and `ring` and nothing of close-loop: `tools/signature` compiles it
//! alone, and Twilio's own validators judge it there.

// By path, so that the module can be compiled from elsewhere.
#[path = "signature/url.rs"]
mod url;

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

pub use url::Tried;

/// Checks webhooks against one or two Auth Tokens.
pub struct Verifier {
    keys: Vec<hmac::Key>,
}

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSignature {
    /// The body is neither a form nor covered by `bodySHA256`.
    Body,
    /// The header is missing, empty or there twice.
    Header,
    /// The signature fits no token and no form of the URL.
    Mismatch,
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "the body is neither a form nor covered by bodySHA256",
            Self::Header => "x-twilio-signature is missing or there twice",
            Self::Mismatch => "x-twilio-signature does not fit the configured url and tokens",
        })
    }
}

impl std::error::Error for BadSignature {}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} tokens)", self.keys.len())
    }
}

impl Verifier {
    /// A verifier that accepts any of the tokens. An empty one is left out: everybody knows it.
    pub fn new<T: AsRef<[u8]>>(tokens: impl IntoIterator<Item = T>) -> Self {
        let key = |token: &[u8]| hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token);
        let tokens = tokens.into_iter();
        let keys = tokens.filter(|token| !token.as_ref().is_empty());
        Self { keys: keys.map(|token| key(token.as_ref())).collect() }
    }

    /// How many tokens are accepted.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.keys.len()
    }

    /// Checks a form webhook. `url` is the configured URL of the request, with its raw query;
    /// `parameters` are the body's pairs, decoded.
    pub fn verify<N: AsRef<str>, V: AsRef<str>>(
        &self,
        url: &str,
        parameters: &[(N, V)],
        signature: &str,
    ) -> Result<(), BadSignature> {
        if signature.is_empty() {
            return Err(BadSignature::Header);
        }
        // The engine refuses non-canonical padding, so no two texts decode to one signature.
        let tag = STANDARD.decode(signature).map_err(|_| BadSignature::Mismatch)?;
        let parameters = canonical(parameters);
        let fits = |url: &String| {
            let message = [url.as_bytes(), parameters.as_bytes()].concat();
            // `hmac::verify` compares in constant time.
            self.keys.iter().any(|key| hmac::verify(key, &message, &tag).is_ok())
        };
        if url::candidates(url).iter().any(fits) { Ok(()) } else { Err(BadSignature::Mismatch) }
    }

    /// Checks a webhook whose body is not a form: Twilio puts the body's SHA-256 into the query and
    /// signs the URL alone.
    pub fn verify_body(&self, url: &str, body: &[u8], signature: &str) -> Result<(), BadSignature> {
        let stated = url::body_hash(url).ok_or(BadSignature::Body)?;
        let actual = digest::digest(&digest::SHA256, body);
        let actual: String = actual.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        if stated != actual.as_bytes() {
            return Err(BadSignature::Body);
        }
        self.verify::<&str, &str>(url, &[], signature)
    }
}

/// Names sorted bytewise, each with its distinct values sorted. The *names* are sorted, not the
/// joined strings: `Reason` comes before `ReasonConferenceEnded` whatever follows.
fn canonical<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let distinct: BTreeSet<(&str, &str)> = pairs.collect();
    distinct.into_iter().flat_map(|(name, value)| [name, value]).collect()
}
