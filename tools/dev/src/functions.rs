//! The functions behind axum: the same handlers, with the same body limit and panic guard.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::routing::any;
use shared::endpoint::{App, ClientAddress, Endpoint};
use shared::endpoint::{GetTranscript, MakeCall, Recording, Status, Voice};
use shared::host::body;

/// One route an endpoint, any method: the endpoints answer wrong ones themselves.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(GetTranscript::PATH, function(GetTranscript, app))
        .route(MakeCall::PATH, function(MakeCall, app))
        .route(Recording::PATH, function(Recording, app))
        .route(Status::PATH, function(Status, app))
        .route(Voice::PATH, function(Voice, app))
}

fn function<E: Endpoint>(endpoint: E, app: &Arc<App>) -> axum::routing::MethodRouter {
    let app = Arc::clone(app);
    any(move |request: Request| {
        let app = Arc::clone(&app);
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let client = peer.map(|peer| ClientAddress::new(peer.0.ip()));
        async move { body::answer(endpoint, app, client, request).await.map(Body::from) }
    })
}
