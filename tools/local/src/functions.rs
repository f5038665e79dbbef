//! The functions behind axum: the same handlers, with the same body limit and panic guard.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::routing::any;
use shared::endpoint::{App, ClientAddress, Endpoint, MakeCall, Recording, Status, Voice};
use shared::host::body;

/// One route an endpoint, any method: the endpoints answer wrong ones themselves.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/twilio/make-call", function(MakeCall, app))
        .route("/api/twilio/recording", function(Recording, app))
        .route("/api/twilio/status", function(Status, app))
        .route("/api/twilio/voice", function(Voice, app))
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
