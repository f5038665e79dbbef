//! One conversation as ElevenLabs keeps it, and as its history shows it.

use super::script;
use crate::{
    ConversationFault, ElevenLabsFaults,
    timestamps::{iso_8601, now},
};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Seconds of audio in a turn of the agent's.
pub(super) const TURN_SECONDS: u32 = 2;
/// How long a conversation waits for its call unless a fault says otherwise. Not documented.
const WAITS: Duration = Duration::from_secs(60);
/// Credits for a second of talk.
const CREDITS_PER_SECOND: u32 = 13;
/// What an agent answers to a conversation that it does not know, or no longer waits for.
pub(super) const INVALID: &str = "Invalid conversation";

/// A registered conversation and what has become of it.
pub(crate) struct Record {
    id: String,
    /// The body of the registration as sent, with the members that it must have.
    request: Map<String, Value>,
    registered: Instant,
    stage: Stage,
    /// Seconds since 1970: of the registration, then of the talk.
    started: f64,
    call_sid: String,
    stream_sid: String,
    seconds: u32,
    transcript: Vec<Value>,
    /// How often it was read as `processing`.
    processing_reads: u32,
}

enum Stage {
    Waiting,
    Talking,
    Over(End),
}

/// How a conversation ended.
pub(super) struct End {
    /// Close code of the socket; `None` if the other side was gone first.
    pub(super) code: Option<u16>,
    pub(super) reason: String,
    /// False where it ended before the agent could speak.
    pub(super) began: bool,
}

impl Record {
    pub(super) fn new(id: String, request: Map<String, Value>) -> Self {
        Self {
            id,
            request,
            registered: Instant::now(),
            stage: Stage::Waiting,
            started: now(),
            call_sid: String::new(),
            stream_sid: String::new(),
            seconds: 0,
            transcript: Vec::new(),
            processing_reads: 0,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Begins the talk that a `start` frame asks for, once. The error is the reason to close.
    pub(super) fn begin(&mut self, start: &Value, faults: &ElevenLabsFaults) -> Result<(), String> {
        if !matches!(self.stage, Stage::Waiting) || self.is_too_late(faults) {
            return Err(INVALID.to_owned());
        }
        let text = |name: &str| start[name].as_str().unwrap_or_default().to_owned();
        (self.call_sid, self.stream_sid) = (text("callSid"), text("streamSid"));
        self.started = now();
        let missing: Vec<_> = faults
            .required_variables
            .iter()
            .filter(|name| !self.sent_variables().is_some_and(|sent| sent.contains_key(*name)))
            .map(|name| format!("'{name}'"))
            .collect();
        if missing.is_empty() {
            self.stage = Stage::Talking;
            return Ok(());
        }
        let reason = format!(
            "Missing required dynamic variables in first message: {{{}}}",
            missing.join(", ")
        );
        self.seconds = 1;
        self.stage = Stage::Over(End { code: Some(1008), reason: reason.clone(), began: false });
        Err(reason)
    }

    /// The agent speaks its turn; before its second it uses a tool.
    pub(super) fn agent_speaks(&mut self, turn: u32) {
        if turn == 2 {
            self.transcript.push(script::tool_call(self.seconds));
        }
        let text = script::agent(turn, &self.variables());
        self.transcript.push(script::entry("agent", Some(&text), self.seconds));
    }

    /// The agent's turn has been heard, and the person answers.
    pub(super) fn person_answers(&mut self, turn: u32) {
        self.seconds += TURN_SECONDS;
        self.transcript.push(script::entry("user", Some(script::person(turn)), self.seconds));
    }

    pub(super) fn end(&mut self, end: End) {
        // A hang-up before the person's answer cuts the agent off.
        if let Some(last) = self.transcript.last_mut().filter(|last| last["role"] == "agent") {
            last["interrupted"] = true.into();
        }
        self.stage = Stage::Over(end);
    }

    /// The conversation as `GET /v1/convai/conversations/{id}` answers it.
    pub(super) fn read(&mut self, faults: &ElevenLabsFaults) -> Value {
        let status = self.status(faults);
        self.processing_reads += u32::from(status == "processing");
        let is_done = status == "done";
        let talked = !self.transcript.is_empty();
        let mut transcript = self.transcript.clone();
        if faults.conversations == ConversationFault::Huge {
            transcript.extend(script::long_turns(self.seconds));
        }
        let mut client_data = self.client_data();
        client_data.insert("dynamic_variables".into(), self.all_variables().into());
        json!({
            "agent_id": self.request["agent_id"],
            "agent_name": "Simulated agent",
            "conversation_id": self.id,
            "status": status,
            "user_id": client_data.get("user_id"),
            "branch_id": null,
            "version_id": null,
            "environment": "production",
            "transcript": transcript,
            "metadata": self.metadata(is_done),
            "analysis": is_done.then(|| json!({
                "evaluation_criteria_results": {},
                "data_collection_results": {},
                // Real ElevenLabs says so even of a conversation that never began.
                "call_successful": "success",
                "transcript_summary": "A simulated talk.",
            })),
            "conversation_initiation_client_data": client_data,
            "has_audio": is_done && talked,
            "has_user_audio": is_done && talked,
            "has_response_audio": is_done && talked,
            "has_auxiliary_audio": false,
            "tag_ids": [],
        })
    }

    fn status(&self, faults: &ElevenLabsFaults) -> &'static str {
        match self.stage {
            Stage::Waiting if self.is_too_late(faults) => "failed",
            Stage::Waiting => "initiated",
            Stage::Talking => "in-progress",
            Stage::Over(_) if faults.conversations == ConversationFault::Stuck => "in-progress",
            Stage::Over(_) if self.processing_reads < faults.processing_reads => "processing",
            Stage::Over(_) => "done",
        }
    }

    fn is_too_late(&self, faults: &ElevenLabsFaults) -> bool {
        let waits = faults.start_within_ms.map_or(WAITS, Duration::from_millis);
        self.registered.elapsed() >= waits
    }

    fn metadata(&self, is_done: bool) -> Value {
        let (reason, error) = match &self.stage {
            Stage::Over(end) => {
                let error = end.code.filter(|code| *code != 1000);
                let error = error.map(|code| json!({ "code": code, "reason": end.reason }));
                let failed = "Conversation initialization failed";
                (if end.began { end.reason.as_str() } else { failed }, error)
            }
            _ => ("", None),
        };
        json!({
            "start_time_unix_secs": self.started as u64,
            "accepted_time_unix_secs": self.started as u64,
            "call_duration_secs": self.seconds,
            "cost": is_done.then_some(self.seconds * CREDITS_PER_SECOND),
            "deletion_settings": null,
            "feedback": null,
            "authorization_method": "authorization_header",
            "conversation_initiation_source": "twilio",
            "phone_call": self.phone_call(),
            "termination_reason": reason,
            "error": error,
            "warnings": [],
            "main_language": "en",
            "text_only": false,
        })
    }

    /// Null until Twilio has told the CallSid.
    fn phone_call(&self) -> Value {
        if self.call_sid.is_empty() {
            return Value::Null;
        }
        let direction = self.direction();
        let (from, to) = (&self.request["from_number"], &self.request["to_number"]);
        let (agent, external) = if direction == "outbound" { (from, to) } else { (to, from) };
        json!({
            "type": "twilio",
            "direction": direction,
            "phone_number_id": "",
            "agent_number": agent,
            "external_number": external,
            "call_result": null,
            "stream_sid": self.stream_sid,
            "call_sid": self.call_sid,
        })
    }

    fn direction(&self) -> &str {
        self.request.get("direction").and_then(Value::as_str).unwrap_or("inbound")
    }

    fn client_data(&self) -> Map<String, Value> {
        let sent = self.request.get("conversation_initiation_client_data");
        let mut data = sent.and_then(Value::as_object).cloned().unwrap_or_default();
        for name in ["conversation_config_override", "custom_llm_extra_body"] {
            data.entry(name).or_insert_with(|| json!({}));
        }
        data
    }

    fn sent_variables(&self) -> Option<&Map<String, Value>> {
        let data = self.request.get("conversation_initiation_client_data")?;
        data["dynamic_variables"].as_object()
    }

    /// The call's own variables. Secret ones are kept out of everything that can be read.
    fn variables(&self) -> Map<String, Value> {
        let mut variables = self.sent_variables().cloned().unwrap_or_default();
        variables.retain(|name, _| !name.starts_with("secret__"));
        variables
    }

    fn all_variables(&self) -> Map<String, Value> {
        let mut variables = self.variables();
        for (name, value) in [
            ("system__conversation_id", json!(self.id)),
            ("system__agent_id", self.request["agent_id"].clone()),
            ("system__caller_id", self.request["from_number"].clone()),
            ("system__called_number", self.request["to_number"].clone()),
            ("system__call_sid", json!(self.call_sid)),
            ("system__time_utc", json!(iso_8601(self.started))),
            ("system__call_duration_secs", json!(self.seconds)),
        ] {
            variables.insert(name.into(), value);
        }
        variables
    }
}
