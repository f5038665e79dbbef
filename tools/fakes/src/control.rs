//! `/control`: faults and inbound calls by HTTP, for a page or a shell.

use crate::{Fakes, Faults};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inbound {
    from: String,
    voice_url: String,
    status_callback: Option<String>,
}

pub(crate) fn router(fakes: &Fakes) -> Router {
    Router::new()
        .route("/control", get(read).put(replace))
        .route("/control/inbound", post(inbound))
        .with_state(fakes.clone())
}

async fn read(State(fakes): State<Fakes>) -> Json<Faults> {
    Json(fakes.faults())
}

async fn replace(State(fakes): State<Fakes>, body: Bytes) -> Response {
    match serde_json::from_slice::<Faults>(&body) {
        Ok(faults) => {
            fakes.set_faults(faults.clone());
            Json(faults).into_response()
        }
        Err(error) => bad_request(&error),
    }
}

async fn inbound(State(fakes): State<Fakes>, headers: HeaderMap, body: Bytes) -> Response {
    // JSON makes a browser ask first, and nobody answers: a page of another site must not be able
    // to send signed requests from this machine.
    if headers.get(CONTENT_TYPE).is_none_or(|media| media != "application/json") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match serde_json::from_slice::<Inbound>(&body) {
        Ok(call) => {
            let sid = fakes.ring_in(&call.from, &call.voice_url, call.status_callback.as_deref());
            Json(json!({ "callSid": sid })).into_response()
        }
        Err(error) => bad_request(&error),
    }
}

fn bad_request(error: &serde_json::Error) -> Response {
    let body = Json(json!({ "error": error.to_string() }));
    (StatusCode::BAD_REQUEST, body).into_response()
}
