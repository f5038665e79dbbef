//! AWS Lambda behind any of its HTTP front ends: HTTP API, REST API, Function URL, load balancer.

mod query;

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Uri, header};
use http_body_util::Full;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Service as _, service_fn};
use serde::Serialize;

use crate::endpoint::{App, AskedPath, ClientAddress, Endpoint, UnreadableQuery};

use super::{Error, client, guarded};
use query::{Parts, Query};

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

/// What an event says beside the HTTP request that `lambda_http` makes of it: the platform's own words,
/// not the caller's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Front {
    path: Option<String>,
    body: Bytes,
    client: Option<ClientAddress>,
    query: Option<Query>,
}

impl Front {
    /// Takes it out of an event. Path, query, stage, `Host`, `X-Forwarded-Proto` and the domain are
    /// removed: `lambda_http` makes an address of them, which is not used, and panics where they make
    /// none. It also panics where a body is not the Base64 it is said to be.
    fn take(event: &mut LambdaRequest) -> Self {
        match event {
            LambdaRequest::ApiGatewayV2(event) => {
                forget_origin(&mut event.headers);
                let path = event.raw_path.take();
                event.request_context.domain_name = None;
                event.request_context.stage = None;
                let query = event.raw_query_string.take().filter(|query| !query.is_empty());
                Self {
                    path,
                    body: body(&mut event.body, &mut event.is_base64_encoded),
                    client: client::stated(event.request_context.http.source_ip.as_deref()),
                    query: query.map(Query::Raw),
                }
            }
            LambdaRequest::ApiGatewayV1(event) => {
                forget_origin(&mut event.headers);
                forget_origin(&mut event.multi_value_headers);
                let path = event.path.take();
                event.request_context.domain_name = None;
                event.request_context.stage = None;
                let every = std::mem::take(&mut event.multi_value_query_string_parameters);
                let last = std::mem::take(&mut event.query_string_parameters);
                Self {
                    path,
                    body: body(&mut event.body, &mut event.is_base64_encoded),
                    client: client::stated(event.request_context.identity.source_ip.as_deref()),
                    query: Query::from_parts(&every, &last, Parts::Decoded, &event.headers),
                }
            }
            LambdaRequest::Alb(event) => {
                forget_origin(&mut event.headers);
                forget_origin(&mut event.multi_value_headers);
                let path = event.path.take();
                let every = std::mem::take(&mut event.multi_value_query_string_parameters);
                let last = std::mem::take(&mut event.query_string_parameters);
                // It fills one of the two maps, as the target group says.
                let headers = if event.multi_value_headers.is_empty() {
                    &event.headers
                } else {
                    &event.multi_value_headers
                };
                Self {
                    path,
                    body: body(&mut event.body, &mut event.is_base64_encoded),
                    client: client::last_hop(headers),
                    query: Query::from_parts(&every, &last, Parts::Spelled, headers),
                }
            }
            // Kinds we do not ask `lambda_http` for.
            _ => Self::default(),
        }
    }

    /// Puts it where the endpoint looks.
    fn complete<E: Endpoint, B>(&self, request: Request<B>) -> Request<Bytes> {
        let mut request = request.map(|_| self.body.clone());
        let query = match &self.query {
            None => None,
            Some(Query::Raw(raw)) => Some(raw.clone()),
            Some(Query::Parts(parts)) => {
                request.extensions_mut().insert(parts.clone());
                Some(parts.text())
            }
        };
        match uri(E::PATH, query.as_deref()) {
            Some(uri) => *request.uri_mut() = uri,
            None => {
                *request.uri_mut() = Uri::from_static(E::PATH);
                request.extensions_mut().insert(UnreadableQuery);
            }
        }
        if let Some(path) = &self.path {
            request.extensions_mut().insert(AskedPath(path.clone()));
        }
        if let Some(client) = self.client {
            request.extensions_mut().insert(client);
        }
        request
    }
}

/// The body in bytes; none where it should be Base64 and is not: Twilio signed no such body.
fn body(text: &mut Option<String>, is_base64: &mut bool) -> Bytes {
    let text = text.take().unwrap_or_default();
    if std::mem::take(is_base64) {
        STANDARD.decode(text).unwrap_or_default().into()
    } else {
        text.into()
    }
}

fn forget_origin(headers: &mut HeaderMap) {
    headers.remove(header::HOST);
    headers.remove("x-forwarded-proto");
}

/// None for a query that no URI can hold whole: a `#` would end it, and the rest would be lost silently.
fn uri(path: &'static str, query: Option<&str>) -> Option<Uri> {
    let Some(query) = query else { return Some(Uri::from_static(path)) };
    let full = PathAndQuery::from_maybe_shared(Bytes::from(format!("{path}?{query}"))).ok()?;
    (full.query() == Some(query)).then(|| full.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_decoded_if_it_says_so_and_is_nothing_if_it_cannot_be() {
        let taken = |text: &str, mut is_base64| body(&mut Some(text.to_owned()), &mut is_base64);
        assert_eq!(taken("YT1i", true), "a=b");
        assert_eq!(taken("YT1i", false), "YT1i");
        // Found by fuzzing.
        assert_eq!(taken("YT1i:", true), "");
        assert_eq!(body(&mut None, &mut true), "");
    }

    #[test]
    fn the_endpoint_sees_its_own_path_whatever_the_query() {
        let path = "/api/twilio/voice";
        assert_eq!(uri(path, None).unwrap(), path);
        assert_eq!(uri(path, Some("b=%20&a=+")).unwrap(), "/api/twilio/voice?b=%20&a=+");
        for query in ["a=\u{0} b", "a b", "#a=b", "a=b#c"] {
            assert_eq!(uri(path, Some(query)), None, "{query:?}");
        }
    }
}
