//! Where calls are kept: one setting, or the pairs that marketplaces inject (`interface.md` 2).
//!
//! Whole pairs only: the official client picks URL and token independently, so a half-set pair would
//! mix two databases. Never the read-only token.

use std::path::PathBuf;

use reqwest::Url;

use super::app_url::is_local;
use super::env::Env;
use super::{BaseUrl, Platform, Secret, aws};

pub use super::aws::{AwsIdentity, DynamoDbUrl};

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

/// The embedded store of a developer's machine, relative to the working directory.
const LOCAL_FILE: &str = ".close-loop/calls.sqlite";

/// Pairs in the order in which they are looked for.
const REST_PAIRS: [(&str, &str); 2] = [
    ("KV_REST_API_URL", "KV_REST_API_TOKEN"),
    ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
];

pub(super) fn store(env: &mut Env<'_>, platform: Platform) -> Option<StoreUrl> {
    if let Some(text) = env.get("STORE_URL") {
        return explicit(env, &text, platform);
    }
    for (url, token) in REST_PAIRS {
        match (env.get(url).is_some(), env.get(token).is_some()) {
            (true, true) => return rest_pair(env, url, token),
            (true, false) => env.problem(token, format!("is missing beside {url}")),
            (false, true) => env.problem(url, format!("is missing beside {token}")),
            (false, false) => {}
        }
    }
    if env.has_problem(&["KV_REST_API_URL", "KV_REST_API_TOKEN"])
        || env.has_problem(&["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"])
    {
        return None;
    }
    for name in ["REDIS_URL", "KV_URL"] {
        if env.get(name).is_some() {
            return env.optional(name, redis_url);
        }
    }
    nothing_named(env, platform)
}

fn explicit(env: &mut Env<'_>, text: &str, platform: Platform) -> Option<StoreUrl> {
    if let Some(table) = text.strip_prefix("dynamodb:") {
        return aws::dynamodb(env, table, platform).map(StoreUrl::DynamoDb);
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return rest_pair(env, "STORE_URL", "KV_REST_API_TOKEN");
    }
    if text.starts_with("redis://") || text.starts_with("rediss://") {
        return env.optional("STORE_URL", redis_url);
    }
    env.optional("STORE_URL", sqlite_url)
}

fn rest_pair(env: &mut Env<'_>, url: &str, token: &str) -> Option<StoreUrl> {
    let token = env.required(token, Secret::parse);
    let url = env.required(url, BaseUrl::parse);
    Some(StoreUrl::KvRest { url: url?, token: token? })
}

fn redis_url(text: &str) -> Result<StoreUrl, String> {
    let rest = text.strip_prefix("rediss://").or_else(|| text.strip_prefix("redis://"));
    match rest.filter(|rest| !rest.is_empty()) {
        Some(_) => Secret::parse(text).map(StoreUrl::Redis),
        None => Err("must be redis://... or rediss://...".to_owned()),
    }
}

fn sqlite_url(text: &str) -> Result<StoreUrl, String> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && cfg!(feature = "sqlite") => {
            Ok(StoreUrl::Sqlite(PathBuf::from(path)))
        }
        Some(_) if cfg!(feature = "sqlite") => Err("must name a file after sqlite:".to_owned()),
        Some(_) => {
            Err("asks for SQLite, which this build does not carry (feature sqlite)".to_owned())
        }
        None => {
            Err("must be dynamodb:TABLE, redis://, rediss://, https:// or sqlite:PATH".to_owned())
        }
    }
}

/// Nothing is set. Marketplaces let people choose a prefix, so what looks like ours is pointed out.
fn nothing_named(env: &mut Env<'_>, platform: Platform) -> Option<StoreUrl> {
    if !platform.is_deployed() && cfg!(feature = "sqlite") {
        return Some(StoreUrl::Sqlite(PathBuf::from(LOCAL_FILE)));
    }
    let known = ["KV_REST_API_URL", "KV_REST_API_TOKEN", "REDIS_URL", "KV_URL"];
    let prefixed: Vec<String> = env
        .names()
        .into_iter()
        .filter(|name| known.iter().any(|known| name.ends_with(&format!("_{known}"))))
        .collect();
    let hint = if prefixed.is_empty() {
        String::new()
    } else {
        format!(
            "; found {}: put the address into STORE_URL and its token into KV_REST_API_TOKEN",
            prefixed.join(", ")
        )
    };
    env.problem("STORE_URL", format!("is missing: a function keeps nothing of its own{hint}"));
    None
}

#[cfg(test)]
mod tests;
