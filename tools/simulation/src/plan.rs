//! What kind of world a schedule has: drawn once, so that some worlds are calm and some are hell.

use crate::dice::Dice;

/// Who may dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    /// No token is set.
    Anonymous,
    /// Some show the token, others do not.
    Mixed,
    /// `ALLOW_ANONYMOUS_DIALLING` is false.
    WithToken,
}

/// The settings and the faults of one schedule. Chances are in a thousand.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Instances of the functions.
    pub(crate) instances: usize,
    /// Who may dial.
    pub(crate) callers: Callers,
    /// `ANONYMOUS_MAX_PER_DAY`.
    pub(crate) anonymous_per_day: u32,
    /// `ANONYMOUS_MAX_CONCURRENT`.
    pub(crate) anonymous_concurrent: u32,
    /// Whether `ANONYMOUS_VARIABLES` names the variable that callers set.
    pub(crate) has_anonymous_variables: bool,
    /// Whether the settings change now and then.
    pub(crate) has_changes: bool,
    /// `CALL_RATE_PER_CLIENT`.
    pub(crate) rate: u32,
    /// `CALL_COOLDOWN_SECONDS`.
    pub(crate) cooldown: u32,
    /// `CALL_MAX_PER_DESTINATION_PER_DAY`.
    pub(crate) per_destination: u32,
    /// `CALL_MAX_CONCURRENT`.
    pub(crate) concurrent: u32,
    /// `CALL_MAX_PER_DAY`.
    pub(crate) per_day: u32,
    /// `CALL_RETENTION_DAYS`.
    pub(crate) retention_days: u32,
    /// The first moment of the schedule, milliseconds since the epoch.
    pub(crate) begins_at: i64,
    /// How wrong the functions' clocks may be, milliseconds either way; 0: they agree.
    pub(crate) skew: i64,
    /// How often an operation of the store goes wrong.
    pub(crate) store_faults: u64,
    /// How often it is only slow.
    pub(crate) store_slowness: u64,
    /// Whether reads may be old.
    pub(crate) is_stale: bool,
    /// Whether the store goes down for a while.
    pub(crate) has_outages: bool,
    /// Whether processes die.
    pub(crate) has_crashes: bool,
    /// How often Twilio's answer to a dial is anything but 201.
    pub(crate) dial_faults: u64,
    /// How often a callback is lost, doubled or late.
    pub(crate) callback_faults: u64,
    /// How often ElevenLabs fails or is slow.
    pub(crate) agent_faults: u64,
    /// How often hours pass between two events.
    pub(crate) long_waits: u64,
    /// How many events there are.
    pub(crate) events: u64,
}

/// 22 November 2026.
const SOME_DAY: i64 = 1_795_305_600_000;

impl Plan {
    /// Each kind of trouble is there or not, so that no kind hides another.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let some =
            |dice: &mut Dice, rates: &[u64]| if dice.chance(500) { dice.pick(rates) } else { 0 };
        let concurrent = dice.pick(&[1_u32, 2, 3, 8]);
        let anonymous_concurrent = dice.pick(&[1_u32, 2, 8]);
        Self {
            instances: dice.pick(&[2, 2, 3]),
            callers: dice.pick(&[
                Callers::Anonymous,
                Callers::Anonymous,
                Callers::Mixed,
                Callers::WithToken,
            ]),
            anonymous_per_day: (anonymous_concurrent + 1).max(dice.pick(&[2, 3, 5, 1000])),
            anonymous_concurrent,
            has_anonymous_variables: dice.chance(700),
            has_changes: dice.chance(500),
            rate: dice.pick(&[2, 3, 5, 20]),
            cooldown: dice.pick(&[0, 30, 60, 600]),
            per_destination: dice.pick(&[2, 3, 5, 20]),
            concurrent,
            per_day: (concurrent + 1).max(dice.pick(&[2, 3, 4, 1000])),
            retention_days: dice.pick(&[1, 30]),
            begins_at: SOME_DAY + i64::try_from(dice.below(86_400_000)).unwrap_or(0),
            skew: if dice.chance(500) { dice.pick(&[1_000, 5_000, 20_000, 120_000]) } else { 0 },
            store_faults: some(dice, &[10, 50, 200]),
            store_slowness: some(dice, &[10, 50, 200]),
            is_stale: dice.chance(300),
            has_outages: dice.chance(200),
            has_crashes: dice.chance(400),
            dial_faults: some(dice, &[100, 300, 700]),
            callback_faults: some(dice, &[100, 300, 600]),
            agent_faults: some(dice, &[100, 400]),
            long_waits: some(dice, &[50, 200]),
            events: dice.between(4, 14),
        }
    }
}
