//! What may be dialled, by which callers, how often, and what each call is given.

use std::time::Duration;

use crate::call::{Allowed, DynamicVariables, E164, Prefix, QuietHours, check_name};
use crate::elevenlabs::Connect;
use crate::twilio::Account;
use crate::values::{Origin, Secret};

use super::Platform;
use super::env::Env;

/// Which callers may dial and read.
#[derive(Debug)]
pub struct Access {
    /// `MAKE_CALL_TOKEN` and `MAKE_CALL_TOKEN_SECONDARY`.
    pub token: Token,
    /// `ALLOWED_ORIGINS`, beyond the app URL's own.
    pub allowed_origins: Vec<Origin>,
    /// `TRANSCRIPTS_FOR_PAGES`: a caller that may dial may read a transcript, without the token.
    pub transcripts_for_pages: bool,
    /// `ALLOW_ANONYMOUS_DIALLING`: pages of our origins may dial and follow calls without the
    /// token.
    pub allow_anonymous: bool,
    /// What such callers may use.
    pub anonymous: Anonymous,
}

/// Whether a token guards dialling and reading.
#[derive(Debug)]
pub enum Token {
    /// Set to something that is no token. Every request is refused: an open door would be the worse
    /// mistake.
    Malformed,
    /// Requests may show one of these, the second of which is there while they are rotated.
    Set(Vec<Secret>),
    /// Not set.
    Unset,
}

/// The share of callers without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymous {
    /// `ANONYMOUS_MAX_PER_DAY`: their calls in any 24 hours.
    pub max_per_day: u32,
    /// `ANONYMOUS_MAX_CONCURRENT`: their calls at once.
    pub max_concurrent: u32,
    /// `ANONYMOUS_TIME_LIMIT_SECONDS`: default and maximum of their `timeLimit`, where
    /// `CALL_TIME_LIMIT_SECONDS` is not less.
    pub time_limit_seconds: u32,
    /// `ANONYMOUS_VARIABLES`: the dynamic variables that they may set.
    pub variables: Vec<String>,
}

impl Anonymous {
    /// The longest that their phones ring, seconds.
    pub const MAX_TIMEOUT: u32 = 60;

    /// How long one of their calls may hold its place if no callback frees it: it rings, it talks, and
    /// a minute more.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(u64::from(Self::MAX_TIMEOUT + self.time_limit_seconds) + 60)
    }
}

pub(super) fn access(env: &mut Env<'_>, platform: Platform) -> Access {
    Access {
        token: tokens(env),
        allowed_origins: env.list("ALLOWED_ORIGINS", Origin::parse),
        transcripts_for_pages: env.flag("TRANSCRIPTS_FOR_PAGES", false),
        allow_anonymous: env.flag("ALLOW_ANONYMOUS_DIALLING", !platform.is_deployed()),
        anonymous: Anonymous {
            max_per_day: env.number("ANONYMOUS_MAX_PER_DAY", 50, 1..=10_000_000),
            max_concurrent: env.number("ANONYMOUS_MAX_CONCURRENT", 3, 1..=1000),
            time_limit_seconds: env.number("ANONYMOUS_TIME_LIMIT_SECONDS", 300, 1..=14_400),
            variables: env.list("ANONYMOUS_VARIABLES", open_variable),
        },
    }
}

fn tokens(env: &mut Env<'_>) -> Token {
    const NAME: &str = "MAKE_CALL_TOKEN";
    const SECONDARY: &str = "MAKE_CALL_TOKEN_SECONDARY";
    // Long enough not to be guessed.
    let token = |text: &str| match text.len() {
        ..16 => Err("must have at least 16 characters".to_owned()),
        _ => Secret::parse(text),
    };
    let first = env.optional(NAME, token);
    let second = env.optional(SECONDARY, token);
    if env.is_blank(NAME) {
        env.problem(NAME, "is blank: set a token or remove the variable");
    }
    if first.is_none() && env.get(SECONDARY).is_some() {
        env.problem(NAME, format!("is missing beside {SECONDARY}"));
    }
    match first {
        _ if env.has_problem(&[NAME, SECONDARY]) => Token::Malformed,
        Some(first) => Token::Set([first].into_iter().chain(second).collect()),
        None => Token::Unset,
    }
}

/// A variable that a caller without the token may set. `secret__...` variables reach tools and their
/// credentials.
fn open_variable(name: &str) -> Result<String, String> {
    check_name(name).map_err(|error| error.to_string())?;
    if name.starts_with("secret__") {
        return Err("must not name a secret__ variable".to_owned());
    }
    Ok(name.to_owned())
}

/// Defaults and bounds of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calling {
    /// `RECORD_CALLS`.
    pub record_calls: bool,
    /// `CALL_TIME_LIMIT_SECONDS`: default and maximum of `timeLimit`.
    pub time_limit_seconds: u32,
    /// `CALL_RETENTION_DAYS`.
    pub retention_days: u32,
    /// `DYNAMIC_VARIABLES`: what the agent is told on every call, inbound ones included. A call's own
    /// values win.
    pub default_variables: DynamicVariables,
    /// `CAMPAIGN_VARIABLES`: which members of `campaignData` reach the agent.
    pub campaign_variables: Vec<CampaignVariable>,
}

/// A member of `campaignData` and the dynamic variable that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignVariable {
    /// Such as `leadName`.
    pub member: String,
    /// Such as `_prospect_name_`.
    pub variable: String,
}

pub(super) fn calling(env: &mut Env<'_>, connect: Option<Connect>) -> Calling {
    let variables = env.optional("DYNAMIC_VARIABLES", |text| {
        DynamicVariables::parse(text).map_err(|error| error.to_string())
    });
    let campaign_variables = env.list("CAMPAIGN_VARIABLES", campaign_variable);
    let mut names: Vec<&str> = campaign_variables.iter().map(|it| it.variable.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        env.problem("CAMPAIGN_VARIABLES", "must name each variable once");
    }
    if connect == Some(Connect::SignedUrl) {
        for name in ["CAMPAIGN_VARIABLES", "DYNAMIC_VARIABLES"] {
            if env.get(name).is_some() {
                env.problem(name, "cannot reach the agent with ELEVENLABS_CONNECT=signed-url");
            }
        }
    }
    Calling {
        record_calls: env.flag("RECORD_CALLS", false),
        time_limit_seconds: env.number("CALL_TIME_LIMIT_SECONDS", 900, 1..=14_400),
        retention_days: env.number("CALL_RETENTION_DAYS", 30, 1..=3650),
        default_variables: variables.unwrap_or_default(),
        campaign_variables,
    }
}

/// Pages without the token send `campaignData`, too.
fn campaign_variable(text: &str) -> Result<CampaignVariable, String> {
    let (member, variable) = text.split_once('=').unwrap_or_default();
    let (member, variable) = (member.trim(), variable.trim());
    if member.is_empty() || variable.is_empty() {
        return Err("must be member=variable pairs such as leadName=_prospect_name_".to_owned());
    }
    Ok(CampaignVariable { member: member.to_owned(), variable: open_variable(variable)? })
}

/// Which numbers are dialled, and at what hours.
#[derive(Clone, Debug)]
pub struct Destinations {
    /// `CALL_ALLOWED_PREFIXES`; empty: the region of our own number.
    pub allowed_prefixes: Vec<Prefix>,
    /// `CALL_BLOCKLIST`: never rung.
    pub blocklist: Vec<E164>,
    /// `CALL_QUIET_HOURS`, on the callee's own clock.
    pub quiet_hours: Option<QuietHours>,
    /// Whether Twilio's test numbers are dialled: at a simulator, and with Twilio's test credentials
    /// (`TWILIO_TEST_CREDENTIALS`).
    pub test_numbers: bool,
}

impl Destinations {
    /// What may be called from our own number.
    #[must_use]
    pub fn allowed(&self, own: &E164) -> Allowed {
        if self.allowed_prefixes.is_empty() {
            Allowed::default_for(own)
        } else {
            Allowed::Prefixes(self.allowed_prefixes.clone())
        }
    }
}

pub(super) fn destinations(env: &mut Env<'_>, twilio: Option<&Account>) -> Destinations {
    let is_twilios = twilio.is_none_or(|account| account.api_url.is_twilios());
    Destinations {
        allowed_prefixes: env.list("CALL_ALLOWED_PREFIXES", |text| {
            let what = "must be prefixes such as +1,+44, separated by commas, without digits that are \
                dialled only inside a country";
            Prefix::parse(text).map_err(|_| what.to_owned())
        }),
        blocklist: env.list("CALL_BLOCKLIST", |text| {
            E164::parse(text).map_err(|wrong| {
                format!("must be numbers such as +12125550100, separated by commas: {wrong}")
            })
        }),
        quiet_hours: env.optional("CALL_QUIET_HOURS", |text| {
            QuietHours::parse(text).map_err(|_| "must be hours such as 21:00-08:00".to_owned())
        }),
        test_numbers: env.flag("TWILIO_TEST_CREDENTIALS", false) || !is_twilios,
    }
}

/// What bounds the bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// `CALL_PAUSED`: nothing is dialled.
    pub paused: bool,
    /// `CALL_RATE_PER_CLIENT`: dials in any hour by one client without the token.
    pub rate_per_client: u32,
    /// `CALL_COOLDOWN_SECONDS`: the least time between two dials to one number; zero switches it off.
    pub cooldown: Duration,
    /// `CALL_MAX_PER_DESTINATION_PER_DAY`: dials to one number in any 24 hours.
    pub per_destination_per_day: u32,
    /// `CALL_MAX_CONCURRENT`: calls at once.
    pub max_concurrent: u32,
    /// `CALL_MAX_PER_DAY`: dials in any 24 hours.
    pub max_per_day: u32,
}

pub(super) fn limits(env: &mut Env<'_>) -> CallLimits {
    let cooldown = env.number("CALL_COOLDOWN_SECONDS", 30, 0..=24 * 60 * 60);
    // A store keeps the entries of a window in one row, so they are at most a thousand.
    CallLimits {
        // A malformed one is a problem, and with a problem nothing is dialled either.
        paused: env.flag("CALL_PAUSED", false),
        rate_per_client: env.number("CALL_RATE_PER_CLIENT", 10, 1..=1000),
        cooldown: Duration::from_secs(cooldown.into()),
        per_destination_per_day: env.number("CALL_MAX_PER_DESTINATION_PER_DAY", 5, 1..=1000),
        max_concurrent: env.number("CALL_MAX_CONCURRENT", 10, 1..=5000),
        max_per_day: env.number("CALL_MAX_PER_DAY", 200, 1..=10_000_000),
    }
}

#[cfg(test)]
mod tests;
