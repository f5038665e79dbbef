//! Media Streams: what Twilio says on the socket, and what it understands.

use super::{life::Line, stream::Socket, twiml::Stream};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

/// 20 ms of mu-law at 8 kHz.
const FRAME: usize = 160;
/// Frames that the caller says at a time.
const UTTERANCE: u32 = 10;
/// Mu-law bytes per second.
const BYTES_PER_SECOND: f64 = 8000.0;

/// How a stream ended.
pub(crate) struct End {
    pub(crate) by_server: bool,
    /// 31921: the server closed without a word, or with anything but 1000.
    pub(crate) error: bool,
}

/// A running stream.
pub(crate) struct Media<'a> {
    line: &'a Line,
    stream: &'a Stream,
    socket: Socket,
    sequence: u32,
    chunk: u32,
    /// Seconds of the server's audio that have not been played.
    unplayed: f64,
    heard: bool,
    warned: bool,
}

/// What the other side's message leads to.
enum Next {
    Listen,
    HangUp,
}

impl<'a> Media<'a> {
    pub(crate) fn new(line: &'a Line, stream: &'a Stream, socket: Socket) -> Self {
        Self {
            line,
            stream,
            socket,
            sequence: 0,
            chunk: 0,
            unplayed: 0.0,
            heard: false,
            warned: false,
        }
    }

    pub(crate) async fn run(mut self) -> End {
        self.begin().await;
        let call = std::sync::Arc::clone(&self.line.call);
        loop {
            if call.is_hung_up() || self.is_too_long() {
                return self.stop().await;
            }
            let patience = self.line.pace().patience();
            let message = tokio::select! {
                () = call.wait_for_hang_up() => return self.stop().await,
                // On a dead line the caller hangs up.
                message = timeout(patience, self.socket.next()) => match message {
                    Ok(message) => message,
                    Err(_) => return self.stop().await,
                },
            };
            let next = match message {
                Some(Ok(Message::Text(text))) => self.understand(&text).await,
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(CloseCode::Status, |frame| frame.code);
                    return self.closed(code == CloseCode::Normal).await;
                }
                Some(Ok(Message::Binary(_))) => {
                    self.warn(31924, "Stream - Websocket - Protocol Error")
                }
                Some(Ok(_)) => Next::Listen,
                Some(Err(_)) | None => return self.closed(false).await,
            };
            if matches!(next, Next::HangUp) {
                return self.stop().await;
            }
        }
    }

    fn is_too_long(&self) -> bool {
        let talked = self.line.call.talked();
        let limit = self.line.call.options.time_limit;
        limit.is_some_and(|limit| talked >= f64::from(limit))
    }

    async fn begin(&mut self) {
        let connected = json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" });
        self.write(&connected).await;
        let parameters: Map<String, Value> = self
            .stream
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        let start = json!({
            "accountSid": self.line.fakes.config().account_sid,
            "streamSid": self.line.call.stream_sid,
            "callSid": self.line.call.sid,
            "tracks": ["inbound"],
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
            "customParameters": parameters,
        });
        self.event("start", start).await;
        self.speak().await;
    }

    /// The caller says something: `media` frames of 20 ms.
    async fn speak(&mut self) {
        // Two sorts of near silence: mu-law has no zero byte for it.
        let frame: Vec<u8> = (0..FRAME).map(|at| if at % 8 < 4 { 0xFF } else { 0x7E }).collect();
        let payload = STANDARD.encode(frame);
        for _ in 0..UTTERANCE {
            self.chunk += 1;
            let media = json!({
                "track": "inbound",
                "chunk": self.chunk.to_string(),
                "timestamp": (self.chunk * 20).to_string(),
                "payload": payload,
            });
            self.event("media", media).await;
        }
    }

    async fn understand(&mut self, text: &str) -> Next {
        self.heard = true;
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return self.warn(31950, "Stream - Protocol - Malformed Message");
        };
        if message["streamSid"] != self.line.call.stream_sid.as_str() {
            return self.warn(31951, "Stream - Protocol - Invalid Message");
        }
        let payload = message["media"]["payload"].as_str();
        match (message["event"].as_str(), payload.map(|text| STANDARD.decode(text))) {
            (Some("media"), Some(Ok(audio))) => {
                self.unplayed += audio.len() as f64 / BYTES_PER_SECOND;
                Next::Listen
            }
            (Some("mark"), _) => match message["mark"]["name"].as_str() {
                Some(name) => self.played(name).await,
                None => self.warn(31951, "Stream - Protocol - Invalid Message"),
            },
            (Some("clear"), _) => {
                self.unplayed = 0.0;
                Next::Listen
            }
            _ => self.warn(31951, "Stream - Protocol - Invalid Message"),
        }
    }

    /// Plays what is pending, returns the mark, and lets the caller answer.
    async fn played(&mut self, name: &str) -> Next {
        let seconds = std::mem::take(&mut self.unplayed);
        if !self.line.call.pass(self.line.pace(), seconds).await {
            return Next::HangUp;
        }
        self.event("mark", json!({ "name": name })).await;
        self.speak().await;
        Next::Listen
    }

    /// These two warn once per stream; the stream goes on.
    fn warn(&mut self, code: u32, title: &str) -> Next {
        if !self.warned {
            self.warned = true;
            self.line.call.notify(code, title, &self.stream.url);
        }
        Next::Listen
    }

    async fn event(&mut self, name: &str, content: Value) {
        self.sequence += 1;
        let mut message = json!({
            "event": name,
            "sequenceNumber": self.sequence.to_string(),
            "streamSid": self.line.call.stream_sid,
        });
        message[name] = content;
        self.write(&message).await;
    }

    async fn write(&mut self, message: &Value) {
        // If the other side is gone, the next read says so, with its reason.
        let _ = self.socket.send(Message::text(message.to_string())).await;
    }

    /// Our side hangs up.
    async fn stop(&mut self) -> End {
        let stop = json!({
            "accountSid": self.line.fakes.config().account_sid,
            "callSid": self.line.call.sid,
        });
        self.event("stop", stop).await;
        let _ = self.socket.close(None).await;
        // Completes the closing handshake with a peer that takes part in it.
        let drained = async { while let Some(Ok(_)) = self.socket.next().await {} };
        let _ = timeout(self.line.pace().patience(), drained).await;
        End { by_server: false, error: false }
    }

    async fn closed(&mut self, normally: bool) -> End {
        let seconds = std::mem::take(&mut self.unplayed);
        self.line.call.pass(self.line.pace(), seconds).await;
        // Sends our half of the closing handshake, if there still is somebody to take it.
        let _ = self.socket.close(None).await;
        End { by_server: true, error: !normally || !self.heard }
    }
}
