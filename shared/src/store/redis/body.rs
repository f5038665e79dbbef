//! An observation as the value of a field: `<first 8 hex digits of the delivery>|<JSON>`.

use crate::call::Observation;
use crate::store::{Nonce, StoreError, record};

/// The part of a delivery's nonce that is kept: enough to tell the few deliveries of one fact.
pub(super) fn mark(delivery: &Nonce) -> &str {
    delivery.as_str().get(..8).unwrap_or(delivery.as_str())
}

pub(super) fn encode(seen: &Observation, mark: &str) -> Result<String, StoreError> {
    let json = serde_json::to_string(seen)
        .map_err(|_| StoreError::new("redis: an observation cannot be written"))?;
    Ok(format!("{mark}|{json}"))
}

/// The delivery that wrote it.
pub(super) fn mark_of(body: &str) -> &str {
    body.split_once('|').map_or("", |(mark, _)| mark)
}

/// The observation, unless a newer version wrote what this one does not know.
pub(super) fn decode(key: &str, body: &str) -> Option<Observation> {
    record::decode(key, body.split_once('|').map_or("", |(_, json)| json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{AnsweredBy, Fact, Timestamp};

    #[test]
    fn a_body_gives_its_observation_and_its_delivery_back() {
        let answered_by = AnsweredBy::new("a|b");
        let fact = Fact::MachineDetected { answered_by };
        let seen = Observation { at: Timestamp::from_millis(5), fact };
        let delivery = Nonce::new([0xab; 16]);
        let body = encode(&seen, mark(&delivery)).unwrap();
        assert_eq!((mark_of(&body), decode("a#x", &body)), ("abababab", Some(seen)));
        assert_eq!((decode("a#x", "abababab|{"), decode("a#x", "")), (None, None));
    }

    #[test]
    fn a_short_nonce_is_its_own_mark() {
        assert_eq!(mark(&Nonce::from_text("1234")), "1234");
    }
}
