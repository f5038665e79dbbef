//! Our identity at AWS, and the trap on Vercel: it may set `AWS_*` itself, to values that open
//! nothing and name its own region (`stores.md` 8).

use super::env::Env;
use super::{BaseUrl, Platform, Secret};

/// A DynamoDB table and who reads and writes it.
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

/// Our own names come before `AWS_*`, whole or not at all.
const OWN: [&str; 3] =
    ["CLOSE_LOOP_AWS_ACCESS_KEY_ID", "CLOSE_LOOP_AWS_SECRET_ACCESS_KEY", "CLOSE_LOOP_AWS_REGION"];

pub(super) fn dynamodb(env: &mut Env<'_>, table: &str, platform: Platform) -> Option<DynamoDbUrl> {
    let (table, arn_region) = match table_name(table) {
        Ok(named) => named,
        Err(what) => {
            env.problem("STORE_URL", what);
            return None;
        }
    };
    let endpoint = env.optional("AWS_ENDPOINT_URL_DYNAMODB", BaseUrl::parse);
    let uses_own = platform == Platform::Vercel { deployed: true }
        || OWN.iter().any(|name| env.get(name).is_some());
    let (id, secret, region) = if uses_own {
        (OWN[0], OWN[1], OWN[2])
    } else {
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    };
    let key = env.required(id, Secret::parse).map(|key| key.reveal().to_owned());
    let secret = env.required(secret, Secret::parse);
    let region = match arn_region {
        Some(region) => Some(region),
        None => env.required(region, region_name),
    };
    // A platform's session token beside somebody's static key breaks the signature.
    let is_temporary = key.as_ref().is_some_and(|key| key.starts_with("ASIA"));
    let session_token = if is_temporary && !uses_own {
        env.required("AWS_SESSION_TOKEN", Secret::parse)
    } else {
        None
    };
    Some(DynamoDbUrl {
        table,
        region: region?,
        identity: AwsIdentity { access_key_id: key?, secret_access_key: secret?, session_token },
        endpoint,
    })
}

/// A name, or an ARN whose region and name are taken apart: not every implementation takes an ARN.
fn table_name(text: &str) -> Result<(String, Option<String>), String> {
    let (name, region) =
        match text.strip_prefix("arn:").map(|arn| arn.split(':').collect::<Vec<_>>()) {
            Some(parts) => match parts.as_slice() {
                [_, "dynamodb", region, _, table] => {
                    (table.strip_prefix("table/").unwrap_or_default(), Some((*region).to_owned()))
                }
                _ => ("", None),
            },
            None => (text, None),
        };
    let is_name = (3..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if is_name {
        Ok((name.to_owned(), region))
    } else {
        Err("must name a table or its ARN after dynamodb:".to_owned())
    }
}

fn region_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_name { Ok(text.to_owned()) } else { Err("must be a region such as us-east-1".to_owned()) }
}
