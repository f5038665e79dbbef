//! What a process needs before it can answer: settings, store, client.

use std::sync::Arc;

use tracing::{error, warn};

use crate::endpoint::App;
use crate::net;
use crate::ports::System;
use crate::settings::{Connect, Settings, StoreUrl};
use crate::store::{Absent, Store};

use super::Error;

/// Builds everything that the settings ask for. Problems of the settings do not stop it: the endpoints
/// say what is wrong with each request, voice in words for a person.
pub fn app(settings: Settings) -> Result<App, Error> {
    announce(&settings);
    let http = net::client()?;
    let store = open_store(&settings, &http);
    Ok(App::new(settings, store, http, Arc::new(System), Arc::new(System)))
}

/// Opens the store of the settings, or one that fails every request and says why. No connection is
/// made yet: it would stand in front of the first caller.
pub fn open_store(settings: &Settings, http: &reqwest::Client) -> Arc<dyn Store> {
    open(settings, http).unwrap_or_else(|why| {
        error!(service = "store", why, "the store could not be opened");
        Arc::new(Absent(why))
    })
}

#[allow(unused_variables, reason = "each build carries some of the stores")]
fn open(settings: &Settings, http: &reqwest::Client) -> Result<Arc<dyn Store>, String> {
    let days = settings.calling.retention_days;
    match &settings.store {
        None => Err("no store is configured".to_owned()),
        #[cfg(feature = "dynamodb")]
        Some(StoreUrl::DynamoDb(url)) => Ok(Arc::new(crate::store::DynamoDb::new(url, http, days))),
        #[cfg(feature = "redis")]
        Some(StoreUrl::KvRest { url, token }) => {
            Ok(Arc::new(crate::store::Redis::over_rest(url, token, http, days)))
        }
        #[cfg(feature = "redis")]
        Some(StoreUrl::Redis(url)) => crate::store::Redis::over_resp(url, days)
            .map(|store| Arc::new(store) as Arc<dyn Store>)
            .map_err(|error| error.to_string()),
        #[cfg(feature = "sqlite")]
        Some(StoreUrl::Sqlite(path)) => crate::store::Sqlite::open(path, days)
            .map(|store| Arc::new(store) as Arc<dyn Store>)
            .map_err(|error| error.to_string()),
        #[allow(unreachable_patterns, reason = "unreachable where every store is carried")]
        Some(_) => Err("this build does not carry the configured store".to_owned()),
    }
}

/// What whoever deploys this should know at once.
fn announce(settings: &Settings) {
    for problem in &settings.problems {
        error!(variable = problem.name, problem = problem.what, "misconfigured");
    }
    if settings.elevenlabs.as_ref().is_some_and(|agent| agent.connect == Connect::SignedUrl) {
        warn!(
            "ELEVENLABS_CONNECT=signed-url: Twilio drops the query of a Stream url and with it the signature, so live calls end after a second with error 31921; use register-call"
        );
    }
    if settings.platform.is_deployed() && settings.access.allow_anonymous {
        warn!(
            "ALLOW_ANONYMOUS_DIALLING is on: the Origin check stops other sites, not a person with curl, so only the limits bound the bill"
        );
    }
    if settings.store.as_ref().is_some_and(StoreUrl::is_exposed) {
        warn!(
            service = "store",
            "the store's password and every call travel unencrypted: use rediss:// where the provider has it"
        );
    }
}
