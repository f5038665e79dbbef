//! One call: what was asked for, how far it has come, and Twilio's JSON for it.

use super::{API_VERSION, fields, patterns::Pattern, twiml::Recording, validation::CallOptions};
use crate::{
    Config, Notification, Pace,
    fakes::lock,
    recording_sid,
    timestamps::{now, rfc_2822},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::sync::watch;

/// A call and its simulated clock.
pub(crate) struct Call {
    pub(crate) sid: String,
    pub(crate) stream_sid: String,
    pub(crate) recording_sid: String,
    /// The place among all calls of this process: with the seed it decides all chance.
    pub(crate) number: u64,
    pub(crate) options: CallOptions,
    pub(crate) pattern: Pattern,
    pub(crate) state: Mutex<State>,
    created: f64,
    hung_up: watch::Sender<bool>,
    settled: watch::Sender<bool>,
}

/// What changes.
pub(crate) struct State {
    /// The REST status: `queued`, never `initiated`.
    pub(crate) status: &'static str,
    /// Simulated seconds since creation.
    pub(crate) elapsed: f64,
    /// The clock at the moment of answer and of the end.
    pub(crate) answered: Option<f64>,
    pub(crate) ended: Option<f64>,
    pub(crate) answered_by: Option<&'static str>,
    /// Begun by `<Start><Recording>`.
    pub(crate) recording: Option<Recording>,
    /// Seconds of a finished recording.
    pub(crate) recorded: Option<u32>,
    pub(crate) next_sequence: u32,
    pub(crate) notifications: Vec<Notification>,
    tokens: StdRng,
}

/// A generator for one purpose within one call, so that tasks cannot disturb each other's chance.
pub(crate) fn chance(seed: u64, call: u64, purpose: u64) -> StdRng {
    let mixed = seed
        ^ (call + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ purpose.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    StdRng::seed_from_u64(mixed)
}

impl Call {
    pub(crate) fn new(config: &Config, number: u64, options: CallOptions) -> Self {
        let mut rng = chance(config.seed, number, 0);
        let pattern = match Pattern::of(if options.inbound { &options.from } else { &options.to }) {
            pattern @ (Pattern::HangsUp | Pattern::Long) => pattern,
            _ if options.inbound => Pattern::Talks,
            pattern => pattern,
        };
        // The length is a forecast, for the time after a restart; the call's own word counts first.
        let seconds = match pattern {
            Pattern::HangsUp => 0,
            Pattern::Long => 300,
            _ => 6,
        };
        Self {
            sid: format!("CA{:032x}", rng.random::<u128>()),
            stream_sid: format!("MZ{:032x}", rng.random::<u128>()),
            recording_sid: recording_sid(rng.random(), options.channels, seconds),
            number,
            pattern,
            options,
            created: now(),
            hung_up: watch::Sender::new(false),
            settled: watch::Sender::new(false),
            state: Mutex::new(State {
                status: "queued",
                elapsed: 0.0,
                answered: None,
                ended: None,
                answered_by: None,
                recording: None,
                recorded: None,
                next_sequence: 0,
                notifications: Vec::new(),
                tokens: rng,
            }),
        }
    }

    /// The simulated time, in seconds since 1970.
    pub(crate) fn clock(&self) -> f64 {
        self.created + lock(&self.state).elapsed
    }

    /// The moment of the answer, in seconds since 1970.
    pub(crate) fn started(&self) -> f64 {
        self.created + lock(&self.state).answered.unwrap_or(0.0)
    }

    /// Seconds since the answer, 0 before it.
    pub(crate) fn talked(&self) -> f64 {
        let state = lock(&self.state);
        state.answered.map_or(0.0, |answered| state.ended.unwrap_or(state.elapsed) - answered)
    }

    /// Moves the clock without waiting.
    pub(crate) fn advance(&self, seconds: f64) {
        lock(&self.state).elapsed += seconds;
    }

    /// Lets time pass on the line. False: somebody hung up.
    pub(crate) async fn pass(&self, pace: Pace, seconds: f64) -> bool {
        self.advance(seconds);
        tokio::select! {
            biased;
            () = self.wait_for_hang_up() => false,
            () = pace.sleep(seconds) => true,
        }
    }

    pub(crate) fn hang_up(&self) {
        self.hung_up.send_replace(true);
    }

    pub(crate) fn is_hung_up(&self) -> bool {
        *self.hung_up.borrow()
    }

    pub(crate) async fn wait_for_hang_up(&self) {
        // An error means that the sender is gone; it lives as long as `self`.
        let _ = self.hung_up.subscribe().wait_for(|hung_up| *hung_up).await;
    }

    pub(crate) fn settle(&self) {
        self.settled.send_replace(true);
    }

    pub(crate) async fn settled(&self) {
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// Whether the call is, or was, recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        let state = lock(&self.state);
        state.answered.is_some() && (self.options.record || state.recording.is_some())
    }

    /// Whether the call has reached a terminal status.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.state).ended.is_some()
    }

    pub(crate) fn end(&self, status: &'static str) {
        let mut state = lock(&self.state);
        state.status = status;
        state.ended = Some(state.elapsed);
    }

    pub(crate) fn set_status(&self, status: &'static str) {
        lock(&self.state).status = status;
    }

    pub(crate) fn notify(&self, error_code: u32, message: &str, request_url: &str) {
        lock(&self.state).notifications.push(Notification {
            error_code,
            message: message.to_owned(),
            request_url: request_url.to_owned(),
        });
    }

    /// An `I-Twilio-Idempotency-Token`: looks like a UUID.
    pub(crate) fn token(&self) -> String {
        let hex = format!("{:032x}", lock(&self.state).tokens.random::<u128>());
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }

    /// Twilio's Call resource.
    pub(crate) fn to_json(&self, config: &Config) -> Value {
        let state = lock(&self.state);
        let at = |offset: Option<f64>| offset.map(|offset| rfc_2822(self.created + offset));
        // A fresh call has no dates yet (sample of the contract).
        let dated = (state.status != "queued").then_some(state.elapsed);
        let duration = state.ended.map(|ended| {
            state.answered.map_or(0.0, |answered| (ended - answered).ceil()).to_string()
        });
        let uri = format!("/{API_VERSION}/Accounts/{}/Calls/{}", config.account_sid, self.sid);
        let sub = |name: &str| format!("{uri}/{name}.json");
        json!({
            "sid": self.sid,
            "account_sid": config.account_sid,
            "to": self.options.to,
            "to_formatted": fields::formatted(&self.options.to),
            "from": self.options.from,
            "from_formatted": fields::formatted(&self.options.from),
            "status": state.status,
            "start_time": at(state.answered),
            "end_time": at(state.ended),
            "duration": duration,
            "price": null,
            "price_unit": "USD",
            "direction": fields::direction(&self.options),
            "answered_by": state.answered_by,
            "api_version": API_VERSION,
            "parent_call_sid": null,
            "phone_number_sid": format!("PN{:032x}", 0x44),
            "forwarded_from": null,
            "group_sid": null,
            "caller_name": null,
            "queue_time": "0",
            "trunk_sid": null,
            "uri": format!("{uri}.json"),
            "subresource_uris": {
                "events": sub("Events"),
                "notifications": sub("Notifications"),
                "recordings": sub("Recordings"),
            },
            "date_created": at(dated.map(|_| 0.0)),
            "date_updated": at(dated),
        })
    }
}
