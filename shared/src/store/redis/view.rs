//! A call as its two hashes show it.
//!
//! What Twilio reports is kept under the `CallSid`, whether or not the webhook's URL carried our
//! `callId`; what we did ourselves is kept under the `callId`. So two deliveries of one event always
//! meet in one hash, and joining the halves of a call is a union on reading, never a move. Each half
//! names the other, once and for ever; they are one call only if both names agree, so a second
//! `CallSid` under one `callId` is a call of its own without anything to undo.

use std::collections::BTreeMap;

use super::body;
use super::hash::Hash;
use super::names::{self, CALL_ID, CALL_SID, is_observation};
use crate::call::{CallId, CallSid, Timestamp};
use crate::store::Record;

/// The halves of one call that are known. An empty hash is a half that nobody has written.
#[derive(Debug, Default)]
pub(super) struct View {
    /// What we did, by our id.
    pub(super) dialled: Option<(CallId, Hash)>,
    /// What Twilio reports, by its SID.
    pub(super) named: Option<(CallSid, Hash)>,
}

/// What two hashes that name each other turned out to be.
pub(super) enum Joined {
    /// The halves of one call.
    One(View),
    /// Two calls: one of the names was given to somebody else first.
    Two {
        /// The one that has our id.
        dialled: View,
        /// The one that has Twilio's SID.
        named: View,
    },
}

impl Joined {
    /// The call that has our id.
    pub(super) fn by_id(self) -> View {
        match self {
            Self::One(view) | Self::Two { dialled: view, .. } => view,
        }
    }

    /// The call that has Twilio's SID.
    pub(super) fn by_sid(self) -> View {
        match self {
            Self::One(view) | Self::Two { named: view, .. } => view,
        }
    }
}

impl View {
    pub(super) fn of_dialled(call_id: CallId, hash: Hash) -> Self {
        Self { dialled: Some((call_id, hash)), named: None }
    }

    pub(super) fn of_named(call_sid: CallSid, hash: Hash) -> Self {
        Self { dialled: None, named: Some((call_sid, hash)) }
    }

    /// Both as one call if they say so themselves; else the two calls that they are.
    pub(super) fn join(dialled: (CallId, Hash), named: (CallSid, Hash)) -> Joined {
        let agrees = |name: Option<&str>, other: &str| name.is_none_or(|name| name == other);
        let is_one = agrees(dialled.1.get(CALL_SID), named.0.as_str())
            && agrees(named.1.get(CALL_ID), dialled.0.as_str());
        if is_one {
            Joined::One(Self { dialled: Some(dialled), named: Some(named) })
        } else {
            Joined::Two {
                dialled: Self::of_dialled(dialled.0, dialled.1),
                named: Self::of_named(named.0, named.1),
            }
        }
    }

    /// The half whose own words come first: an answer or a fact that was written there was written
    /// before the halves knew each other.
    fn halves(&self) -> impl Iterator<Item = &Hash> {
        let dialled = self.dialled.iter().map(|(_, hash)| hash);
        dialled.chain(self.named.iter().map(|(_, hash)| hash))
    }

    pub(super) fn field(&self, field: &str) -> Option<&str> {
        self.halves().find_map(|hash| hash.get(field))
    }

    /// Whether somebody wrote it, and it has not expired: the older half decides.
    pub(super) fn is_there(&self, now: Timestamp) -> bool {
        self.halves().any(|hash| hash.born().is_some()) && !self.is_over(now)
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.halves().any(|hash| hash.is_over(now))
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let dialled = self.dialled.iter().map(|(id, _)| names::dialled(id));
        dialled.chain(self.named.iter().map(|(sid, _)| names::named(sid))).collect()
    }

    /// Whether every place where this fact stands was written by this delivery.
    pub(super) fn is_new(&self, key: &str, mark: &str) -> bool {
        self.halves().filter_map(|hash| hash.get(key)).all(|body| body::mark_of(body) == mark)
    }

    /// Everything known of the call, but for one fact.
    pub(super) fn record(&self, without: Option<&str>) -> Record {
        let mut bodies = BTreeMap::new();
        for (key, text) in self.halves().flat_map(|hash| &hash.0) {
            if is_observation(key) && without != Some(key) {
                bodies.entry(key).or_insert(text);
            }
        }
        Record {
            call_id: self.dialled.as_ref().map(|(id, _)| id.clone()),
            call_sid: self.named.as_ref().map(|(sid, _)| sid.clone()),
            observations: bodies
                .into_iter()
                .filter_map(|(key, text)| body::decode(key, text))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(fields: &[(&str, &str)]) -> Hash {
        Hash(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn names() -> (CallId, CallSid, CallSid) {
        let sid = |number| CallSid::parse(&format!("CA{number:032x}")).unwrap();
        (CallId::new([1; 16], false), sid(1), sid(2))
    }

    #[test]
    fn two_halves_are_one_call_only_if_they_name_each_other() {
        let (id, sid, stranger) = names();
        let ours = || (id.clone(), hash(&[(CALL_SID, sid.as_str())]));
        let named = |sid: &CallSid| (sid.clone(), hash(&[(CALL_ID, id.as_str())]));
        assert!(matches!(View::join(ours(), named(&sid)), Joined::One(_)));
        let Joined::Two { dialled, named } = View::join(ours(), named(&stranger)) else {
            panic!("a stranger was taken in")
        };
        assert_eq!(dialled.record(None).call_sid, None);
        assert_eq!(named.record(None).call_id, None);
    }

    #[test]
    fn a_call_is_as_short_lived_as_its_older_half() {
        let (id, sid, _) = names();
        let (old, young) = (hash(&[(names::BORN, "0 10")]), hash(&[(names::BORN, "5 15")]));
        let view = View::join((id, old), (sid, young)).by_id();
        assert!(view.is_there(Timestamp::from_millis(9)));
        assert!(!view.is_there(Timestamp::from_millis(10)));
        assert!(!View::default().is_there(Timestamp::from_millis(0)), "nobody wrote it");
    }

    #[test]
    fn a_fact_is_new_to_the_delivery_that_wrote_it_and_to_no_other() {
        let (id, sid, _) = names();
        let body = r#"1234|{"t":1,"f":"u"}"#;
        let view = View::join((id, hash(&[("d#unknown", body)])), (sid, Hash::default())).by_sid();
        assert!(view.is_new("d#unknown", "1234") && !view.is_new("d#unknown", "5678"));
        assert_eq!(view.record(None).observations.len(), 1);
        assert_eq!(view.record(Some("d#unknown")).observations, []);
    }
}
