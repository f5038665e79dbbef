//! The adapters' constructors, as `shared::host` calls them.

use std::sync::Arc;

use shared::store::Store;

use crate::backend::Place;

/// Opens the store at a place; calls are kept for so many days.
///
/// # Panics
/// If it cannot be opened, or this build does not carry it.
#[must_use]
pub fn open_at(place: &Place, days: u32) -> Arc<dyn Store> {
    match place {
        #[cfg(feature = "sqlite")]
        Place::File(file) => Arc::new(shared::store::Sqlite::open(file, days).unwrap()),
        #[cfg(feature = "redis")]
        Place::Redis { port, database } => {
            redis(&format!("redis://127.0.0.1:{port}/{database}"), days)
        }
        #[cfg(feature = "redis")]
        Place::RedisTls { port, database, authority } => {
            redis_tls(&format!("rediss://127.0.0.1:{port}/{database}"), authority, days)
        }
        #[cfg(feature = "redis")]
        Place::KvRest(port) => {
            use shared::settings::{BaseUrl, Secret};
            let url = BaseUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
            let token = Secret::parse(crate::TOKEN).unwrap();
            Arc::new(shared::store::Redis::over_rest(&url, &token, &http(), days))
        }
        #[cfg(feature = "dynamodb")]
        Place::DynamoDb { port, table } => {
            use shared::settings::{AwsIdentity, BaseUrl, DynamoDbUrl, Secret};
            let url = DynamoDbUrl {
                table: table.clone(),
                region: "us-east-1".to_owned(),
                identity: AwsIdentity {
                    access_key_id: "test".to_owned(),
                    secret_access_key: Secret::parse("test").unwrap(),
                    session_token: None,
                },
                endpoint: Some(BaseUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap()),
            };
            Arc::new(shared::store::DynamoDb::new(&url, &http(), days))
        }
        #[allow(unreachable_patterns, reason = "each build carries some of the stores")]
        other => panic!("this build does not carry {other:?} ({days} days)"),
    }
}

#[cfg(any(feature = "redis", feature = "dynamodb"))]
fn http() -> reqwest::Client {
    shared::net::client().unwrap()
}

#[cfg(feature = "redis")]
fn redis(url: &str, days: u32) -> Arc<dyn Store> {
    let url = shared::settings::Secret::parse(url).unwrap();
    Arc::new(shared::store::Redis::over_resp(&url, days).unwrap())
}

#[cfg(feature = "redis")]
fn redis_tls(url: &str, authority: &std::path::Path, days: u32) -> Arc<dyn Store> {
    let url = shared::settings::Secret::parse(url).unwrap();
    let authority = std::fs::read(authority).unwrap();
    Arc::new(shared::store::Redis::over_resp_trusting(&url, &authority, days).unwrap())
}
