//! Who may dial and read, and what callers without the token may use of the whole.

use std::time::Duration;

use crate::call::check_name;

use super::env::Env;
use super::{Origin, Platform, Secret};

/// Who may dial and read.
#[derive(Debug)]
pub struct Access {
    /// `MAKE_CALL_TOKEN` and `MAKE_CALL_TOKEN_SECONDARY`.
    pub token: Token,
    /// `ALLOWED_ORIGINS`, beyond the app URL's own.
    pub allowed_origins: Vec<Origin>,
    /// `TRANSCRIPTS_FOR_PAGES`: a caller that may dial may read a transcript, without the token.
    pub transcripts_for_pages: bool,
    /// `ALLOW_ANONYMOUS_DIALLING`: pages of our origins may dial, end and follow calls without the
    /// token.
    pub allow_anonymous: bool,
    /// What such callers may use.
    pub anonymous: Anonymous,
}

/// Whether a token guards dialling and reading.
#[derive(Debug)]
pub enum Token {
    /// Set to something that is no token. No request gets in: an open door would be the worse mistake.
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

    /// How long one of their calls may hold its place, should no callback free it: it rings, it talks,
    /// and a minute more.
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
            variables: env.list("ANONYMOUS_VARIABLES", anonymous_variable),
        },
    }
}

fn tokens(env: &mut Env<'_>) -> Token {
    const NAME: &str = "MAKE_CALL_TOKEN";
    const SECONDARY: &str = "MAKE_CALL_TOKEN_SECONDARY";
    let first = env.optional(NAME, token);
    let second = env.optional(SECONDARY, token);
    if env.is_blank(NAME) {
        env.problem(NAME, "is blank: set a token or remove the variable");
    }
    if first.is_none() && env.get(SECONDARY).is_some() {
        env.problem(NAME, format!("is missing beside {SECONDARY}"));
    }
    if env.has_problem(&[NAME, SECONDARY]) {
        return Token::Malformed;
    }
    match first {
        Some(first) => Token::Set([first].into_iter().chain(second).collect()),
        None => Token::Unset,
    }
}

/// Long enough not to be guessed.
fn token(text: &str) -> Result<Secret, String> {
    if text.len() < 16 {
        return Err("must have at least 16 characters".to_owned());
    }
    Secret::parse(text)
}

/// `secret__...` variables reach tools and their credentials: no stranger sets one.
fn anonymous_variable(text: &str) -> Result<String, String> {
    check_name(text).map_err(|error| error.to_string())?;
    if text.starts_with("secret__") {
        return Err("must not name a secret__ variable".to_owned());
    }
    Ok(text.to_owned())
}
