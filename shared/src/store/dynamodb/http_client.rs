//! The SDK over the one HTTP client a function has: a client of the SDK's own would bring a second
//! TLS stack and a second pool (`performance.md` 5.1).

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::net::{ReadError, read_limited};

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
    let mut answer = client.execute(request).await.map_err(failure)?;
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
fn failure(error: reqwest::Error) -> ConnectorError {
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
