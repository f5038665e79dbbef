//! AWS Lambda: API Gateway HTTP API (v2) or a Function URL in front.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use lambda_http::{Body, service_fn};

use crate::endpoint::{App, Endpoint};

use super::{Error, guarded};

pub(super) async fn run<E: Endpoint>(endpoint: E, app: Arc<App>) -> Result<(), Error> {
    let handler = move |request: lambda_http::Request| {
        let app = Arc::clone(&app);
        async move {
            let (parts, body) = request.into_parts();
            // Forms arrive base64-encoded and are decoded by now.
            let body = match body {
                Body::Text(text) => text.into(),
                Body::Binary(bytes) => bytes.into(),
                _ => Bytes::new(),
            };
            let response = guarded(endpoint, app, Request::from_parts(parts, body)).await;
            Ok::<_, Infallible>(response.map(Full::new))
        }
    };
    lambda_http::run(service_fn(handler)).await
}
