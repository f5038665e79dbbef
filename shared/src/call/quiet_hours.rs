//! Hours of the night in which no phone rings, by the clock where the number belongs.

use time::{Date, Month, OffsetDateTime};

use super::prefix_table::PrefixTable;
use super::{E164, Timestamp};

include!("../../generated/time_zones.rs");

const TABLE: PrefixTable<u8> = PrefixTable { prefixes: &ZONE_PREFIXES, values: &ZONE_INDEX };
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
    let members = TABLE.longest(number.digits()).and_then(|index| ZONES.get(usize::from(index)));
    members.into_iter().copied().flatten().filter_map(|rule| RULES.get(usize::from(*rule)))
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

/// When a zone's clock is changed, in minutes east of Greenwich: the POSIX TZ rule that ends every
/// file of the tz database.
struct Rule {
    standard: i16,
    summer: Option<Summer>,
}

/// The other half of the year. "Summer" may be the winter (Ireland) and may span New Year.
struct Summer {
    offset: i16,
    start: Change,
    end: Change,
}

/// `Mm.w.d/time`: in month 1 to 12 the week'th (5: the last) weekday (0: Sunday), at so many minutes
/// after midnight, which may be negative or more than a day, by the clock as it is before.
struct Change {
    month: u8,
    week: u8,
    weekday: u8,
    minute: i16,
}

impl Rule {
    /// A clock that is never changed.
    const fn fixed(standard: i16) -> Self {
        Self { standard, summer: None }
    }

    /// Changes are `[month, week, weekday, minute]`.
    const fn summer(standard: i16, offset: i16, start: [i16; 4], end: [i16; 4]) -> Self {
        let (start, end) = (Change::new(start), Change::new(end));
        Self { standard, summer: Some(Summer { offset, start, end }) }
    }

    /// Seconds since local midnight at `at`, seconds since the Unix epoch.
    fn time_of_day(&self, at: i64) -> i64 {
        let past = self.changes(at).filter(|(when, _)| *when <= at);
        let offset = past.max_by_key(|(when, _)| *when).map_or(self.standard, |(_, offset)| offset);
        (at + i64::from(offset) * 60).rem_euclid(DAY)
    }

    /// The first change of the clock after `at`, in seconds since the Unix epoch.
    fn next_change(&self, at: i64) -> Option<i64> {
        self.changes(at).map(|(when, _)| when).filter(|when| *when > at).min()
    }

    /// Every change of the year of `at` and of those beside it, with the offset from then on.
    fn changes(&self, at: i64) -> impl Iterator<Item = (i64, i16)> {
        let year = OffsetDateTime::from_unix_timestamp(at).map_or(1970, OffsetDateTime::year);
        self.summer.iter().flat_map(move |summer| {
            (year - 1..=year + 1).flat_map(|year| {
                let start = summer.start.at(year, self.standard).map(|at| (at, summer.offset));
                let end = summer.end.at(year, summer.offset).map(|at| (at, self.standard));
                start.into_iter().chain(end)
            })
        })
    }
}

impl Change {
    /// From the generated tables, whose numbers are small: a month, a week, a weekday.
    const fn new([month, week, weekday, minute]: [i16; 4]) -> Self {
        Self { month: month as u8, week: week as u8, weekday: weekday as u8, minute }
    }

    /// When it happens in a year, in seconds since the Unix epoch, by a clock `offset` minutes east.
    /// None for a year that no calendar of ours reaches.
    fn at(&self, year: i32, offset: i16) -> Option<i64> {
        let month = Month::try_from(self.month).ok()?;
        let first = Date::from_calendar_date(year, month, 1).ok()?;
        let ahead = (7 + self.weekday - first.weekday().number_days_from_sunday()) % 7;
        let day = 1 + ahead + 7 * (self.week - 1);
        let day = if day > month.length(year) { day - 7 } else { day };
        let midnight = first.replace_day(day).ok()?.midnight().assume_utc().unix_timestamp();
        Some(midnight + (i64::from(self.minute) - i64::from(offset)) * 60)
    }
}

#[cfg(test)]
mod tests;
