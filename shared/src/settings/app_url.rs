//! The addresses in the settings: our own, the other sides', and the pages' origins.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use super::env::Env;

/// Our public base, `NEXT_PUBLIC_APP_URL`, without a trailing slash.
///
/// Kept as written otherwise: the signature covers the exact string (`twilio.md` 2.4).
#[derive(Clone, PartialEq, Eq)]
pub struct AppUrl {
    base: String,
    origin: Origin,
}

impl AppUrl {
    /// Parses an http or https base without query and fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let base = text.trim().trim_end_matches('/');
        let url = http_url(base)?;
        if url.path().contains("/api/") || url.path().ends_with("/api") {
            return Err("must be the base alone, without the path of an endpoint".to_owned());
        }
        Ok(Self { base: base.to_owned(), origin: Origin::of(&url) })
    }

    /// `https://host/maybe/a/path`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What a browser sends as `Origin` from our own pages.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for AppUrl {
    /// The base may hold a password; the origin does not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin.0)
    }
}

/// An origin, normalised as browsers do: lower case, no default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Parses `https://host[:port]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') {
            return Err("must name each origin: a browser's origin is compared whole".to_owned());
        }
        let url = http_url(text)?;
        if url.path() == "/" { Ok(Self::of(&url)) } else { Err(ORIGIN.to_owned()) }
    }

    fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    /// Whether a browser's `Origin` header names this one.
    #[must_use]
    pub fn matches(&self, header: &str) -> bool {
        self.0 == header
    }
}

/// Where the other side lives, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Parses a base; plain http only to this very machine, because credentials travel there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let base = text.trim().trim_end_matches('/');
        let url = http_url(base)?;
        if url.scheme() == "http" && !is_local(&url) {
            return Err("must be https".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user and password".to_owned());
        }
        // The first step of every path at Twilio and at ElevenLabs, which we add.
        let mut steps = url.path_segments().into_iter().flatten();
        if steps.any(|step| matches!(step, "2010-04-01" | "v1")) {
            return Err(
                "must be the base alone, without the version and what follows it".to_owned()
            );
        }
        Ok(Self(base.to_owned()))
    }

    /// The base.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the real Twilio, which cannot reach a laptop.
    #[must_use]
    pub fn is_twilios(&self) -> bool {
        let host = Url::parse(&self.0).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.is_some_and(|host| host == "twilio.com" || host.ends_with(".twilio.com"))
    }
}

const ORIGIN: &str = "must be origins such as https://app.example";

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "must be an absolute https URL".to_owned())?;
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    // The signature covers the text, so what a parser would quietly repair is refused.
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('\\');
    if is_http && is_plain && url.query().is_none() && url.fragment().is_none() {
        Ok(url)
    } else {
        Err("must be an absolute https URL without query and fragment".to_owned())
    }
}

/// The address literally written as the host, an IPv4 one inside IPv6 included.
fn literal_ip(url: &Url) -> Option<IpAddr> {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
    Some(ip.to_canonical())
}

pub(super) fn is_local(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default().trim_end_matches('.');
    let is_localhost = name == "localhost" || name.ends_with(".localhost");
    literal_ip(url).map_or(is_localhost, |ip| ip.is_loopback())
}

/// Addresses that mean nothing outside this machine or its network.
fn is_private(url: &Url) -> bool {
    is_local(url)
        || literal_ip(url).is_some_and(|ip| match ip {
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => {
                ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        })
}

/// Reads `NEXT_PUBLIC_APP_URL`. The real Twilio must be able to call it, a simulated one can reach
/// this machine.
pub(super) fn app_url(env: &mut Env<'_>) -> Option<AppUrl> {
    let api_url = env.get("TWILIO_API_URL").and_then(|text| BaseUrl::parse(&text).ok());
    let reaches_twilio = api_url.is_none_or(|api_url| api_url.is_twilios());
    env.required("NEXT_PUBLIC_APP_URL", |text| {
        let app_url = AppUrl::parse(text)?;
        let url = http_url(app_url.base())?;
        if reaches_twilio {
            if is_private(&url) {
                return Err("is not public, so Twilio cannot call it: use a tunnel".to_owned());
            }
            if url.scheme() != "https" {
                return Err("must be https".to_owned());
            }
            if url.host_str().unwrap_or_default().contains('_') {
                return Err("has an underscore in its host, which Twilio refuses".to_owned());
            }
        }
        Ok(app_url)
    })
}
