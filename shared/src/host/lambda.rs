//! AWS Lambda behind any of its HTTP front ends: HTTP API, REST API, Function URL, load balancer.

mod front;
mod query;

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Service as _, service_fn};
use serde::Serialize;

use crate::endpoint::{App, Endpoint};

use super::{Error, guarded};
use front::Front;

pub(super) async fn run<E: Endpoint>(endpoint: E, app: Arc<App>) -> Result<(), Error> {
    let invocation = move |event| answer(endpoint, Arc::clone(&app), event);
    lambda_runtime::run(service_fn(invocation)).await
}

/// Answers one event: `lambda_http::run` in two steps. Between them we see the event itself, which
/// knows the caller's address and the query's spelling, and take out what would make `lambda_http`
/// panic.
pub async fn answer<E: Endpoint>(
    endpoint: E,
    app: Arc<App>,
    mut event: LambdaEvent<LambdaRequest>,
) -> Result<impl Serialize + use<E>, Infallible> {
    let front = Front::take(&mut event.payload);
    let handler = move |request: lambda_http::Request| {
        let request = front.complete::<E, _>(request);
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(guarded(endpoint, app, request).await.map(Full::new)) }
    };
    Adapter::from(service_fn(handler)).call(event).await
}
