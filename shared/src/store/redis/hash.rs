//! A hash as Redis gave it.

use std::collections::BTreeMap;

use super::names::BORN;
use super::reply::{Reply, unexpected};
use crate::call::Timestamp;
use crate::store::StoreError;

/// Fields and their values, by the fields' order.
#[derive(Clone, Debug, Default)]
pub(super) struct Hash(pub(super) BTreeMap<String, String>);

impl Hash {
    /// The reply of HGETALL; a key that does not exist gives an empty hash.
    pub(super) fn from_reply(reply: Reply) -> Result<Self, StoreError> {
        let mut words = reply.list()?.into_iter();
        let mut fields = BTreeMap::new();
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(unexpected)?;
            let (name, value) = (name.text()?, value.text()?);
            fields.insert(name.ok_or_else(unexpected)?, value.ok_or_else(unexpected)?);
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    pub(super) fn born(&self) -> Option<Born> {
        self.get(BORN).and_then(Born::parse)
    }

    /// Expiry is compared here, by the caller's clock; Redis' own comes much later.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.born().is_some_and(|born| born.is_over(now))
    }
}

/// When something was first written and until when it counts, milliseconds. One field, because
/// Upstash bills by the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Born {
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
}

impl Born {
    pub(super) fn is_over(self, now: Timestamp) -> bool {
        self.expires_at <= now.as_millis()
    }

    pub(super) fn write(self) -> String {
        format!("{} {}", self.created_at, self.expires_at)
    }

    fn parse(text: &str) -> Option<Self> {
        let (created_at, expires_at) = text.split_once(' ')?;
        Some(Self { created_at: created_at.parse().ok()?, expires_at: expires_at.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_over_at_its_expiry_and_not_before() {
        let born = Born { created_at: 5, expires_at: 10 };
        let hash = Hash([(BORN.to_owned(), born.write())].into());
        assert_eq!(hash.born(), Some(born));
        assert!(!hash.is_over(Timestamp::from_millis(9)));
        assert!(hash.is_over(Timestamp::from_millis(10)));
        assert!(!Hash::default().is_over(Timestamp::from_millis(10)));
    }

    #[test]
    fn a_reply_that_is_no_hash_is_an_error() {
        let text = |text: &str| Reply::Text(text.to_owned());
        assert!(Hash::from_reply(Reply::List(vec![])).unwrap().0.is_empty());
        for bad in [text("x"), Reply::Nil, Reply::List(vec![text("odd")])] {
            assert!(Hash::from_reply(bad).is_err());
        }
    }
}
