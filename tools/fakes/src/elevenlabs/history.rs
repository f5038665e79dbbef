//! `GET /v1/convai/conversations/{id}`: a conversation, while it runs and after.

use super::{
    answers::{Refusal, delayed, half},
    check_key, remember,
};
use crate::{ConversationFault, Fakes};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse as _, Response},
};

pub(crate) async fn handle(
    State(fakes): State<Fakes>,
    Path(id): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    remember(&fakes, &method, &uri, &headers, &[]);
    check_key(&fakes, &headers)?;
    let faults = delayed(&fakes).await;
    match faults.conversations {
        ConversationFault::Unauthorized => return Err(Refusal::MissingPermission("convai_read")),
        ConversationFault::NotFound => return Err(Refusal::ConversationNotFound),
        ConversationFault::RateLimited => {
            return Err(Refusal::RateLimited("rate_limit_exceeded"));
        }
        ConversationFault::ServerError => return Err(Refusal::ServerError),
        ConversationFault::Nonsense => return Err(Refusal::Nonsense),
        ConversationFault::HangUp => return Err(Refusal::HangUp),
        ConversationFault::Never => std::future::pending().await,
        ConversationFault::Ok
        | ConversationFault::Truncated
        | ConversationFault::Huge
        | ConversationFault::Stuck => {}
    }
    let read = fakes.conversations().with(&id, |record| record.read(&faults));
    let conversation = read.ok_or(Refusal::ConversationNotFound)?;
    Ok(match faults.conversations {
        ConversationFault::Truncated => half(&conversation),
        _ => Json(conversation).into_response(),
    })
}
