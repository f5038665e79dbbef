//! Everything around a function: a folder with its store, and the services it calls.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::http::{Answer, Message, Server};
use crate::{Folder, wait_until};

pub(crate) const ACCOUNT_SID: &str = "AC0123456789abcdef0123456789abcdef";
/// The call that Twilio makes of every dial.
pub const CALL_SID: &str = "CA0123456789abcdef0123456789abcdef";
pub(crate) const RECORDING_SID: &str = "RE0123456789abcdef0123456789abcdef";
pub(crate) const AUTH_TOKEN: &str = "12345";
/// What the page shows, as a header's value.
pub const BEARER: &str = "Bearer 0123456789abcdef";
pub(crate) const OUR_NUMBER: &str = "+12125550100";
/// Who is called.
pub const THEIR_NUMBER: &str = "+12125550123";

const TWIML: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://api.elevenlabs.io/x">"#,
    r#"<Parameter name="conversation_id" value="conv_1"/></Stream></Connect></Response>"#
);

/// Every byte there is, beginning like an MP3: what is not UTF-8 must arrive whole.
#[must_use]
pub fn audio() -> Vec<u8> {
    [0xff, 0xfb, 0x90].into_iter().chain((0..=255).cycle().take(5000)).collect()
}

/// One deployment, gone with the test.
#[derive(Debug)]
pub struct World {
    folder: Folder,
    /// Twilio's REST API and ElevenLabs, on one port.
    pub upstream: Server,
    /// Twilio answers no dial while this is held.
    pub dialling: Arc<Mutex<()>>,
    /// A setting that is left out.
    without: Option<&'static str>,
}

impl World {
    /// One whose Twilio and ElevenLabs answer at once.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder and listens")]
    pub fn new() -> Self {
        let dialling = Arc::new(Mutex::new(()));
        let of_twilio = Arc::clone(&dialling);
        let upstream = Server::start(move |request| {
            if request.target().ends_with("/Calls.json") {
                drop(of_twilio.lock());
            }
            answer(request)
        });
        Self { folder: Folder::new(), upstream, dialling, without: None }
    }

    /// The same deployment with one setting fewer.
    #[must_use]
    pub fn without(mut self, setting: &'static str) -> Self {
        self.without = Some(setting);
        self
    }

    /// Complete settings of a deployment under this public address.
    #[must_use]
    pub fn settings(&self, app_url: &str) -> Vec<(&'static str, String)> {
        let upstream = format!("http://{}", self.upstream.address);
        let mut settings = vec![
            ("NEXT_PUBLIC_APP_URL", app_url.to_owned()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
            ("TWILIO_AUTH_TOKEN", AUTH_TOKEN.to_owned()),
            ("TWILIO_PHONE_NUMBER", OUR_NUMBER.to_owned()),
            ("TWILIO_API_URL", upstream.clone()),
            // One person is rung again and again.
            ("CALL_COOLDOWN_SECONDS", "0".to_owned()),
            ("CALL_MAX_PER_DESTINATION_PER_DAY", "1000".to_owned()),
            ("ELEVENLABS_AGENT_ID", "agent_1".to_owned()),
            ("ELEVENLABS_API_KEY", "key_1".to_owned()),
            ("ELEVENLABS_API_URL", upstream),
            ("MAKE_CALL_TOKEN", BEARER.trim_start_matches("Bearer ").to_owned()),
            ("STORE_URL", format!("sqlite:{}", self.file("calls.sqlite").display())),
        ];
        settings.retain(|(name, _)| Some(*name) != self.without);
        settings
    }

    /// Waits until Twilio has been asked to dial.
    pub fn wait_for_a_dial(&self) {
        wait_until("Twilio is asked to dial", || {
            self.upstream.seen().iter().any(|it| it.target().ends_with("/Calls.json"))
        });
    }

    /// Twilio was asked this often to dial, and every webhook it was given is ours.
    pub fn assert_dialled_under(&self, app_url: &str, times: usize) {
        let seen = self.upstream.seen();
        let dialled: Vec<_> =
            seen.iter().filter(|it| it.target().ends_with("Calls.json")).collect();
        assert_eq!(dialled.len(), times);
        for request in dialled {
            let fields: Vec<(String, String)> =
                serde_urlencoded::from_bytes(&request.body).unwrap();
            let urls: Vec<_> = fields.iter().filter(|field| field.1.starts_with("http")).collect();
            assert!(urls.len() >= 2, "{fields:?}");
            assert!(urls.iter().all(|url| url.1.starts_with(&format!("{app_url}/"))), "{urls:?}");
        }
    }

    /// A file of the deployment.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the functions log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.file("log")
    }
}

/// As ElevenLabs tells one that is over; a turn without a message used a tool.
fn conversation() -> Value {
    json!({
        "agent_id": "agent_1", "conversation_id": "conv_1", "status": "done",
        "transcript": [
            {"role": "agent", "message": "Olá! <How> are you?", "time_in_call_secs": 0},
            {"role": "agent", "message": null, "time_in_call_secs": 1},
            {"role": "user", "message": "Très bien.", "time_in_call_secs": 3}
        ],
        "metadata": {"call_duration_secs": 5}
    })
}

fn answer(request: &Message) -> Answer {
    let (status, body) = match request.target().as_str() {
        "POST /v1/convai/twilio/register-call" => (200, TWIML.as_bytes().to_vec()),
        "GET /v1/convai/conversations/conv_1" => (200, conversation().to_string().into_bytes()),
        target if target.ends_with("/Calls.json") => {
            (201, json!({"sid": CALL_SID, "status": "queued"}).to_string().into_bytes())
        }
        target if target.ends_with(&format!("/Recordings/{RECORDING_SID}.mp3")) => (200, audio()),
        _ => (404, Vec::new()),
    };
    Answer { status, headers: Vec::new(), body }
}
