//! Addresses and secrets that were checked once: the ground floor that every other module may use.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;

/// Any non-empty visible ASCII. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Refuses what a secret cannot hold, and an example's placeholder.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            Err("must be visible ASCII without spaces".to_owned())
        } else if is_placeholder(text) {
            Err("is an example's placeholder: put the real value in".to_owned())
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The secret itself, which must not be printed.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// `your_auth_token`, `<token>`, `xxxxxxxx`, `changeme`, `...`.
fn is_placeholder(text: &str) -> bool {
    let plain = text.trim_start_matches("sk_").to_ascii_lowercase().replace(['-', '_'], "");
    let is_one_letter =
        plain.len() > 3 && plain.bytes().all(|b| plain.as_bytes().first() == Some(&b));
    is_one_letter
        || (text.starts_with('<') && text.ends_with('>'))
        || ["changeme", "placeholder", "replaceme", "..."].iter().any(|word| plain.contains(word))
        || ["your", "my"].iter().any(|owner| {
            let what = plain.strip_prefix(owner).unwrap_or_default();
            ["agent", "api", "auth", "key", "secret", "token", "twilio", "elevenlabs"]
                .iter()
                .any(|word| what.starts_with(word))
        })
}

/// Our public base, `NEXT_PUBLIC_APP_URL`, without a trailing slash. Kept as written otherwise:
/// Twilio's signature covers the exact text.
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

    /// Refuses what the real Twilio cannot call, with the reason.
    pub fn check_public(&self) -> Result<(), String> {
        let url = http_url(&self.base)?;
        let refused = if is_private(&url) {
            "is not public, so Twilio cannot call it: use a tunnel"
        } else if url.scheme() != "https" {
            "must be https"
        } else if url.host_str().unwrap_or_default().contains('_') {
            "has an underscore in its host, which Twilio refuses"
        } else {
            return Ok(());
        };
        Err(refused.to_owned())
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
        if url.path() == "/" {
            Ok(Self::of(&url))
        } else {
            Err("must be origins such as https://app.example".to_owned())
        }
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

/// The base of another service's API, without a trailing slash.
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

/// A store, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `dynamodb:TABLE`.
    DynamoDb(DynamoDbUrl),
    /// `https://...`: Upstash's REST interface, which Vercel KV is.
    KvRest {
        /// Base of the database.
        url: BaseUrl,
        /// Reads and writes.
        token: Secret,
    },
    /// `redis://...` or `rediss://...`; may hold a password.
    Redis(Secret),
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// Whether a password travels unencrypted to another machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let Self::Redis(url) = self else { return false };
        let url = Url::parse(url.reveal()).ok();
        url.is_some_and(|url| url.scheme() == "redis" && !is_local(&url))
    }
}

/// A DynamoDB table and the keys that open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDbUrl {
    /// The table's bare name.
    pub table: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Our keys.
    pub identity: AwsIdentity,
    /// `AWS_ENDPOINT_URL_DYNAMODB`: somewhere else than AWS.
    pub endpoint: Option<BaseUrl>,
}

/// Keys at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIdentity {
    /// `AKIA...`, or `ASIA...` with a session token.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// Only with temporary keys, as Lambda's own are.
    pub session_token: Option<Secret>,
}

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

fn is_local(url: &Url) -> bool {
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
