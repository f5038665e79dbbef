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

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use super::Form;
use crate::call::hex;
use crate::settings::Secret;

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

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} tokens)", self.keys.len())
    }
}

impl Verifier {
    /// A verifier that accepts any of the tokens. A [`Secret`] is never empty.
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a Secret>) -> Self {
        let key = |token: &Secret| {
            hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.reveal().as_bytes())
        };
        Self { keys: tokens.into_iter().map(key).collect() }
    }

    /// Checks a form webhook. `url` is the configured URL of the request, with its raw query.
    pub fn verify(&self, url: &str, form: &Form, signature: &str) -> Result<(), BadSignature> {
        if signature.is_empty() {
            return Err(BadSignature::Header);
        }
        // The engine refuses non-canonical padding, so no two texts decode to one signature.
        let tag = STANDARD.decode(signature).map_err(|_| BadSignature::Mismatch)?;
        let parameters = canonical(form);
        let fits = |url: &String| {
            let message = [url.as_bytes(), parameters.as_bytes()].concat();
            // `hmac::verify` compares in constant time.
            self.keys.iter().any(|key| hmac::verify(key, &message, &tag).is_ok())
        };
        if candidates(url).iter().any(fits) { Ok(()) } else { Err(BadSignature::Mismatch) }
    }

    /// Checks a webhook whose body is not a form: Twilio puts the body's SHA-256 into the query and
    /// signs the URL alone.
    pub fn verify_body(&self, url: &str, body: &[u8], signature: &str) -> Result<(), BadSignature> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let stated = Form::parse(query.as_bytes())
            .and_then(|query| query.get("bodySHA256").map(str::to_ascii_lowercase))
            .ok_or(BadSignature::Body)?;
        let actual = hex(digest::digest(&digest::SHA256, body).as_ref());
        if stated != actual {
            return Err(BadSignature::Body);
        }
        self.verify(url, &Form::default(), signature)
    }
}

/// Names sorted bytewise, each with its distinct values sorted. The *names* are sorted, not the
/// joined strings: `Reason` comes before `ReasonConferenceEnded` whatever follows.
fn canonical(form: &Form) -> String {
    let distinct: BTreeSet<(&str, &str)> =
        form.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    distinct.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// The forms of a URL that Twilio or one of its SDKs may have signed: user info kept or dropped,
/// each with the port as given, without it, and with the scheme's own port where none is given.
fn candidates(url: &str) -> Vec<String> {
    // A connection override (`#rc=2`) is never part of the signed text.
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host_port) = match authority.rsplit_once('@') {
        Some((user, host_port)) => (Some(user), host_port),
        None => (None, authority),
    };
    let default_port = if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
    let hosts = match split_port(host_port) {
        (host, Some(_)) => vec![host_port.to_owned(), host.to_owned()],
        (host, None) => vec![host.to_owned(), format!("{host}:{default_port}")],
    };
    let mut users = vec![String::new()];
    users.extend(user.map(|user| format!("{user}@")));
    users
        .iter()
        .flat_map(|user| hosts.iter().map(move |host| format!("{scheme}://{user}{host}{path}")))
        .collect()
}

/// Splits `host:port`; a colon inside an IPv6 literal is not a port's.
fn split_port(host_port: &str) -> (&str, Option<&str>) {
    match host_port.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port))
        }
        _ => (host_port, None),
    }
}

#[cfg(test)]
mod tests;
