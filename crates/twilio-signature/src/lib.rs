#![doc = include_str!("../README.md")]

mod url;

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

pub use url::Tried;

/// Checks webhooks against one or two auth tokens.
pub struct Verifier {
    keys: Vec<hmac::Key>,
}

/// Why a webhook was refused.
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
    /// A verifier that accepts any of the tokens. An empty one is left out: it is no secret.
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
    /// `parameters` are the body's pairs, decoded; `signature` is the header's value, empty if missing.
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
    ///
    /// ```
    /// let verifier = twilio_signature::Verifier::new(["12345"]);
    /// let url = "https://mycompany.com/myapp.php?foo=1&bar=2\
    ///     &bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    /// let body = br#"{"property": "value", "boolean": true}"#;
    /// assert_eq!(verifier.verify_body(url, body, "a9nBmqA0ju/hNViExpshrM61xv4="), Ok(()));
    /// ```
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
