//! What bounds the bill: how often, how many at once, how many a day.

use std::time::Duration;

use super::env::Env;

/// Limits on dialling (`interface.md` section 2).
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

/// A store keeps the entries of a window in one row.
const WINDOW_LIMIT: u32 = 1000;

const DAY_SECONDS: u32 = 24 * 60 * 60;

pub(super) fn limits(env: &mut Env<'_>) -> CallLimits {
    let cooldown = env.number("CALL_COOLDOWN_SECONDS", 30, 0..=DAY_SECONDS);
    CallLimits {
        // A malformed one is a problem, and with a problem nothing is dialled either.
        paused: env.flag("CALL_PAUSED", false),
        rate_per_client: env.number("CALL_RATE_PER_CLIENT", 10, 1..=WINDOW_LIMIT),
        cooldown: Duration::from_secs(cooldown.into()),
        per_destination_per_day: env.number(
            "CALL_MAX_PER_DESTINATION_PER_DAY",
            5,
            1..=WINDOW_LIMIT,
        ),
        max_concurrent: env.number("CALL_MAX_CONCURRENT", 10, 1..=5000),
        max_per_day: env.number("CALL_MAX_PER_DAY", 200, 1..=10_000_000),
    }
}
