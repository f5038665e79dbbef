//! Where calls are kept: `STORE_URL`, or the pairs that marketplaces inject.
//!
//! A pair is taken whole or not at all: half of one beside half of another would mix two databases.
//! The read-only token is never taken.

use crate::values::{AwsIdentity, BaseUrl, DynamoDbUrl, Secret, StoreUrl};

use super::Platform;
use super::env::{Env, word};

/// The embedded store of a developer's machine, relative to the working directory.
const LOCAL_FILE: &str = ".close-loop/calls.sqlite";

/// Pairs in the order in which they are looked for.
const REST_PAIRS: [(&str, &str); 2] = [
    ("KV_REST_API_URL", "KV_REST_API_TOKEN"),
    ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
];

/// Our identity at AWS, whole or not at all, before `AWS_*`: Vercel sets `AWS_*` itself, to values
/// that open nothing and name its own region.
const OWN_AWS: [&str; 3] =
    ["CLOSE_LOOP_AWS_ACCESS_KEY_ID", "CLOSE_LOOP_AWS_SECRET_ACCESS_KEY", "CLOSE_LOOP_AWS_REGION"];

pub(super) fn store(env: &mut Env<'_>, platform: Platform) -> Option<StoreUrl> {
    if let Some(text) = env.get("STORE_URL") {
        return explicit(env, &text, platform);
    }
    for (url, token) in REST_PAIRS {
        if env.has_pair(url, token) {
            return rest_pair(env, url, token);
        }
    }
    if REST_PAIRS.iter().any(|(url, token)| env.has_problem(&[url, token])) {
        return None;
    }
    match ["REDIS_URL", "KV_URL"].into_iter().find(|name| env.get(name).is_some()) {
        Some(name) => env.optional(name, redis_url),
        None => unnamed(env, platform),
    }
}

fn explicit(env: &mut Env<'_>, text: &str, platform: Platform) -> Option<StoreUrl> {
    if let Some(table) = text.strip_prefix("dynamodb:") {
        return dynamodb(env, table, platform).map(StoreUrl::DynamoDb);
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
    let refused = match text.strip_prefix("sqlite:") {
        None => "must be dynamodb:TABLE, redis://, rediss://, https:// or sqlite:PATH",
        Some(_) if !cfg!(feature = "sqlite") => {
            "asks for SQLite, which was not compiled in (enable the cargo feature sqlite)"
        }
        Some("") => "must name a file after sqlite:",
        Some(path) => return Ok(StoreUrl::Sqlite(path.into())),
    };
    Err(refused.to_owned())
}

/// No store is set. Marketplaces let people choose a prefix, so names that look like ours are pointed
/// out.
fn unnamed(env: &mut Env<'_>, platform: Platform) -> Option<StoreUrl> {
    if !platform.is_deployed() && cfg!(feature = "sqlite") {
        return Some(StoreUrl::Sqlite(LOCAL_FILE.into()));
    }
    let known = ["_KV_REST_API_URL", "_KV_REST_API_TOKEN", "_REDIS_URL", "_KV_URL"];
    let mut prefixed = env.names();
    prefixed.retain(|name| known.iter().any(|known| name.ends_with(known)));
    let mut what =
        "is missing: serverless functions have no local storage, so set a database".to_owned();
    if !prefixed.is_empty() {
        what.push_str("; found ");
        what.push_str(&prefixed.join(", "));
        what.push_str(": put the address into STORE_URL and its token into KV_REST_API_TOKEN");
    }
    env.problem("STORE_URL", what);
    None
}

fn dynamodb(env: &mut Env<'_>, table: &str, platform: Platform) -> Option<DynamoDbUrl> {
    let Some((table, arn_region)) = table_name(table) else {
        env.problem("STORE_URL", "must name a table or its ARN after dynamodb:");
        return None;
    };
    let endpoint = env.optional("AWS_ENDPOINT_URL_DYNAMODB", BaseUrl::parse);
    let uses_own = platform == Platform::Vercel { deployed: true }
        || OWN_AWS.iter().any(|name| env.get(name).is_some());
    let [id, secret, region] = if uses_own {
        OWN_AWS
    } else {
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]
    };
    let key = env.required(id, Secret::parse).map(|key| key.reveal().to_owned());
    let secret = env.required(secret, Secret::parse);
    let region_name = word(64, "-", "must be a region such as us-east-1");
    let region = arn_region.or_else(|| env.required(region, region_name));
    // A platform's session token beside a static key breaks the signature.
    let is_temporary = !uses_own && key.as_ref().is_some_and(|key| key.starts_with("ASIA"));
    let session_token =
        is_temporary.then(|| env.required("AWS_SESSION_TOKEN", Secret::parse)).flatten();
    let identity = AwsIdentity { access_key_id: key?, secret_access_key: secret?, session_token };
    Some(DynamoDbUrl { table: table.to_owned(), region: region?, identity, endpoint })
}

/// A name, or an ARN's name and region: not every implementation takes an ARN.
fn table_name(text: &str) -> Option<(&str, Option<String>)> {
    let (name, region) = match text.strip_prefix("arn:") {
        None => (text, None),
        Some(arn) => {
            let mut parts = arn.split(':').skip(1);
            let is_dynamodb = parts.next() == Some("dynamodb");
            let (region, table) = (parts.next()?, parts.nth(1)?);
            if !is_dynamodb || parts.next().is_some() {
                return None;
            }
            (table.strip_prefix("table/")?, Some(region.to_owned()))
        }
    };
    let is_name = (3..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    is_name.then_some((name, region))
}

#[cfg(test)]
mod tests;
