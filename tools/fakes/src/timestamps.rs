//! The two ways in which Twilio writes a time.

use std::time::{SystemTime, UNIX_EPOCH};
use time::{OffsetDateTime, Time};

/// Now, in seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The day and the time of the day. What no calendar has is the beginning of 1970, not a panic.
fn civil(unix_seconds: f64) -> (OffsetDateTime, Time) {
    let at = OffsetDateTime::from_unix_timestamp_nanos((unix_seconds * 1000.0) as i128 * 1_000_000);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (at, at.time())
}

/// `Tue, 31 Aug 2010 20:36:28 +0000`: calls and callbacks.
pub(crate) fn rfc_2822(unix_seconds: f64) -> String {
    let (at, time) = civil(unix_seconds);
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    let date = format!("{:.3}, {:02} {:.3} {}", weekday, at.day(), month, at.year());
    format!("{date} {:02}:{:02}:{:02} +0000", time.hour(), time.minute(), time.second())
}

/// `2026-11-22T10:06:10.123Z`: the callback of a `<Stream>`.
pub(crate) fn iso_8601(unix_seconds: f64) -> String {
    let (at, time) = civil(unix_seconds);
    let (date, millisecond) = (at.date(), time.millisecond());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
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
