//! The functions behind axum: the same handlers, with the same body limit and panic guard.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use shared::endpoint::{
    App, BODY_LIMIT, Endpoint, MakeCall, Reason, Recording, Refusal, Status, Voice,
};
use shared::host::guarded;

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
        async move { answer(endpoint, app, request).await }
    })
}

async fn answer<E: Endpoint>(endpoint: E, app: Arc<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let response: http::Response<bytes::Bytes> =
        match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => guarded(endpoint, app, Request::from_parts(parts, body.to_bytes())).await,
            Err(error) if error.is::<LengthLimitError>() => {
                Refusal::new(Reason::BodyTooLarge, "Send at most 64 KiB.").into()
            }
            Err(_) => Refusal::new(Reason::InvalidJson, "The request broke off.").into(),
        };
    response.map(Body::from)
}
