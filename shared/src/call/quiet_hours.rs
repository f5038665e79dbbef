//! Hours of the night in which nobody's phone rings, by the clock where the number belongs.

mod rule;
mod zones;

use super::prefix_table::PrefixTable;
use super::{E164, Timestamp};
use rule::Rule;

const ZONES: PrefixTable<u8> =
    PrefixTable { prefixes: &zones::ZONE_PREFIXES, values: &zones::ZONE_INDEX };
const DAY: i64 = 86_400;

/// Every day from one time of day to another, which may lie on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Seconds since local midnight, at most a day; `from` is quiet, `to` is not.
    from: i64,
    to: i64,
}

/// Why a string names no quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidQuietHours;

/// How long a phone stays quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// The first instant at which it may ring in every zone that it may be in.
    Until(Timestamp),
    /// It may be in so many zones that at any time it is quiet in one of them.
    Always,
}

impl QuietHours {
    /// `21:00-08:00`: two times of 00:00 to 23:59, not the same.
    pub fn parse(text: &str) -> Result<Self, InvalidQuietHours> {
        let (from, to) = text.trim().split_once('-').ok_or(InvalidQuietHours)?;
        let (from, to) = (time_of_day(from)?, time_of_day(to)?);
        if from == to { Err(InvalidQuietHours) } else { Ok(Self { from, to }) }
    }

    /// Whether `to` must not ring at `now`, and until when.
    ///
    /// A number that may be in one of several zones (a mobile phone of a wide country) is quiet while
    /// it is so in any of them. One that tells no zone never is: codes of no country, toll-free
    /// numbers and their like in countries with more than one zone.
    #[must_use]
    pub fn quiet(&self, to: &E164, now: Timestamp) -> Option<Quiet> {
        let now = now.as_millis().div_euclid(1000);
        let mut free = now;
        while let Some(zone) = rules(to).find(|zone| self.is_quiet(zone, free)) {
            free = self.end(zone, free);
            // What repeats every day has no end after two.
            if free > now + 2 * DAY {
                return Some(Quiet::Always);
            }
        }
        (free > now).then(|| Quiet::Until(Timestamp::from_millis(free * 1000)))
    }

    fn is_quiet(&self, zone: &Rule, at: i64) -> bool {
        let time = zone.time_of_day(at);
        if self.from < self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        }
    }

    /// When the quiet hours end that `at` is in; the clock may be changed meanwhile.
    fn end(&self, zone: &Rule, at: i64) -> i64 {
        let mut at = at;
        loop {
            let end = at + (self.to - zone.time_of_day(at)).rem_euclid(DAY);
            match zone.next_change(at).filter(|change| *change < end) {
                Some(change) if self.is_quiet(zone, change) => at = change,
                Some(change) => return change,
                None => return end,
            }
        }
    }
}

/// The zones that a number may be in, those with one rule being one.
fn rules(number: &E164) -> impl Iterator<Item = &'static Rule> {
    let zones = ZONES.longest(number.digits());
    let members = zones.and_then(|index| zones::ZONES.get(usize::from(index)));
    members
        .into_iter()
        .flat_map(|members| members.iter())
        .filter_map(|rule| zones::RULES.get(usize::from(*rule)))
}

fn time_of_day(text: &str) -> Result<i64, InvalidQuietHours> {
    let two_digits = |text: &str, below: i64| {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<i64>().ok().filter(|number| is_plain && *number < below);
        number.ok_or(InvalidQuietHours)
    };
    let (hours, minutes) = text.trim().split_once(':').ok_or(InvalidQuietHours)?;
    Ok(two_digits(hours, 24)? * 3600 + two_digits(minutes, 60)? * 60)
}

#[cfg(test)]
mod tests;
