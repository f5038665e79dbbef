//! Clients that this process has refused: a flood must not buy store requests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::call::Timestamp;

/// Clients remembered at most.
const REMEMBERED: usize = 1024;

/// Until when each client is refused.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<HashMap<String, Timestamp>>);

impl Denials {
    /// Until when the client is refused, if that is still to come.
    pub(in crate::endpoint) fn until(&self, client: &str, now: Timestamp) -> Option<Timestamp> {
        let denials = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        denials.get(client).copied().filter(|until| *until > now)
    }

    /// Remembers a refusal. Beyond [`REMEMBERED`] clients the store is asked again.
    pub(in crate::endpoint) fn remember(&self, client: &str, until: Timestamp, now: Timestamp) {
        let mut denials = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if denials.len() >= REMEMBERED {
            denials.retain(|_, until| *until > now);
        }
        if denials.len() < REMEMBERED {
            denials.insert(client.to_owned(), until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_refused_until_its_time_and_no_longer_and_nobody_else_is() {
        let at = Timestamp::from_millis;
        let denials = Denials::default();
        denials.remember("a", at(100), at(0));
        assert_eq!(denials.until("a", at(99)), Some(at(100)));
        assert_eq!((denials.until("a", at(100)), denials.until("b", at(0))), (None, None));
    }

    #[test]
    fn a_crowd_of_clients_takes_bounded_memory_and_makes_room_when_its_time_is_over() {
        let at = Timestamp::from_millis;
        let denials = Denials::default();
        for number in 0..5000 {
            denials.remember(&number.to_string(), at(100), at(0));
        }
        assert_eq!(denials.0.lock().unwrap().len(), REMEMBERED);
        denials.remember("late", at(200), at(100));
        assert_eq!(denials.until("late", at(150)), Some(at(200)));
    }
}
