//! ElevenLabs' error bodies, in all three shapes of `detail`.

use crate::{ElevenLabsAnswer, ElevenLabsFaults, Fakes, hang_up::hang_up};
use axum::{
    Json,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A request that gets no answer of its kind.
#[derive(Debug)]
pub(crate) enum Refusal {
    InvalidKey,
    MissingPermission(&'static str),
    AgentNotFound,
    ConversationNotFound,
    /// `loc`, `msg`, `type` of one entry of a 422 list.
    Unprocessable(Vec<&'static str>, &'static str, &'static str),
    RateLimited(&'static str),
    MethodNotAllowed,
    ServerError,
    Nonsense,
    Empty,
    HangUp,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::InvalidKey => (
                StatusCode::UNAUTHORIZED,
                json!({ "status": "invalid_api_key", "message": "Invalid API key" }),
            ),
            Self::MissingPermission(permission) => (
                StatusCode::UNAUTHORIZED,
                json!({
                    "type": "authentication_error",
                    "code": "unauthorized",
                    "status": "missing_permissions",
                    "message": format!(
                        "The API key you used is missing the permission {permission} to execute this operation."
                    ),
                }),
            ),
            Self::AgentNotFound => (
                StatusCode::NOT_FOUND,
                json!({ "status": "agent_not_found", "message": "Agent not found" }),
            ),
            Self::ConversationNotFound => (
                StatusCode::NOT_FOUND,
                json!({ "status": "conversation_not_found", "message": "Conversation not found" }),
            ),
            Self::Unprocessable(loc, msg, kind) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!([{ "loc": loc, "msg": msg, "type": kind }]),
            ),
            Self::RateLimited(code) => (
                StatusCode::TOO_MANY_REQUESTS,
                json!({
                    "type": "rate_limit_error",
                    "code": code,
                    "status": code,
                    "message": "Too many requests",
                }),
            ),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, Value::from("Method Not Allowed"))
            }
            Self::ServerError => {
                let page = Html("<html><body><h1>Internal Server Error</h1></body></html>");
                return (StatusCode::INTERNAL_SERVER_ERROR, page).into_response();
            }
            Self::Nonsense => {
                return Html("<!doctype html><html><body><p>Welcome!<br></body></html>")
                    .into_response();
            }
            Self::Empty => return StatusCode::OK.into_response(),
            Self::HangUp => return hang_up(),
        };
        (status, Json(json!({ "detail": detail }))).into_response()
    }
}

/// The faults of `register-call` and `get-signed-url` that have nothing to do with what was asked.
/// `Ok` gives the answer that is left to the endpoint.
pub(crate) async fn faulty(fakes: &Fakes) -> Result<ElevenLabsAnswer, Refusal> {
    let faults = delayed(fakes).await;
    Err(match faults.answer {
        ElevenLabsAnswer::Unauthorized => Refusal::MissingPermission("convai_write"),
        ElevenLabsAnswer::NotFound => Refusal::AgentNotFound,
        ElevenLabsAnswer::Unprocessable => {
            Refusal::Unprocessable(vec!["body", "to_number"], "Field required", "missing")
        }
        ElevenLabsAnswer::RateLimited => Refusal::RateLimited("rate_limit_exceeded"),
        ElevenLabsAnswer::Concurrency => Refusal::RateLimited("concurrent_limit_exceeded"),
        ElevenLabsAnswer::ServerError => Refusal::ServerError,
        ElevenLabsAnswer::Nonsense => Refusal::Nonsense,
        ElevenLabsAnswer::Empty => Refusal::Empty,
        ElevenLabsAnswer::HangUp => Refusal::HangUp,
        ElevenLabsAnswer::Never => std::future::pending().await,
        answer => return Ok(answer),
    })
}

/// What is to go wrong with a request, after the wait that every request has to take.
pub(crate) async fn delayed(fakes: &Fakes) -> ElevenLabsFaults {
    let faults = fakes.faults().elevenlabs;
    if faults.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
    }
    faults
}

/// JSON of which only the first half arrives.
pub(crate) fn half(whole: &Value) -> Response {
    let text = whole.to_string();
    let half: String = text.chars().take(text.chars().count() / 2).collect();
    ([(CONTENT_TYPE, "application/json")], half).into_response()
}
