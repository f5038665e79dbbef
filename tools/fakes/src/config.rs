//! What the fakes believe about the one account and the one agent they know.

use std::time::Duration;

/// The account, the agent and the pace. Deliberately without `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Config {
    /// The one account that exists: `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// Accepted for Basic authentication, and the key of every webhook signature.
    pub auth_token: String,
    /// An API key (`SK...`) and its secret, accepted for Basic authentication as well.
    pub api_key: Option<(String, String)>,
    /// The account's own number in E.164: the only `From` that a call is accepted with.
    pub phone_number: String,
    /// The one agent that ElevenLabs knows.
    pub agent_id: String,
    /// The one key that ElevenLabs accepts.
    pub xi_api_key: String,
    /// Where [`crate::Fakes::router`] is mounted, as the outside sees it, without a slash at the
    /// end: `http://127.0.0.1:3000/simulated`. ElevenLabs' `wss:` address and Twilio's `RecordingUrl`
    /// are built from it.
    pub base_url: String,
    /// How long a simulated second lasts.
    pub pace: Pace,
    /// Where all chance comes from. Two runs with one seed give the same SIDs and the same faults.
    pub seed: u64,
}

/// How long simulated seconds last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Every step runs without waiting: for tests. The simulated clock moves all the same.
    Instant,
    /// A phone rings for about 2 s and a talk takes about 6 s: for people who watch.
    RealTime,
}

impl Pace {
    /// Lets `seconds` of simulated time pass.
    pub(crate) async fn sleep(self, seconds: f64) {
        match self {
            // Other tasks must get their turn even if nobody waits.
            Self::Instant => tokio::task::yield_now().await,
            Self::RealTime => {
                tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
            }
        }
    }

    /// How long a caller stays on a line on which nothing happens, in real time.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Instant => Duration::from_secs(2),
            Self::RealTime => Duration::from_secs(10),
        }
    }
}
