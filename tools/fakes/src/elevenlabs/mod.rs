//! The simulated ElevenLabs: three REST calls and the conversation socket.

mod answers;
mod conversation;
mod conversations;
mod history;
mod record;
mod register_call;
mod script;
mod signed_url;

pub(crate) use conversations::Conversations;

use crate::{ElevenLabsRequest, Fakes};
use axum::{
    Router,
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

/// The path of the conversation socket below `base_url`.
const CONVERSATION: &str = "/elevenlabs/v1/convai/conversation";

pub(crate) fn router(fakes: &Fakes) -> Router {
    Router::new()
        .route("/v1/convai/twilio/register-call", post(register_call::handle))
        .route("/v1/convai/conversation/get-signed-url", get(signed_url::handle))
        .route("/v1/convai/conversation", get(conversation::handle))
        .route("/v1/convai/conversations/{id}", get(history::handle))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(fakes.clone())
}

async fn method_not_allowed() -> Response {
    answers::Refusal::MethodNotAllowed.into_response()
}

/// `wss://host/prefix/elevenlabs/v1/convai/conversation`.
fn conversation_url(fakes: &Fakes) -> String {
    let base = &fakes.config().base_url;
    let rest = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
    format!("wss://{rest}{CONVERSATION}")
}

/// Notes a request, whatever becomes of it.
fn remember(fakes: &Fakes, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) {
    fakes.remember_elevenlabs_request(ElevenLabsRequest {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .iter()
            .filter(|(name, _)| *name != "xi-api-key")
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        has_xi_api_key: headers.contains_key("xi-api-key"),
        body: serde_json::from_slice(body).ok(),
    });
}

/// The key must be the one; a wrong one and none at all are told apart nowhere.
fn check_key(fakes: &Fakes, headers: &HeaderMap) -> Result<(), answers::Refusal> {
    let given = headers.get("xi-api-key").map(|value| value.as_bytes());
    if given == Some(fakes.config().xi_api_key.as_bytes()) {
        Ok(())
    } else {
        Err(answers::Refusal::InvalidKey)
    }
}
