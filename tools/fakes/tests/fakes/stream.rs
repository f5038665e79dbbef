//! `<Connect><Stream>`: a talk with the simulated agent, and everything that ends it early.

use crate::support::*;
use axum::{
    Router,
    extract::{
        RawQuery,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    routing::get,
};
use serde_json::Value;
use std::{future::Future, sync::Arc};
use tokio::{net::TcpListener, sync::mpsc};

impl World {
    fn stream(&self, attributes: &str) -> String {
        let callback = format!("{}/stream", self.app_url);
        format!(
            r#"<Response><Connect><Stream {attributes} statusCallback="{callback}"/></Connect></Response>"#
        )
    }

    async fn conversation(&self) -> String {
        let twiml = self.register().await.text();
        let callback = format!(r#"<Stream statusCallback="{}/stream" "#, self.app_url);
        twiml.replace("<Stream ", &callback)
    }
}

/// A server of our own at the other end, on one path; gives its `wss:` address.
async fn server<F, Fut>(talk: F) -> String
where
    F: Fn(WebSocket) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/bridge", listener.local_addr().unwrap());
    let talk = Arc::new(talk);
    let handler = move |RawQuery(query): RawQuery, upgrade: WebSocketUpgrade| async move {
        // Real Twilio cuts the query off, so nobody may ever see one.
        assert_eq!(query, None);
        upgrade.on_upgrade(move |socket| async move { talk(socket).await })
    };
    let router = Router::new().route("/bridge", get(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_registered_conversation_talks_for_six_seconds_and_ends() {
    let world = World::new().await;
    world.app.voice(&world.conversation().await);
    world.call(TALKER, &[("Record", "true")]).await;
    let events = world.column("/stream", "StreamEvent");
    assert_eq!(events, ["stream-started", "stream-stopped"]);
    let form = &world.forms("/stream")[0];
    assert_eq!(form["StreamName"], form["StreamSid"]);
    assert!(form["Timestamp"].ends_with('Z'));
    assert_eq!(world.column("/status", "CallDuration")[3], "6");
    assert_eq!(world.column("/recording", "RecordingDuration")[1], "6");
}

#[tokio::test]
async fn a_conversation_can_be_used_once() {
    let world = World::new().await;
    world.app.voice(&world.conversation().await);
    world.call(TALKER, &[]).await;
    world.call(TALKER, &[]).await;
    let events = world.column("/stream", "StreamEvent");
    let expected = ["stream-started", "stream-stopped", "stream-started", "stream-error"];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn a_signed_url_loses_its_query_and_ends_with_31921() {
    let world = World::new().await;
    let url =
        format!("{}/elevenlabs/v1/convai/conversation/get-signed-url?agent_id=agent_x", world.base);
    let reply = http("GET", &url, &[("xi-api-key", "xi")], "").await.unwrap();
    let signed = reply.json()["signed_url"].as_str().unwrap().replace('&', "&amp;");
    world.app.voice(&world.stream(&format!(r#"url="{signed}""#)));
    let sid = world.call(TALKER, &[]).await;
    let forms = world.forms("/stream");
    assert_eq!(forms[1]["StreamEvent"], "stream-error");
    assert_eq!(forms[1]["StreamError"], "31921 Stream - WebSocket - Close Error");
    assert_eq!(world.fakes.notifications(&sid)[0].error_code, 31921);
}

#[tokio::test]
async fn a_stream_that_breaks_a_rule_is_never_connected() {
    for (attributes, code) in [
        (r#"url="ws://127.0.0.1:1/a""#, "31922"),
        (r#"url="nowhere""#, "31923"),
        (r#"url="wss://127.0.0.1:1/a" track="both_tracks""#, "31941"),
        (r#"url="wss://agent.example/a""#, "31902"),
    ] {
        let world = World::new().await;
        world.app.voice(&world.stream(attributes));
        world.call(TALKER, &[]).await;
        let forms = world.forms("/stream");
        assert_eq!(forms.len(), 1, "{attributes}");
        assert!(forms[0]["StreamError"].starts_with(code), "{}", forms[0]["StreamError"]);
        assert_eq!(world.column("/status", "CallStatus")[3], "completed");
    }
}

#[tokio::test]
async fn a_wrong_path_fails_the_handshake() {
    let world = World::new().await;
    let url = format!("{}/nothing", world.base.replace("http:", "wss:"));
    world.app.voice(&world.stream(&format!(r#"url="{url}""#)));
    world.call(TALKER, &[]).await;
    assert!(world.column("/stream", "StreamError")[0].starts_with("31920"));
}

#[tokio::test]
async fn twilio_sends_connected_start_and_media_in_their_documented_form() {
    let world = World::new().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let url = server(move |mut socket| {
        let tell = tell.clone();
        async move {
            for _ in 0..4 {
                let Some(Ok(Message::Text(text))) = socket.recv().await else {
                    return;
                };
                tell.send(serde_json::from_str::<Value>(&text).unwrap()).unwrap();
            }
        }
    })
    .await;
    let twiml = format!(
        r#"<Response><Connect><Stream url="{url}?lost=1"><Parameter name="a" value="b&amp;c"/></Stream></Connect></Response>"#
    );
    world.app.voice(&twiml);
    let sid = world.call(TALKER, &[]).await;
    let connected = told.recv().await.unwrap();
    assert_eq!(connected["event"], "connected");
    assert_eq!(connected["protocol"], "Call");
    let start = told.recv().await.unwrap();
    assert_eq!(start["sequenceNumber"], "1");
    assert_eq!(start["start"]["callSid"], sid.as_str());
    assert_eq!(start["start"]["customParameters"]["a"], "b&c");
    assert_eq!(start["start"]["mediaFormat"]["encoding"], "audio/x-mulaw");
    for chunk in ["1", "2"] {
        let media = told.recv().await.unwrap();
        assert_eq!(media["media"]["chunk"], chunk);
        // 160 bytes are 216 characters of Base64.
        assert_eq!(media["media"]["payload"].as_str().unwrap().len(), 216);
    }
}

#[tokio::test]
async fn a_call_that_is_hung_up_by_rest_stops_its_stream() {
    let world = World::new().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let url = server(move |mut socket| {
        let tell = tell.clone();
        async move {
            while let Some(Ok(message)) = socket.recv().await {
                if let Message::Text(text) = message {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    tell.send(message["event"].as_str().unwrap().to_owned()).unwrap();
                }
            }
        }
    })
    .await;
    world.app.voice(&world.stream(&format!(r#"url="{url}""#)));
    let reply = world.dial(TALKER, &[]).await.unwrap().json();
    let sid = reply["sid"].as_str().unwrap();
    while told.recv().await.unwrap() != "start" {}
    let path = format!("Calls/{sid}.json");
    assert_eq!(world.get(&path).await.json()["status"], "in-progress");
    let ended = world.post(&path, &[("Status", "completed")]).await.unwrap();
    assert_eq!(ended.status, 200);
    world.fakes.settled(sid).await;
    let mut last = String::new();
    while let Ok(event) = told.try_recv() {
        last = event;
    }
    assert_eq!(last, "stop");
    assert_eq!(world.get(&path).await.json()["status"], "completed");
    let events = world.column("/stream", "StreamEvent");
    assert_eq!(events, ["stream-started", "stream-stopped"]);
    let again = world.post(&path, &[("Status", "completed")]).await.unwrap();
    assert_eq!(again.json()["code"], 21220);
}

#[tokio::test]
async fn verbs_after_connect_run_when_the_server_closes() {
    let world = World::new().await;
    let twiml = world.conversation().await;
    let pause = r#"</Connect><Pause length="5"/>"#;
    world.app.voice(&twiml.replace("</Connect>", pause));
    world.call(TALKER, &[]).await;
    assert_eq!(world.column("/status", "CallDuration")[3], "11");
}

#[tokio::test]
async fn nonsense_from_the_server_is_a_warning_and_not_the_end() {
    let world = World::new().await;
    let url = server(|mut socket| async move {
        let _ = socket.recv().await;
        let _ = socket.send(Message::Text("{".into())).await;
        let _ = socket.send(Message::Text(r#"{"event":"audio"}"#.into())).await;
        let close = axum::extract::ws::CloseFrame { code: 1000, reason: "".into() };
        let _ = socket.send(Message::Close(Some(close))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    })
    .await;
    world.app.voice(&world.stream(&format!(r#"url="{url}""#)));
    let sid = world.call(TALKER, &[]).await;
    let codes: Vec<_> = world
        .fakes
        .notifications(&sid)
        .iter()
        .map(|notification| notification.error_code)
        .collect();
    assert_eq!(codes, [31950]);
    let events = world.column("/stream", "StreamEvent");
    assert_eq!(events, ["stream-started", "stream-stopped"]);
}
