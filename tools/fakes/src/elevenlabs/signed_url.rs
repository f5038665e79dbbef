//! `GET /v1/convai/conversation/get-signed-url`.

use super::{
    answers::{Refusal, faulty, half},
    check_key, conversation_url, remember,
};
use crate::{ElevenLabsAnswer, Fakes};
use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub(crate) struct Parameters {
    agent_id: Option<String>,
    include_conversation_id: Option<bool>,
}

pub(crate) async fn handle(
    State(fakes): State<Fakes>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Refusal> {
    remember(&fakes, &method, &uri, &headers, &[]);
    check_key(&fakes, &headers)?;
    let answer = faulty(&fakes).await?;
    let Some(agent_id) = parameters.agent_id else {
        let place = vec!["query", "agent_id"];
        return Err(Refusal::Unprocessable(place, "Field required", "missing"));
    };
    if agent_id != fakes.config().agent_id {
        return Err(Refusal::AgentNotFound);
    }
    let conversations = fakes.conversations();
    let mut url = format!(
        "{}?agent_id={agent_id}&conversation_signature={}",
        conversation_url(&fakes),
        conversations.signature()
    );
    if parameters.include_conversation_id == Some(true) {
        // Part of the address, not a field of its own; and not one that a Twilio call can use.
        url.push_str(&format!("&conversation_id={}", conversations.id()));
    }
    let body = json!({ "signed_url": url });
    Ok(match answer {
        ElevenLabsAnswer::Truncated => half(&body),
        _ => Json(body).into_response(),
    })
}
