//! What Twilio puts on the wire: its signature and the fields of its forms, written from its
//! documentation. The fakes, the simulation, the hosts' tests and the fuzz targets play Twilio with it.
//! It shares no code with the product, whose verifier it is the second opinion on.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use std::collections::{BTreeMap, BTreeSet};

/// Signs like Twilio: Base64 of HMAC-SHA1 over the address and the parameters sorted by name.
///
/// Repeated names contribute their distinct values, sorted. The fragment never counts. Port and user
/// are taken as they are; [`signed_url`] gives the address that Twilio signs. For `GET` there are no
/// parameters to pass: they are in the address.
#[must_use]
pub fn sign<N: AsRef<str>, V: AsRef<str>>(
    auth_token: &str,
    url: &str,
    params: &[(N, V)],
) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in params {
        sorted.entry(name.as_ref()).or_default().insert(value.as_ref());
    }
    let mut message = without_fragment(url).to_owned();
    for (name, values) in sorted {
        for value in values {
            message.push_str(name);
            message.push_str(value);
        }
    }
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()) else {
        // HMAC takes a key of any length; an empty signature is never accepted.
        return String::new();
    };
    mac.update(message.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The address that Twilio signs for a webhook: no fragment, no user, and over https no port.
#[must_use]
pub fn signed_url(url: &str) -> String {
    let url = without_fragment(url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    let host = match host_and_port.rsplit_once(':') {
        Some((host, port))
            if scheme.eq_ignore_ascii_case("https")
                && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            host
        }
        _ => host_and_port,
    };
    format!("{scheme}://{host}{path}")
}

/// Everything before the `#`.
#[must_use]
pub fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}
