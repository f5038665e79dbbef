//! A conversation's history, read while the simulated call talks and after.

use crate::support::*;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(10);
const KEY: &[(&str, &str)] = &[("xi-api-key", "xi")];

impl World {
    /// Registers a conversation with these variables and gives its id.
    async fn conversation_with(&self, variables: Value) -> String {
        let request = json!({
            "agent_id": "agent_x",
            "from_number": OURS,
            "to_number": TALKER,
            "direction": "outbound",
            "conversation_initiation_client_data": {
                "dynamic_variables": variables,
                "user_id": "lead-42",
            },
        });
        let reply = self.register_with(&request.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        conversation_id(&reply.text())
    }

    fn history_url(&self, id: &str) -> String {
        format!("{}/elevenlabs/v1/convai/conversations/{id}", self.base)
    }

    async fn ask_for(&self, id: &str) -> Option<Reply> {
        http("GET", &self.history_url(id), KEY, "").await
    }

    async fn read(&self, id: &str) -> Value {
        let reply = self.ask_for(id).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type").unwrap(), "application/json");
        reply.json()
    }
}

fn conversation_id(twiml: &str) -> String {
    twiml.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Who speaks in each turn; a turn with a tool call alone is in brackets.
fn speakers(conversation: &Value) -> Vec<String> {
    let turns = conversation["transcript"].as_array().unwrap();
    let speaker = |turn: &Value| match &turn["message"] {
        Value::String(_) => turn["role"].as_str().unwrap().to_owned(),
        _ => format!("({})", turn["role"].as_str().unwrap()),
    };
    turns.iter().map(speaker).collect()
}

/// Twilio's end of the socket, moved by hand.
struct Line(WebSocketStream<TcpStream>);

impl Line {
    async fn start(world: &World, id: &str) -> Self {
        let url = format!("{}/elevenlabs/v1/convai/conversation", world.base);
        let rest = url.strip_prefix("http://").unwrap();
        let tcp = TcpStream::connect(rest.split('/').next().unwrap()).await.unwrap();
        let mut line = Self(client_async(format!("ws://{rest}"), tcp).await.unwrap().0);
        line.send(json!({ "event": "connected" })).await;
        let start = json!({
            "streamSid": "MZ01",
            "callSid": "CA01",
            "customParameters": { "conversation_id": id },
        });
        line.send(json!({ "event": "start", "streamSid": "MZ01", "start": start })).await;
        line
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Hears the agent out: gives the name of the mark behind its turn.
    async fn hear(&mut self) -> String {
        loop {
            let text = self.0.next().await.unwrap().unwrap().into_text().unwrap();
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(message["streamSid"], "MZ01");
            if message["event"] == "mark" {
                return message["mark"]["name"].as_str().unwrap().to_owned();
            }
        }
    }

    /// The person answers.
    async fn answer(&mut self) {
        self.send(json!({ "event": "mark", "streamSid": "MZ01", "mark": { "name": "heard" } }))
            .await;
    }

    /// How ElevenLabs closes; it says nothing more before.
    async fn close(&mut self) -> (u16, String) {
        let message = self.0.next().await.unwrap().unwrap();
        let Message::Close(Some(frame)) = message else {
            panic!("not closed: {message:?}");
        };
        (frame.code.into(), frame.reason.to_string())
    }

    async fn talk_to_the_end(&mut self) {
        for _ in 0..3 {
            self.hear().await;
            self.answer().await;
        }
        assert_eq!(self.close().await.0, 1000);
    }
}

#[tokio::test]
async fn a_registered_conversation_waits_and_has_no_turns() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    let conversation = world.read(&id).await;
    assert_eq!(conversation["conversation_id"], id.as_str());
    assert_eq!(conversation["agent_id"], "agent_x");
    assert_eq!(conversation["status"], "initiated");
    assert_eq!(conversation["transcript"], json!([]));
    assert_eq!(conversation["metadata"]["phone_call"], Value::Null);
    assert_eq!(conversation["analysis"], Value::Null);
    assert_eq!(conversation["has_audio"], false);
}

#[tokio::test]
async fn the_transcript_grows_turn_by_turn() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    let mut line = Line::start(&world, &id).await;
    let mut expected = vec!["agent"];
    for (mark, more) in [
        ("turn-1", &["user", "(agent)", "agent"][..]),
        ("turn-2", &["user", "agent"]),
        ("turn-3", &["user"]),
    ] {
        assert_eq!(line.hear().await, mark);
        let conversation = world.read(&id).await;
        assert_eq!(conversation["status"], "in-progress", "{mark}");
        assert_eq!(speakers(&conversation), expected, "{mark}");
        line.answer().await;
        expected.extend(more);
    }
    assert_eq!(line.close().await, (1000, "Agent ended the call".into()));
    let conversation = world.read(&id).await;
    assert_eq!(conversation["status"], "done");
    assert_eq!(speakers(&conversation), expected);
    let turns = conversation["transcript"].as_array().unwrap();
    let times: Vec<_> =
        turns.iter().map(|turn| turn["time_in_call_secs"].as_u64().unwrap()).collect();
    assert_eq!(times, [0, 2, 2, 2, 4, 4, 6]);
}

#[tokio::test]
async fn a_turn_can_be_a_tool_call_alone() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    Line::start(&world, &id).await.talk_to_the_end().await;
    let conversation = world.read(&id).await;
    let turn = &conversation["transcript"][2];
    assert_eq!(turn["message"], Value::Null);
    assert_eq!(turn["tool_calls"][0]["request_id"], turn["tool_results"][0]["request_id"]);
    assert_eq!(conversation["transcript"][0]["tool_calls"], json!([]));
}

#[tokio::test]
async fn a_finished_conversation_tells_of_its_call() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    Line::start(&world, &id).await.talk_to_the_end().await;
    let conversation = world.read(&id).await;
    let metadata = &conversation["metadata"];
    assert_eq!(metadata["call_duration_secs"], 6);
    assert!(metadata["cost"].as_u64().unwrap() > 0);
    assert!(metadata["start_time_unix_secs"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(metadata["termination_reason"], "Agent ended the call");
    assert_eq!(metadata["error"], Value::Null);
    let phone_call = &metadata["phone_call"];
    assert_eq!(phone_call["type"], "twilio");
    assert_eq!(phone_call["direction"], "outbound");
    assert_eq!(
        (&phone_call["agent_number"], &phone_call["external_number"]),
        (&json!(OURS), &json!(TALKER))
    );
    assert_eq!(
        (&phone_call["call_sid"], &phone_call["stream_sid"]),
        (&json!("CA01"), &json!("MZ01"))
    );
    assert_eq!(conversation["analysis"]["call_successful"], "success");
    for member in ["has_audio", "has_user_audio", "has_response_audio"] {
        assert_eq!(conversation[member], true, "{member}");
    }
    assert_eq!(conversation["user_id"], "lead-42");
}

#[tokio::test]
async fn the_agent_says_the_variables_it_was_given() {
    let world = World::new().await;
    for (name, said) in [("_prospect_name_", "Zoë & Co"), ("customer_name", "Jane")] {
        let id = world
            .conversation_with(json!({ name: said, "_agent_name_": "Ada", "_product_name_": 7 }))
            .await;
        Line::start(&world, &id).await.talk_to_the_end().await;
        let conversation = world.read(&id).await;
        let greeting = conversation["transcript"][0]["message"].as_str().unwrap();
        assert!(greeting.starts_with(&format!("Hello {said}, this is Ada from ")), "{greeting}");
        let offer = conversation["transcript"][3]["message"].as_str().unwrap();
        assert!(offer.starts_with("I am calling about 7."), "{offer}");
    }
}

#[tokio::test]
async fn variables_are_kept_as_sent_but_for_secret_ones() {
    let world = World::new().await;
    let variables =
        json!({ "customer_name": "Jane", "attempt": 1, "vip": true, "secret__token": "hidden" });
    let id = world.conversation_with(variables).await;
    Line::start(&world, &id).await.hear().await;
    let conversation = world.read(&id).await;
    let data = &conversation["conversation_initiation_client_data"];
    let kept = &data["dynamic_variables"];
    assert_eq!(kept["customer_name"], "Jane");
    assert_eq!((&kept["attempt"], &kept["vip"]), (&json!(1), &json!(true)));
    assert_eq!(kept["system__call_sid"], "CA01");
    assert_eq!(kept["system__conversation_id"], id.as_str());
    assert_eq!(kept["system__caller_id"], OURS);
    assert_eq!(kept["system__called_number"], TALKER);
    let text = conversation.to_string();
    assert!(!text.contains("secret__token") && !text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn a_hang_up_interrupts_the_agent() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    let mut line = Line::start(&world, &id).await;
    line.hear().await;
    assert_eq!(world.read(&id).await["transcript"][0]["interrupted"], false);
    line.send(json!({ "event": "stop", "streamSid": "MZ01" })).await;
    assert_eq!(line.close().await, (1000, "Caller hung up".into()));
    let conversation = world.read(&id).await;
    assert_eq!(conversation["status"], "done");
    assert_eq!(conversation["transcript"][0]["interrupted"], true);
    assert_eq!(conversation["metadata"]["termination_reason"], "Caller hung up");
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_the_conversation() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    let mut line = Line::start(&world, &id).await;
    line.hear().await;
    drop(line);
    let over = async {
        loop {
            let conversation = world.read(&id).await;
            if conversation["status"] != "in-progress" {
                return conversation;
            }
        }
    };
    let conversation = timeout(PATIENCE, over).await.unwrap();
    assert_eq!(conversation["status"], "done");
    assert_eq!(conversation["metadata"]["termination_reason"], "Client disconnected");
    assert_eq!(conversation["metadata"]["error"], Value::Null);
}

#[tokio::test]
async fn a_frame_that_is_not_understood_is_the_error_of_the_conversation() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    let mut line = Line::start(&world, &id).await;
    line.hear().await;
    line.send(json!({ "event": "nothing" })).await;
    let reason = "Invalid message received";
    assert_eq!(line.close().await, (1008, reason.into()));
    let metadata = &world.read(&id).await["metadata"];
    assert_eq!(metadata["error"], json!({ "code": 1008, "reason": reason }));
}

#[tokio::test]
async fn a_conversation_whose_call_never_came_reads_failed_and_cannot_begin() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    world.faults(json!({ "elevenlabs": { "startWithinMs": 0 } }));
    let conversation = world.read(&id).await;
    assert_eq!(conversation["status"], "failed");
    assert_eq!(conversation["transcript"], json!([]));
    let mut line = Line::start(&world, &id).await;
    assert_eq!(line.close().await, (1008, "Invalid conversation".into()));
    assert_eq!(world.read(&id).await["status"], "failed");
}

#[tokio::test]
async fn a_conversation_is_processed_for_as_many_reads_as_wanted() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "processingReads": 2 } }));
    let id = world.conversation_with(json!({})).await;
    let mut line = Line::start(&world, &id).await;
    line.hear().await;
    assert_eq!(world.read(&id).await["status"], "in-progress");
    line.answer().await;
    line.hear().await;
    line.send(json!({ "event": "stop", "streamSid": "MZ01" })).await;
    line.close().await;
    for status in ["processing", "processing", "done", "done"] {
        let conversation = world.read(&id).await;
        assert_eq!(conversation["status"], status);
        assert_eq!(conversation["analysis"].is_object(), status == "done");
        assert_eq!(speakers(&conversation), ["agent", "user", "(agent)", "agent"]);
    }
}

#[tokio::test]
async fn a_missing_variable_ends_the_call_and_still_reads_done() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "requiredVariables": ["customer_name", "case_id"] } }));
    let id = world.conversation_with(json!({ "case_id": 7 })).await;
    let reason = "Missing required dynamic variables in first message: {'customer_name'}";
    let mut line = Line::start(&world, &id).await;
    assert_eq!(line.close().await, (1008, reason.into()));
    let conversation = world.read(&id).await;
    assert_eq!(conversation["status"], "done");
    assert_eq!(conversation["transcript"], json!([]));
    let metadata = &conversation["metadata"];
    assert_eq!(metadata["termination_reason"], "Conversation initialization failed");
    assert_eq!(metadata["error"], json!({ "code": 1008, "reason": reason }));
    assert_eq!(conversation["analysis"]["call_successful"], "success");
    assert_eq!(metadata["phone_call"]["call_sid"], "CA01");
}

#[tokio::test]
async fn an_agent_with_all_its_variables_talks() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "requiredVariables": ["case_id", "secret__token"] } }));
    let id = world.conversation_with(json!({ "case_id": 7, "secret__token": "hidden" })).await;
    Line::start(&world, &id).await.talk_to_the_end().await;
    assert_eq!(world.read(&id).await["metadata"]["error"], Value::Null);
}

#[tokio::test]
async fn ten_missing_variables_are_cut_in_the_close_frame_alone() {
    let world = World::new().await;
    let names: Vec<_> = (0..10).map(|at| format!("_variable_{at}_é_")).collect();
    world.faults(json!({ "elevenlabs": { "requiredVariables": names } }));
    let id = world.conversation_with(json!({})).await;
    let (code, reason) = Line::start(&world, &id).await.close().await;
    assert_eq!(code, 1008);
    assert!(reason.len() <= 123, "{reason}");
    let whole = world.read(&id).await["metadata"]["error"]["reason"].as_str().unwrap().to_owned();
    assert!(whole.starts_with(&reason) && whole.ends_with("'_variable_8_é_', '_variable_9_é_'}"));
}

#[tokio::test]
async fn a_missing_variable_is_an_error_of_twilios_stream() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "requiredVariables": ["customer_name"] } }));
    world.app.voice(&world.register().await.text());
    let sid = world.call(TALKER, &[]).await;
    assert_eq!(world.fakes.notifications(&sid)[0].error_code, 31921);
}

#[tokio::test]
async fn a_simulated_call_leaves_a_whole_conversation() {
    let world = World::new().await;
    let twiml = world.register().await.text();
    world.app.voice(&twiml);
    let sid = world.call(TALKER, &[]).await;
    let conversation = world.read(&conversation_id(&twiml)).await;
    assert_eq!(conversation["status"], "done");
    assert_eq!(speakers(&conversation).len(), 7);
    assert_eq!(conversation["metadata"]["phone_call"]["call_sid"], sid.as_str());
    assert_eq!(world.column("/status", "CallDuration")[3], "6");
    assert_eq!(conversation["metadata"]["call_duration_secs"], 6);
}

#[tokio::test]
async fn an_unknown_conversation_and_a_wrong_key_are_refused() {
    let world = World::new().await;
    let unknown = world.ask_for("conv_nothing").await.unwrap();
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json()["detail"]["status"], "conversation_not_found");
    let id = world.conversation_with(json!({})).await;
    for headers in [&[("xi-api-key", "no")][..], &[]] {
        let reply = http("GET", &world.history_url(&id), headers, "").await.unwrap();
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json()["detail"]["status"], "invalid_api_key");
    }
    let reply = http("PUT", &world.history_url(&id), KEY, "").await.unwrap();
    assert_eq!(reply.status, 405);
}

#[tokio::test]
async fn a_read_can_fail_in_every_way_while_calls_are_registered() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    for (fault, status, start) in [
        ("unauthorized", 401, r#"{"detail":{"code":"unauthorized","#),
        ("not_found", 404, r#"{"detail":{"message":"Conversation not found","#),
        ("rate_limited", 429, r#"{"detail":{"code":"rate_limit_exceeded","#),
        ("server_error", 500, "<html>"),
        ("nonsense", 200, "<!doctype html>"),
    ] {
        world.faults(json!({ "elevenlabs": { "conversations": fault } }));
        let reply = world.ask_for(&id).await.unwrap();
        assert_eq!(reply.status, status, "{fault}");
        assert!(reply.text().starts_with(start), "{fault}: {}", reply.text());
        assert_eq!(world.register().await.status, 200, "{fault}");
    }
    world.faults(json!({ "elevenlabs": { "conversations": "hang_up" } }));
    assert!(world.ask_for(&id).await.is_none());
    assert_eq!(world.register().await.status, 200);
}

#[tokio::test]
async fn a_read_works_while_registering_fails() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    world.faults(json!({ "elevenlabs": { "answer": "server_error" } }));
    assert_eq!(world.register().await.status, 500);
    assert_eq!(world.read(&id).await["status"], "initiated");
}

#[tokio::test]
async fn half_a_conversation_is_no_json() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    let whole = world.ask_for(&id).await.unwrap().body;
    world.faults(json!({ "elevenlabs": { "conversations": "truncated" } }));
    let reply = world.ask_for(&id).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, whole.len() / 2));
    assert!(whole.starts_with(&reply.body));
}

#[tokio::test]
async fn a_read_that_is_never_answered_holds_up_no_other() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    world.faults(json!({ "elevenlabs": { "conversations": "never" } }));
    let url = world.history_url(&id);
    let waiting = tokio::spawn(async move { http("GET", &url, KEY, "").await });
    let asked = async {
        while world.fakes.elevenlabs_requests().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap();
    world.register().await;
    world.faults(json!({}));
    assert_eq!(world.read(&id).await["status"], "initiated");
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_huge_conversation_is_valid_and_over_six_megabytes() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    Line::start(&world, &id).await.talk_to_the_end().await;
    world.faults(json!({ "elevenlabs": { "conversations": "huge" } }));
    let reply = world.ask_for(&id).await.unwrap();
    assert!(reply.body.len() > 6_000_000, "{}", reply.body.len());
    let conversation = reply.json();
    assert_eq!(conversation["status"], "done");
    assert!(speakers(&conversation).len() > 1000);
    let first = conversation["transcript"][0]["message"].as_str().unwrap();
    assert!(first.starts_with("Hello "));
    world.faults(json!({}));
    assert_eq!(speakers(&world.read(&id).await).len(), 7);
}

#[tokio::test]
async fn a_stuck_conversation_stays_in_progress_after_its_talk() {
    let world = World::new().await;
    world.faults(json!({ "elevenlabs": { "conversations": "stuck" } }));
    let id = world.conversation_with(json!({})).await;
    assert_eq!(world.read(&id).await["status"], "initiated");
    Line::start(&world, &id).await.talk_to_the_end().await;
    for _ in 0..3 {
        let conversation = world.read(&id).await;
        assert_eq!(conversation["status"], "in-progress");
        assert_eq!(speakers(&conversation).len(), 7);
    }
    world.faults(json!({}));
    assert_eq!(world.read(&id).await["status"], "done");
}

#[tokio::test]
async fn reads_are_remembered_with_their_path() {
    let world = World::new().await;
    let id = world.conversation_with(json!({})).await;
    world.read(&id).await;
    world.faults(json!({ "elevenlabs": { "conversations": "hang_up" } }));
    world.ask_for(&id).await;
    let path = format!("/v1/convai/conversations/{id}");
    let requests = world.fakes.elevenlabs_requests();
    let reads = requests.iter().filter(|request| request.path == path);
    assert_eq!(reads.clone().count(), 2);
    assert!(reads.clone().all(|read| read.method == "GET" && read.has_xi_api_key));
}

#[tokio::test]
async fn the_oldest_of_many_conversations_is_forgotten() {
    let world = World::new().await;
    let oldest = world.conversation_with(json!({})).await;
    let second = world.conversation_with(json!({})).await;
    for _ in 0..498 {
        world.register().await;
    }
    assert_eq!(world.ask_for(&oldest).await.unwrap().status, 200);
    world.register().await;
    assert_eq!(world.ask_for(&oldest).await.unwrap().status, 404);
    assert_eq!(world.ask_for(&second).await.unwrap().status, 200);
}
