//! Time and randomness, passed in so that tests can choose them.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::call::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Makes ids that cannot be guessed.
pub trait Random: Send + Sync {
    /// 128 random bits.
    fn random_bytes(&self) -> [u8; 16];
}

/// The machine's clock and its random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Random for System {
    // getrandom(2) cannot fail once the kernel has booted. If it ever did, the id could be guessed and
    // would open a call's record, so the request must not go on.
    #[expect(
        clippy::expect_used,
        reason = "see above: it cannot fail, and going on would be worse"
    )]
    fn random_bytes(&self) -> [u8; 16] {
        let mut bits = [0; 16];
        SystemRandom::new().fill(&mut bits).expect("the kernel has no random numbers");
        bits
    }
}
