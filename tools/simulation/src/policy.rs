//! The settings that change during a schedule, and what they refuse: the judge's own reading.

use crate::dice::Dice;
use crate::functions::{ACCOUNT, APP_URL, AUTH_TOKEN, MAKE_CALL_TOKEN, OUR_NUMBER};
use crate::ledger::Dial;
use crate::plan::{Callers, Plan};
use crate::world::World;

/// What is set beyond the plan. None of it allows more than the plan does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    is_paused: bool,
    is_quiet: bool,
    /// The last digit of a number in `CALL_BLOCKLIST`.
    blocked: Option<u64>,
    /// Every limit is 1, the cool-down an hour.
    is_tight: bool,
    /// `CALL_TIME_LIMIT_SECONDS` is [`SHORT`].
    is_short: bool,
}

/// Less than most callers ask for, seconds.
const SHORT: u64 = 45;

/// The longest that the calls of anonymous callers may last, and those of others, seconds.
const ANONYMOUS_TIME_LIMIT: u64 = 300;
const TIME_LIMIT: u64 = 900;

/// New York, where all these numbers are, in November: minutes behind UTC.
const BEHIND_UTC: i64 = 5 * 60;
const MINUTE: i64 = 60_000;

/// Words that only a setting explains.
const OF_SETTINGS: [&str; 6] = [
    "unauthorized",
    "token_not_configured",
    "calling_paused",
    "invalid_parameter",
    "destination_blocked",
    "quiet_hours",
];

impl Policy {
    /// One or two changes.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let mut policy = Self::default();
        for _ in 0..dice.between(1, 2) {
            match dice.below(5) {
                0 => policy.is_paused = true,
                1 => policy.is_quiet = true,
                2 => policy.blocked = Some(dice.below(3)),
                3 => policy.is_tight = true,
                _ => policy.is_short = true,
            }
        }
        policy
    }

    /// An environment variable.
    pub(crate) fn variable(self, plan: &Plan, name: &str) -> Option<String> {
        let tight = |number: u32| if self.is_tight { 1 } else { number }.to_string();
        Some(match name {
            "TWILIO_ACCOUNT_SID" => ACCOUNT.to_owned(),
            "TWILIO_AUTH_TOKEN" => AUTH_TOKEN.to_owned(),
            "TWILIO_PHONE_NUMBER" => OUR_NUMBER.to_owned(),
            "ELEVENLABS_AGENT_ID" => "agent_simulated".to_owned(),
            "ELEVENLABS_API_KEY" => "key-of-the-simulation".to_owned(),
            "NEXT_PUBLIC_APP_URL" => APP_URL.to_owned(),
            // Never opened: the model stands in its place.
            "STORE_URL" => "redis://store.example".to_owned(),
            "MAKE_CALL_TOKEN" if plan.callers != Callers::Anonymous => MAKE_CALL_TOKEN.to_owned(),
            "ALLOW_ANONYMOUS_DIALLING" => (plan.callers != Callers::WithToken).to_string(),
            "ANONYMOUS_VARIABLES" if plan.has_anonymous_variables => "name".to_owned(),
            "ANONYMOUS_TIME_LIMIT_SECONDS" => ANONYMOUS_TIME_LIMIT.to_string(),
            "ANONYMOUS_MAX_PER_DAY" => tight(plan.anonymous_per_day),
            "ANONYMOUS_MAX_CONCURRENT" => tight(plan.anonymous_concurrent),
            "CALL_RATE_PER_CLIENT" => tight(plan.rate),
            "CALL_COOLDOWN_SECONDS" if self.is_tight => "3600".to_owned(),
            "CALL_COOLDOWN_SECONDS" => plan.cooldown.to_string(),
            "CALL_MAX_PER_DESTINATION_PER_DAY" => tight(plan.per_destination),
            "CALL_MAX_CONCURRENT" => tight(plan.concurrent),
            "CALL_MAX_PER_DAY" => tight(plan.per_day),
            "CALL_RETENTION_DAYS" => plan.retention_days.to_string(),
            "CALL_TIME_LIMIT_SECONDS" if self.is_short => SHORT.to_string(),
            "CALL_PAUSED" => self.is_paused.to_string(),
            "CALL_QUIET_HOURS" if self.is_quiet => "00:00-23:59".to_owned(),
            "CALL_BLOCKLIST" => format!("+1212555020{}", self.blocked?),
            _ => return None,
        })
    }

    /// Why this caller may not dial at all.
    pub(crate) fn shuts_out(plan: &Plan, dial: &Dial) -> Option<&'static str> {
        (plan.callers == Callers::WithToken && !dial.has_token).then_some("unauthorized")
    }

    /// Why a new dial is refused before any limit is asked, if it certainly is.
    pub(crate) fn refuses(self, world: &World, dial: &Dial) -> Option<&'static str> {
        let plan = &world.plan;
        let longest = if self.is_short { SHORT } else { TIME_LIMIT };
        let longest = if dial.has_token { longest } else { longest.min(ANONYMOUS_TIME_LIMIT) };
        let may_set = dial.has_token || plan.has_anonymous_variables;
        if let Some(word) = Self::shuts_out(plan, dial) {
            Some(word)
        } else if self.is_paused {
            Some("calling_paused")
        } else if dial.has_variables && !may_set {
            let is_set = plan.callers != Callers::Anonymous;
            Some(if is_set { "unauthorized" } else { "token_not_configured" })
        } else if dial.limit > longest {
            Some("invalid_parameter")
        } else if self.blocked.is_some_and(|digit| dial.to.ends_with(&format!("020{digit}"))) {
            Some("destination_blocked")
        } else if self.is_quiet && self.is_quiet_now(world) {
            Some("quiet_hours")
        } else {
            None
        }
    }

    /// Whether this word of a refusal has no setting that explains it.
    pub(crate) fn explains(self, world: &World, dial: &Dial, word: &str) -> bool {
        let is_quiet = self.is_quiet && word == "quiet_hours";
        !OF_SETTINGS.contains(&word) || is_quiet || self.refuses(world, dial) == Some(word)
    }

    /// Whether by every clock it is not the one minute of the day in which phones may ring.
    fn is_quiet_now(self, world: &World) -> bool {
        let local = world.now().as_millis() - BEHIND_UTC * MINUTE;
        let of_day = local.rem_euclid(24 * 60 * MINUTE);
        // A request may be judged a while after it came.
        let unsure = world.spread() + MINUTE;
        (unsure..23 * 60 * MINUTE + 59 * MINUTE - unsure).contains(&of_day)
    }
}
