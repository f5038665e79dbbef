//! Settings: the environment, parsed once into typed values.
//!
//! Every problem of every variable is collected, so that one answer names them all. A name is shown, a
//! value never.

mod dialling;
mod env;
mod platform;
mod store;
mod vendors;
mod voice;

pub use crate::elevenlabs::{Connect, ElevenLabs};
pub use crate::values::{AppUrl, AwsIdentity, BaseUrl, DynamoDbUrl, Origin, Secret, StoreUrl};
pub use dialling::{Access, Anonymous, CallLimits, Calling, CampaignVariable, Destinations, Token};
pub use env::{Problem, Variables};
pub use platform::Platform;
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
    /// Which callers may dial and read.
    pub access: Access,
    /// Defaults and bounds of a call.
    pub calling: Calling,
    /// Which numbers are dialled, and at what hours.
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

/// The variables that hold a vendor's secret or our own. Each function needs only some of them: its
/// endpoint's `SECRETS`.
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
        let twilio = vendors::account(&mut env);
        let elevenlabs = vendors::elevenlabs(&mut env);
        Self {
            app_url: vendors::app_url(&mut env),
            verifier: vendors::verifier(&mut env),
            accounts: vendors::accounts(&mut env),
            phone_number: vendors::phone_number(&mut env),
            store: store::store(&mut env, platform),
            access: dialling::access(&mut env, platform),
            calling: dialling::calling(&mut env, elevenlabs.as_ref().map(|agent| agent.connect)),
            destinations: dialling::destinations(&mut env, twilio.as_ref()),
            limits: dialling::limits(&mut env),
            voice: voice::voice(&mut env),
            platform,
            twilio,
            elevenlabs,
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
