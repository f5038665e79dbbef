//! Settings: the environment, parsed once into typed values (`interface.md` section 2).
//!
//! Nothing is missing twice: every problem of every variable is collected, so that one answer names
//! them all. A name is shown, a value never.

mod access;
mod app_url;
mod aws;
mod destinations;
mod dialling;
mod elevenlabs;
mod env;
mod limits;
mod platform;
mod secret;
mod store_url;
mod twilio;
mod voice;

pub use access::{Access, Anonymous, Token};
pub use app_url::{AppUrl, BaseUrl, Origin};
pub use destinations::Destinations;
pub use dialling::{Calling, CampaignVariable};
pub use elevenlabs::{Connect, ElevenLabs};
pub use env::{Problem, Variables};
pub use limits::CallLimits;
pub use platform::Platform;
pub use secret::Secret;
pub use store_url::{AwsIdentity, DynamoDbUrl, StoreUrl};
pub use voice::{Apologies, Apology, Voice};

use crate::call::{AccountSid, E164};
use crate::twilio::{Account, Verifier};

use env::Env;

/// Everything the functions are told from outside.
#[derive(Debug)]
pub struct Settings {
    /// What runs us.
    pub platform: Platform,
    /// The public base of the webhooks.
    pub app_url: Option<AppUrl>,
    /// Checks webhooks; none without an auth token.
    pub verifier: Option<Verifier>,
    /// For REST calls.
    pub twilio: Option<Account>,
    /// Whose callbacks are taken: ours and `TWILIO_SUBACCOUNT_SIDS`.
    pub accounts: Vec<AccountSid>,
    /// Our own number.
    pub phone_number: Option<E164>,
    /// The agent.
    pub elevenlabs: Option<ElevenLabs>,
    /// Where calls are kept.
    pub store: Option<StoreUrl>,
    /// Who may dial and read.
    pub access: Access,
    /// Defaults and bounds of a call.
    pub calling: Calling,
    /// Whom we ring, and when.
    pub destinations: Destinations,
    /// What bounds the bill.
    pub limits: CallLimits,
    /// What voice answers, and how fast.
    pub voice: Voice,
    /// Every variable that is missing or malformed.
    pub problems: Vec<Problem>,
}

/// What a dial needs, all of it there.
#[derive(Clone, Copy, Debug)]
pub struct DialSettings<'a> {
    /// The public base of the webhooks.
    pub app_url: &'a AppUrl,
    /// For `Calls.json`.
    pub twilio: &'a Account,
    /// Our own number.
    pub phone_number: &'a E164,
}

/// The variables that hold a vendor's secret or our own. Each function needs only some of them
/// ([`Endpoint::SECRETS`](crate::endpoint::Endpoint::SECRETS)).
pub const SECRETS: [&str; 6] = [
    "ELEVENLABS_API_KEY",
    "MAKE_CALL_TOKEN",
    "MAKE_CALL_TOKEN_SECONDARY",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
];

impl Settings {
    /// Of a function that uses these secrets: another one's absence is none of its problems.
    #[must_use]
    pub fn with_secrets(mut self, used: &[&str]) -> Self {
        let is_used = |name: &str| !SECRETS.contains(&name) || used.contains(&name);
        self.problems.retain(|problem| is_used(&problem.name));
        self
    }

    /// Reads them through `variables`.
    pub fn parse(variables: &dyn Variables) -> Self {
        let mut env = Env::new(variables);
        let platform = Platform::detect(variables);
        let twilio = twilio::account(&mut env);
        let app_url = app_url::app_url(&mut env);
        let access = access::access(&mut env, platform);
        let elevenlabs = elevenlabs::elevenlabs(&mut env);
        let calling = dialling::calling(&mut env, elevenlabs.as_ref().map(|agent| agent.connect));
        Self {
            app_url,
            verifier: twilio::verifier(&mut env),
            accounts: twilio::accounts(&mut env),
            phone_number: env.required("TWILIO_PHONE_NUMBER", |text| {
                E164::parse(text).map_err(|wrong| {
                    format!("must be a phone number such as +12125550100: {wrong}")
                })
            }),
            elevenlabs,
            store: store_url::store(&mut env, platform),
            voice: voice::voice(&mut env),
            destinations: destinations::destinations(&mut env, twilio.as_ref()),
            limits: limits::limits(&mut env),
            platform,
            twilio,
            access,
            calling,
            problems: env.into_problems(),
        }
    }

    /// What a dial needs, or every problem there is: a call that rings and cannot be answered by
    /// the agent is worse than none.
    pub fn for_dialling(&self) -> Result<DialSettings<'_>, &[Problem]> {
        match (&self.app_url, &self.twilio, &self.phone_number) {
            (Some(app_url), Some(twilio), Some(phone_number)) if self.problems.is_empty() => {
                Ok(DialSettings { app_url, twilio, phone_number })
            }
            _ => Err(&self.problems),
        }
    }
}

#[cfg(test)]
mod tests;
