//! How the SDK is set up for a webhook that somebody waits for.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, HttpClient, IdentityCache, Region, StalledStreamProtectionConfig,
};

use crate::settings::DynamoDbUrl;

/// The SDK's own defaults are no time-out and a first back-off of a second (`stores.md` 2.4).
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 3;

/// A client over `http`. No I/O, and nothing is read from the environment.
pub(super) fn client(url: &DynamoDbUrl, http: impl HttpClient + 'static) -> Client {
    let identity = &url.identity;
    let credentials = Credentials::new(
        &identity.access_key_id,
        identity.secret_access_key.reveal(),
        identity.session_token.as_ref().map(|token| token.reveal().to_owned()),
        None,
        "close-loop",
    );
    let mut config = Config::builder()
        // A date, not "latest": an update of the SDK must not change retries under us.
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(url.region.clone()))
        .credentials_provider(credentials)
        // The keys never change while a process lives.
        .identity_cache(IdentityCache::no_cache())
        .http_client(http)
        .retry_config(
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        // Answers are read whole, within the attempt's time-out.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = &url.endpoint {
        config = config.endpoint_url(endpoint.as_str());
    }
    Client::from_conf(config.build())
}
