//! When a zone's clock is changed: the POSIX TZ rule that ends every file of the tz database.

/// One zone's rule, in minutes east of Greenwich.
pub(super) struct Rule {
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

const DAY: i64 = 86_400;

impl Rule {
    /// A clock that is never changed.
    pub(super) const fn fixed(standard: i16) -> Self {
        Self { standard, summer: None }
    }

    /// Changes are `[month, week, weekday, minute]`.
    pub(super) const fn summer(standard: i16, offset: i16, start: [i16; 4], end: [i16; 4]) -> Self {
        let (start, end) = (Change::new(start), Change::new(end));
        Self { standard, summer: Some(Summer { offset, start, end }) }
    }

    /// Seconds since local midnight at `at`, seconds since the Unix epoch.
    pub(super) fn time_of_day(&self, at: i64) -> i64 {
        (at + i64::from(self.offset(at)) * 60).rem_euclid(DAY)
    }

    /// The first change of the clock after `at`, in seconds since the Unix epoch.
    pub(super) fn next_change(&self, at: i64) -> Option<i64> {
        self.changes(at).map(|(when, _)| when).filter(|when| *when > at).min()
    }

    fn offset(&self, at: i64) -> i16 {
        let past = self.changes(at).filter(|(when, _)| *when <= at);
        past.max_by_key(|(when, _)| *when).map_or(self.standard, |(_, offset)| offset)
    }

    /// Every change of the year of `at` and of those beside it, with the offset from then on.
    fn changes(&self, at: i64) -> impl Iterator<Item = (i64, i16)> {
        let year = year(at.div_euclid(DAY));
        self.summer.iter().flat_map(move |summer| {
            (year - 1..=year + 1).flat_map(|year| {
                [
                    (summer.start.at(year, self.standard), summer.offset),
                    (summer.end.at(year, summer.offset), self.standard),
                ]
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
    fn at(&self, year: i64, offset: i16) -> i64 {
        let month = i64::from(self.month);
        let first = days(year, month);
        let next = if month == 12 { days(year + 1, 1) } else { days(year, month + 1) };
        // 1970-01-01 was a Thursday, day 4 of its week.
        let to_weekday = (i64::from(self.weekday) - (first + 4)).rem_euclid(7);
        let mut day = first + to_weekday + 7 * (i64::from(self.week) - 1);
        if day >= next {
            day -= 7;
        }
        day * DAY + (i64::from(self.minute) - i64::from(offset)) * 60
    }
}

/// Days from 1970-01-01 to the first of a month, in the Gregorian calendar (H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms": years begin in March there).
fn days(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year of a day, counted from 1970-01-01.
fn year(day: i64) -> i64 {
    // 146,097 days are 400 years; the estimate is at most one off.
    let guess = 1970 + (day * 400).div_euclid(146_097);
    if days(guess + 1, 1) <= day {
        guess + 1
    } else if days(guess, 1) > day {
        guess - 1
    } else {
        guess
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, Month};

    use super::*;

    proptest! {
        #[test]
        fn days_and_years_are_those_of_the_calendar(year_ in 1970_i32..9999, month in 1_u8..=12) {
            let date = Date::from_calendar_date(year_, Month::try_from(month).unwrap(), 1).unwrap();
            let day = i64::from(date.to_julian_day() - 2_440_588);
            prop_assert_eq!(days(i64::from(year_), i64::from(month)), day);
            prop_assert_eq!(year(day), i64::from(year_));
            prop_assert_eq!(year(days(i64::from(year_), 1) - 1), i64::from(year_) - 1);
        }
    }

    #[test]
    fn a_change_on_the_last_weekday_of_a_month_is_not_in_the_next() {
        // 2027-10-31 is a Sunday, the fifth; 2026-10-25 the last of four. At 01:00 UTC.
        let end = Change::new([10, 5, 0, 180]);
        assert_eq!(end.at(2027, 120), 1_824_944_400);
        assert_eq!(end.at(2026, 120), 1_792_890_000);
    }
}
