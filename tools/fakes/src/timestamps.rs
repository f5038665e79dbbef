//! The two ways in which Twilio writes a time.

use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Now, in seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// `Tue, 31 Aug 2010 20:36:28 +0000`: calls and callbacks.
pub(crate) fn rfc_2822(unix_seconds: f64) -> String {
    let at = Civil::new(unix_seconds);
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
        DAYS[(at.days % 7) as usize],
        at.day,
        MONTHS[(at.month - 1) as usize],
        at.year,
        at.hour,
        at.minute,
        at.second
    )
}

/// `2026-11-22T10:06:10.123Z`: the callback of a `<Stream>`.
pub(crate) fn iso_8601(unix_seconds: f64) -> String {
    let at = Civil::new(unix_seconds);
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year, at.month, at.day, at.hour, at.minute, at.second, at.millisecond
    )
}

struct Civil {
    days: u64,
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u64,
}

impl Civil {
    fn new(unix_seconds: f64) -> Self {
        // A cast from a float saturates: bad input gives a strange date, not a panic.
        let milliseconds = (unix_seconds * 1000.0) as u64;
        let seconds = milliseconds / 1000;
        let days = seconds / 86_400;
        // Howard Hinnant's civil_from_days: years begin in March, so that leap days come last.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            days,
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            millisecond: milliseconds % 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_in_the_contract() {
        assert_eq!(rfc_2822(1_283_286_988.0), "Tue, 31 Aug 2010 20:36:28 +0000");
        assert_eq!(rfc_2822(951_782_400.0), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(iso_8601(1_795_341_970.123), "2026-11-22T10:06:10.123Z");
    }
}
