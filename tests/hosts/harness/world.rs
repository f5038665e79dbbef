//! Everything around a function: a folder with its store, and the services it calls.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use serde_json::{Value, json};

use super::http::{Answer, Message, PATIENCE, Server};
use super::webhook::encode as form_encode;

pub(crate) const ACCOUNT_SID: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const CALL_SID: &str = "CA0123456789abcdef0123456789abcdef";
pub(crate) const RECORDING_SID: &str = "RE0123456789abcdef0123456789abcdef";
pub(crate) const AUTH_TOKEN: &str = "12345";
/// What the page shows, as a header's value.
pub(crate) const BEARER: &str = "Bearer 0123456789abcdef";
pub(crate) const OUR_NUMBER: &str = "+12125550100";
pub(crate) const THEIR_NUMBER: &str = "+12125550123";

const TWIML: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://api.elevenlabs.io/x">"#,
    r#"<Parameter name="conversation_id" value="conv_1"/></Stream></Connect></Response>"#
);

/// Every byte there is, beginning like an MP3: what is not UTF-8 must arrive whole.
pub(crate) fn audio() -> Vec<u8> {
    [0xff, 0xfb, 0x90].into_iter().chain((0..=255).cycle().take(5000)).collect()
}

/// One deployment, gone with the test.
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    /// Twilio's REST API and ElevenLabs, on one port.
    pub(crate) upstream: Server,
    /// Twilio answers no dial while this is held.
    pub(crate) dialling: Arc<Mutex<()>>,
    /// A setting that is left out.
    without: Option<&'static str>,
}

impl World {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Short, and not in target/: a unix socket's path has at most some hundred bytes.
        let folder = env::temp_dir().join(format!("hosts-{}-{number}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let dialling = Arc::new(Mutex::new(()));
        let of_twilio = Arc::clone(&dialling);
        let upstream = Server::start(move |request| {
            if request.target().ends_with("/Calls.json") {
                drop(of_twilio.lock());
            }
            answer(request)
        });
        Self { folder, upstream, dialling, without: None }
    }

    /// The same deployment with one setting fewer.
    pub(crate) fn without(mut self, setting: &'static str) -> Self {
        self.without = Some(setting);
        self
    }

    /// Complete settings of a deployment under this public address.
    pub(crate) fn settings(&self, app_url: &str) -> Vec<(&'static str, String)> {
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
    pub(crate) fn wait_for_a_dial(&self) {
        wait_until("Twilio is asked to dial", || {
            self.upstream.seen().iter().any(|it| it.target().ends_with("/Calls.json"))
        });
    }

    /// Twilio was asked this often to dial, and every webhook it was given is ours.
    pub(crate) fn assert_dialled_under(&self, app_url: &str, times: usize) {
        let seen = self.upstream.seen();
        let dialled: Vec<_> =
            seen.iter().filter(|it| it.target().ends_with("Calls.json")).collect();
        assert_eq!(dialled.len(), times);
        let ours = form_encode(app_url);
        for request in dialled {
            let urls: Vec<_> =
                request.text().split('&').filter(|pair| pair.contains("=http")).collect();
            assert!(urls.len() >= 2, "{}", request.text());
            for url in urls {
                let (_, value) = url.split_once('=').unwrap();
                assert!(value.starts_with(&format!("{ours}%2F")), "{url}");
            }
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.file("log")
    }
}

/// Looks again and again, far longer than it can take.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(Path::new(&self.folder));
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
