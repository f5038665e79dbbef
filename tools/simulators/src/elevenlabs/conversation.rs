//! `GET /v1/convai/conversation`: the agent, speaking Twilio Media Streams.

use crate::Simulators;
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// How often the agent speaks before it ends the call.
const TURNS: u32 = 3;
/// Chunks in each turn: with half a second each, a talk takes 6 s.
const CHUNKS: u32 = 4;
/// Half a second of mu-law.
const CHUNK: usize = 4000;

/// Close code and reason.
type End = (u16, &'static str);

pub(crate) async fn handle(
    State(simulators): State<Simulators>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        let Some((code, reason)) = converse(&simulators, &mut socket).await else {
            return;
        };
        let frame = CloseFrame { code, reason: reason.into() };
        // A peer that is gone already does not care.
        let _ = socket.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    })
}

/// Talks until the end; `None` if the other side is gone.
async fn converse(simulators: &Simulators, socket: &mut WebSocket) -> Option<End> {
    let mut turn = 0;
    loop {
        let text = match socket.recv().await? {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(Message::Binary(_)) => return Some((1008, "Invalid message received")),
            Ok(_) => continue,
        };
        let message: Value = serde_json::from_str(&text).unwrap_or_default();
        let stream_sid = message["streamSid"].as_str().unwrap_or_default();
        match (message["event"].as_str(), turn) {
            (Some("connected"), 0) => {}
            (Some("start"), 0) => {
                // A signed URL ends here: Twilio has dropped its query, and names no conversation.
                let id = message["start"]["customParameters"]["conversation_id"].as_str();
                if !id.is_some_and(|id| simulators.conversations().begin(id)) {
                    return Some((1008, "Invalid conversation"));
                }
                turn = 1;
                speak(socket, stream_sid, turn).await?;
            }
            // What the caller says is of no interest, only that the agent has been heard.
            (Some("media" | "dtmf"), 1..) => {}
            (Some("mark"), 1..) if turn == TURNS => return Some((1000, "Agent ended the call")),
            (Some("mark"), 1..) => {
                turn += 1;
                speak(socket, stream_sid, turn).await?;
            }
            (Some("stop"), 1..) => return Some((1000, "Caller hung up")),
            _ => return Some((1008, "Invalid message received")),
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
