//! Points in time: milliseconds since the Unix epoch, UTC.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59.999Z, the last instant RFC 3339 can write.
const LAST: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since the epoch, kept within the years 1970 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LAST))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Twilio's form in status and recording callbacks: `Sun, 22 Nov 2026 10:06:01 +0000`.
    #[must_use]
    pub fn parse_rfc2822(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc2822).ok().map(Self::from_time)
    }

    /// Twilio's form in stream callbacks: `2026-11-22T10:06:10.123Z`.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::from_time)
    }

    /// `2026-11-22T10:06:10.123Z`, always with three digits, so that the texts sort as the times do.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let Ok(time) = OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000)) else {
            // Every value between 1970 and 9999 is one; an empty text is better than a panic.
            return String::new();
        };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            self.0.rem_euclid(1000)
        )
    }

    /// This instant and a span after it.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(LAST)))
    }

    fn from_time(time: OffsetDateTime) -> Self {
        Self::from_millis(i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_twilios_forms_name_the_same_instant() {
        let from_status = Timestamp::parse_rfc2822("Sun, 22 Nov 2026 10:06:01 +0000").unwrap();
        let from_stream = Timestamp::parse_rfc3339("2026-11-22T10:06:01Z").unwrap();
        assert_eq!(from_status, from_stream);
        assert_eq!(from_status.rfc3339(), "2026-11-22T10:06:01.000Z");
    }

    #[test]
    fn milliseconds_survive_the_round_trip() {
        let at = Timestamp::from_millis(1_795_341_600_123);
        assert_eq!(Timestamp::parse_rfc3339(&at.rfc3339()), Some(at));
    }

    #[test]
    fn nonsense_is_no_time_and_no_extreme_panics() {
        assert_eq!(Timestamp::parse_rfc2822("yesterday"), None);
        for millis in [i64::MIN, -1, 0, LAST, i64::MAX] {
            assert!(!Timestamp::from_millis(millis).rfc3339().is_empty());
        }
        assert_eq!(Timestamp::from_millis(LAST).plus(Duration::MAX).as_millis(), LAST);
    }
}
