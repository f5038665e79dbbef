//! Connection overrides: `https://host/path#rc=2&rp=ct,rt,5xx`.

use super::webhook::Failure;
use std::time::Duration;

/// How patient Twilio is with one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overrides {
    pub(crate) connect: Duration,
    pub(crate) read: Duration,
    /// Over all tries.
    pub(crate) total: Duration,
    pub(crate) retries: u32,
    policy: Vec<String>,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(15),
            total: Duration::from_secs(15),
            retries: 1,
            policy: vec!["ct".into()],
        }
    }
}

impl Overrides {
    /// Reads the fragment of an address. What is out of range keeps its default (Twilio: 11243).
    pub(crate) fn of(url: &str) -> Self {
        let mut overrides = Self::default();
        let Some((_, fragment)) = url.split_once('#') else {
            return overrides;
        };
        for (key, value) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
            let milliseconds = |longest: u64| {
                value
                    .parse()
                    .ok()
                    .filter(|value| (100..=longest).contains(value))
                    .map(Duration::from_millis)
            };
            match key {
                "ct" => overrides.connect = milliseconds(10_000).unwrap_or(overrides.connect),
                "rt" => overrides.read = milliseconds(15_000).unwrap_or(overrides.read),
                "tt" => overrides.total = milliseconds(15_000).unwrap_or(overrides.total),
                "rc" => {
                    let retries = value.parse().ok().filter(|retries| *retries <= 5);
                    overrides.retries = retries.unwrap_or(overrides.retries);
                }
                "rp" => overrides.policy = value.split(',').map(str::to_owned).collect(),
                _ => {}
            }
        }
        overrides
    }

    /// Whether a failure is one to try again after.
    pub(crate) fn retry(&self, failure: &Failure) -> bool {
        let class = match failure {
            Failure::Connect => "ct",
            Failure::Read => "rt",
            Failure::Status(400..=499) => "4xx",
            Failure::Status(_) => "5xx",
        };
        self.policy.iter().any(|policy| policy == "all" || policy == class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_overrides_only_a_failed_connection_is_tried_again() {
        let overrides = Overrides::of("http://h/p");
        assert_eq!(overrides.retries, 1);
        assert!(overrides.retry(&Failure::Connect));
        assert!(!overrides.retry(&Failure::Read));
        assert!(!overrides.retry(&Failure::Status(503)));
    }

    #[test]
    fn overrides_out_of_range_keep_the_default() {
        let overrides = Overrides::of("http://h/p#rc=6&ct=5&rt=99999&rp=5xx");
        assert_eq!(overrides.retries, 1);
        assert_eq!(overrides.connect, Duration::from_secs(5));
        assert_eq!(overrides.read, Duration::from_secs(15));
        assert!(overrides.retry(&Failure::Status(503)));
        assert!(!overrides.retry(&Failure::Connect));
    }
}
