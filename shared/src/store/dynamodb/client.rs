//! How the SDK is set up for a webhook that Twilio or a caller waits for: our time-outs and retries, over the
//! one HTTP client a function has. A client of the SDK's own would bring a second TLS stack and a second pool.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, HttpClient, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::net::{ReadError, read_limited};
use crate::settings::DynamoDbUrl;
use crate::store::StoreError;

/// The SDK's own defaults are no time-out and a first back-off of a second.
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

/// `BatchGetItem` answers with at most 16 MB of items; JSON and base64 make them longer.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// A [`reqwest::Client`] as the SDK wants it. Time-outs of one attempt and of the operation are kept
/// by the SDK itself, the connection's by reqwest.
#[derive(Clone, Debug)]
pub(super) struct OverReqwest(pub(super) reqwest::Client);

impl HttpClient for OverReqwest {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for OverReqwest {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { send(&client, request).await })
    }
}

async fn send(
    client: &reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
    let request: reqwest::Request =
        request.try_into().map_err(|error: reqwest::Error| ConnectorError::user(error.into()))?;
    let mut answer = client.execute(request).await.map_err(connector_error)?;
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let body = read_limited(answer, ANSWER_LIMIT).await.map_err(|error| match error {
        ReadError::Broken(_) => ConnectorError::io(error.to_string().into()),
        ReadError::TooLarge => ConnectorError::other(error.to_string().into(), None),
    })?;
    let mut response = http::Response::new(SdkBody::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The kind decides whether the SDK tries again, and on which connection.
fn connector_error(error: reqwest::Error) -> ConnectorError {
    let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
    let is_ours = error.is_builder();
    let source: BoxError = error.without_url().into();
    let failure = if is_timeout {
        ConnectorError::timeout(source)
    } else if is_ours {
        ConnectorError::user(source)
    } else {
        ConnectorError::io(source)
    };
    if is_connect { failure.never_connected() } else { failure }
}

/// What went wrong in `operation`, for the log: kind and code. Message texts name keys, and differ between
/// implementations.
pub(super) fn failure<E, R>(operation: &str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata,
{
    let kind = match error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("an error without a code"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(error) if error.is_timeout() => "timeout",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "unreadable answer",
        _ => "request not built",
    };
    StoreError::new(format_args!("DynamoDB {operation}: {kind}"))
}
