//! `GET /v1/convai/conversations/{id}`: what is being said, and later what was said.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Number;

use crate::net::Http;

use super::{AgentError, ElevenLabs, send};

/// A conversation of an hour has some hundred kB. Its record also holds tool calls and audio's data.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// How far a conversation has come, in ElevenLabs' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationStatus {
    /// It is over and analysed.
    Done,
    /// It never began, or ElevenLabs failed.
    Failed,
    /// The agent talks.
    InProgress,
    /// Registered; the call has not been joined yet.
    Initiated,
    /// It is over, its analysis is not; also for words that ElevenLabs did not use when this was written.
    Processing,
}

impl ConversationStatus {
    /// ElevenLabs' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::InProgress => "in-progress",
            Self::Initiated => "initiated",
            Self::Processing => "processing",
        }
    }

    fn parse(word: &str) -> Self {
        let all = [Self::Done, Self::Failed, Self::InProgress, Self::Initiated];
        all.into_iter().find(|status| status.as_str() == word).unwrap_or(Self::Processing)
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The agent.
    Agent,
    /// The person on the phone: ElevenLabs' `user`.
    User,
}

/// What one of them says at a stretch.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its place among all turns, those without text included, from 0: the same whenever it is read.
    pub index: usize,
    /// Who speaks.
    pub speaker: Speaker,
    /// What is said. Personal data: never for a log, so there is no `Debug`.
    pub text: String,
    /// Seconds from the beginning, if ElevenLabs says so.
    pub time_in_call_secs: Option<Number>,
}

/// A conversation as ElevenLabs tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct Conversation {
    /// How far it has come. `Failed` where ElevenLabs says `done` of a conversation that never began.
    pub status: ConversationStatus,
    /// The turns that have a text, in order.
    pub turns: Vec<Turn>,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    transcript: Vec<TurnAnswer>,
    metadata: Option<Metadata>,
}

/// A turn of tool calls alone has no message.
#[derive(Deserialize)]
struct TurnAnswer {
    role: String,
    message: Option<String>,
    time_in_call_secs: Option<Number>,
}

#[derive(Deserialize)]
struct Metadata {
    error: Option<IgnoredAny>,
}

/// Asks for a conversation by its id.
pub async fn fetch_conversation(
    http: &Http,
    agent: &ElevenLabs,
    conversation_id: &str,
    timeout: Duration,
) -> Result<Conversation, AgentError> {
    let nonsense = |why: &str| AgentError::InvalidResponse { why: why.to_owned() };
    let mut url = Url::parse(agent.api_url.as_str())
        .map_err(|_| nonsense("ELEVENLABS_API_URL is no base"))?;
    url.path_segments_mut()
        .map_err(|()| nonsense("ELEVENLABS_API_URL is no base"))?
        .pop_if_empty()
        .extend(["v1", "convai", "conversations", conversation_id]);
    let body = send(http, agent, http.get(url), timeout, ANSWER_LIMIT).await?;
    conversation(&body).ok_or_else(|| nonsense("the answer is no conversation"))
}

fn conversation(body: &[u8]) -> Option<Conversation> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let turn = |(index, turn): (usize, TurnAnswer)| {
        let speaker = match turn.role.as_str() {
            "agent" => Speaker::Agent,
            "user" => Speaker::User,
            _ => return None,
        };
        let text = turn.message.filter(|text| !text.is_empty())?;
        Some(Turn { index, speaker, text, time_in_call_secs: turn.time_in_call_secs })
    };
    let turns: Vec<Turn> = answer.transcript.into_iter().enumerate().filter_map(turn).collect();
    let has_error = answer.metadata.is_some_and(|metadata| metadata.error.is_some());
    let status = match ConversationStatus::parse(&answer.status) {
        // Observed: a conversation that was refused for a missing variable reads "done".
        ConversationStatus::Done if has_error && turns.is_empty() => ConversationStatus::Failed,
        status => status,
    };
    Some(Conversation { status, turns })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Option<Conversation> {
        conversation(body.to_string().as_bytes())
    }

    #[test]
    fn turns_without_text_are_left_out_and_do_not_move_the_others() {
        let read = read(&json!({
            "status": "in-progress",
            "transcript": [
                {"role": "agent", "message": "Hello", "time_in_call_secs": 0, "tool_calls": []},
                {"role": "agent", "message": null, "time_in_call_secs": 1},
                {"role": "user", "message": "Hi", "time_in_call_secs": 2.5, "new": {}},
                {"role": "system", "message": "x"},
                {"role": "user", "message": ""},
            ],
            "metadata": {"cost": 1},
        }))
        .unwrap();
        let told: Vec<_> = read.turns.iter().map(|it| (it.index, it.speaker, &*it.text)).collect();
        assert_eq!(told, [(0, Speaker::Agent, "Hello"), (2, Speaker::User, "Hi")]);
        assert_eq!(read.status, ConversationStatus::InProgress);
    }

    #[test]
    fn a_conversation_that_never_began_is_failed_whatever_its_status_says() {
        let turn = json!([{"role": "agent", "message": "Hello"}]);
        let error =
            json!({"error": {"code": 1008, "reason": "Missing required dynamic variables"}});
        for (status, transcript, metadata, expected) in [
            ("done", json!([]), error.clone(), ConversationStatus::Failed),
            ("done", turn, error, ConversationStatus::Done),
            ("done", json!([]), json!({"error": null}), ConversationStatus::Done),
            ("done", json!([]), json!(null), ConversationStatus::Done),
            ("failed", json!([]), json!({}), ConversationStatus::Failed),
            ("sleeping", json!([]), json!({}), ConversationStatus::Processing),
        ] {
            let body = json!({"status": status, "transcript": transcript, "metadata": metadata});
            assert_eq!(read(&body).unwrap().status, expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_conversation_is_refused() {
        for body in [
            json!({}),
            json!([]),
            json!({"status": 1}),
            json!({"status": "done", "transcript": [{}]}),
        ] {
            assert!(read(&body).is_none(), "{body}");
        }
        assert!(conversation(b"<html>").is_none());
    }
}
