//! `GET /v1/convai/conversation`: the agent, speaking Twilio Media Streams.

use super::record::{End, INVALID, TURN_SECONDS};
use crate::Fakes;
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// How often the agent speaks before it ends the call: a talk takes 6 s.
const TURNS: u32 = 3;
/// Chunks in each turn, of half a second each.
const CHUNKS: u32 = TURN_SECONDS * 2;
/// Half a second of mu-law.
const CHUNK: usize = 4000;
/// The longest reason that fits into a close frame.
const LONGEST_REASON: usize = 123;
const INVALID_MESSAGE: &str = "Invalid message received";

/// Close code and reason.
type Close = (u16, String);

pub(crate) async fn handle(State(fakes): State<Fakes>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        let Some((code, mut reason)) = converse(&fakes, &mut socket).await else {
            return;
        };
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        let frame = CloseFrame { code, reason: reason.into() };
        // A peer that is gone already does not care.
        let _ = socket.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    })
}

/// A whole conversation, recorded to its end; `None` if the other side is gone.
async fn converse(fakes: &Fakes, socket: &mut WebSocket) -> Option<Close> {
    let start = match start(socket).await? {
        Ok(start) => start,
        Err(reason) => return Some((1008, reason.to_owned())),
    };
    // A signed URL ends here: Twilio has dropped its query, and names no conversation.
    let id = start["customParameters"]["conversation_id"].as_str().unwrap_or_default();
    let faults = fakes.faults().elevenlabs;
    let begun = fakes.conversations().with(id, |record| record.begin(&start, &faults));
    if let Err(reason) = begun.unwrap_or_else(|| Err(INVALID.to_owned())) {
        return Some((1008, reason));
    }
    let close = talk(fakes, socket, id, &start).await;
    let (code, reason) = match &close {
        Some((code, reason)) => (Some(*code), reason.clone()),
        None => (None, "Client disconnected".to_owned()),
    };
    // Before the close frame: a peer that has seen it finds the conversation at its end.
    fakes.conversations().with(id, |record| record.end(End { code, reason, began: true }));
    close
}

/// Waits for the `start` frame and gives its content. The inner error is the reason to close.
async fn start(socket: &mut WebSocket) -> Option<Result<Value, &'static str>> {
    loop {
        let mut message = read(socket).await?;
        match message["event"].as_str() {
            Some("connected") => {}
            Some("start") => return Some(Ok(message["start"].take())),
            _ => return Some(Err(INVALID_MESSAGE)),
        }
    }
}

/// Talks until the end; `None` if the other side is gone.
async fn talk(fakes: &Fakes, socket: &mut WebSocket, id: &str, start: &Value) -> Option<Close> {
    let close = |code, reason: &str| Some((code, reason.to_owned()));
    let stream_sid = start["streamSid"].as_str().unwrap_or_default();
    let conversations = fakes.conversations();
    for turn in 1..=TURNS {
        // Before its audio, so that the transcript has every turn that was heard.
        conversations.with(id, |record| record.agent_speaks(turn));
        speak(socket, stream_sid, turn).await?;
        loop {
            match read(socket).await?["event"].as_str() {
                // What the caller says is of no interest, only that the agent has been heard.
                Some("media" | "dtmf") => {}
                Some("mark") => break,
                Some("stop") => return close(1000, "Caller hung up"),
                _ => return close(1008, INVALID_MESSAGE),
            }
        }
        conversations.with(id, |record| record.person_answers(turn));
    }
    close(1000, "Agent ended the call")
}

/// The next message, null if it is no JSON; `None` if the other side is gone.
async fn read(socket: &mut WebSocket) -> Option<Value> {
    loop {
        match socket.recv().await? {
            Ok(Message::Text(text)) => {
                return Some(serde_json::from_str(&text).unwrap_or_default());
            }
            Ok(Message::Binary(_)) => return Some(Value::Null),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// One turn: audio, and a mark to learn when it has been played.
async fn speak(socket: &mut WebSocket, stream_sid: &str, turn: u32) -> Option<()> {
    let payload = STANDARD.encode([0xFF; CHUNK]);
    for _ in 0..CHUNKS {
        let media = json!({
            "event": "media",
            "streamSid": stream_sid,
            "media": { "payload": payload },
        });
        write(socket, &media).await?;
    }
    let mark = json!({
        "event": "mark",
        "streamSid": stream_sid,
        "mark": { "name": format!("turn-{turn}") },
    });
    write(socket, &mark).await
}

async fn write(socket: &mut WebSocket, message: &Value) -> Option<()> {
    let text = message.to_string();
    socket.send(Message::Text(text.into())).await.ok()
}
