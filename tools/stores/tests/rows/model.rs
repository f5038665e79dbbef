//! What the steps mean, without any store: the records, keys and replies that each must show.

use std::collections::BTreeMap;

use shared::call::{Call, CallId, CallRef, CallSid, Fact, Intent, Observation, Timestamp};
use shared::store::{Admission, Claim, KeyRow, Lookup, Nonce, Record, Store, StoreError};

use crate::scenario::{A_DAY, Deed, LEASE, SLOTS, Step};

/// What an operation answers, as far as its caller acts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Observed {
        is_new: bool,
        has_ended: bool,
    },
    /// With the intent that brings the dynamic variables, where there are any.
    First(Option<Intent>),
    Pending,
    Answered(String),
    Key(KeyRow),
    /// Whether there was a place: old leases may be honoured or not.
    Lease,
}

/// One operation on a store.
pub(crate) async fn run(
    store: &dyn Store,
    Step { now, deed, .. }: &Step,
    delivery: &Nonce,
) -> Result<Outcome, StoreError> {
    let now = *now;
    let lease = |taken: Result<Admission, StoreError>| taken.map(|_| Outcome::Lease);
    let done = |done: Result<(), StoreError>| done.map(|()| Outcome::Done);
    match deed {
        Deed::Begin(intent) => done(store.begin(intent, now).await),
        Deed::Placed(intent, sid, seen) => {
            let observed = store.placed(intent, sid, seen, delivery, now).await?;
            let has_ended = observed.ended_the_call(seen);
            Ok(Outcome::Observed { is_new: observed.is_new, has_ended })
        }
        Deed::Observe(by, seen) => {
            let observed = store.observe(by, seen, delivery, now).await?;
            let has_ended = observed.ended_the_call(seen);
            Ok(Outcome::Observed { is_new: observed.is_new, has_ended })
        }
        Deed::Claim(by, nonce) => Ok(match store.claim(by, nonce, now).await? {
            Claim::First(record) => Outcome::First(with_variables(record.intent())),
            Claim::Pending => Outcome::Pending,
            Claim::Answered(twiml) => Outcome::Answered(twiml),
        }),
        Deed::Answer(by, twiml, seen) => done(store.answer(by, twiml, seen, now).await),
        Deed::ClaimKey(claim) => store.claim_key(claim, now).await.map(Outcome::Key),
        Deed::DoubtKey(claim) => done(store.mark_unknown(claim, now).await),
        Deed::ReleaseKey(claim) => done(store.release_key(claim).await),
        Deed::TakeWindow(name, window, entry) => {
            lease(store.acquire_window(name, *window, entry, now).await)
        }
        Deed::GiveWindowBack(name, window, entry) => {
            done(store.release_window(name, *window, entry).await)
        }
        Deed::TakeSlot(id) => lease(store.acquire_slot(id, SLOTS, now.plus(LEASE), now).await),
        Deed::FreeSlot(id) => done(store.release_slot(id).await),
        Deed::TakeDay(name, entry) => lease(store.acquire_day(name, A_DAY, entry, now).await),
        Deed::GiveDayBack(name, entry) => done(store.release_day(name, entry, now).await),
    }
}

/// Of a call without variables, voice needs no intent.
fn with_variables(intent: Option<&Intent>) -> Option<Intent> {
    intent.filter(|intent| !intent.dynamic_variables.is_empty()).cloned()
}

/// What was told under one name of a call.
#[derive(Clone, Debug)]
struct Part {
    born: Timestamp,
    set: BTreeMap<String, Observation>,
}

/// The two names that are one call.
type Names = (Option<CallId>, Option<CallSid>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    parts: BTreeMap<String, Part>,
    links: Vec<(CallId, CallSid)>,
    /// By SID: voice's claim, and its TwiML.
    claims: BTreeMap<String, Nonce>,
    answers: BTreeMap<String, String>,
    keys: BTreeMap<String, KeyRow>,
}

impl Model {
    pub(crate) fn after(steps: &[Step]) -> Self {
        let mut model = Self::default();
        for step in steps {
            model.apply(step);
        }
        model
    }

    pub(crate) fn apply(&mut self, Step { now, deed, .. }: &Step) -> Outcome {
        match deed {
            Deed::Begin(intent) => {
                let fact = Fact::Intended(intent.clone());
                let ours = CallRef::Ours(intent.call_id.clone());
                self.observe(&ours, &Observation { at: *now, fact }, *now);
                Outcome::Done
            }
            Deed::Placed(intent, sid, seen) => {
                let (call_sid, call_id) = (sid.clone(), Some(intent.call_id.clone()));
                self.observe(&CallRef::Named { call_sid, call_id }, seen, *now)
            }
            Deed::Observe(by, seen) => self.observe(by, seen, *now),
            Deed::Claim(by, nonce) => {
                let names = self.link(by);
                let name = self.part(&names, *now).0;
                let owner = self.claims.entry(name.clone()).or_insert_with(|| nonce.clone());
                match self.answers.get(&name) {
                    Some(twiml) => Outcome::Answered(twiml.clone()),
                    None if owner != nonce => Outcome::Pending,
                    None => {
                        let record = self.record(&names);
                        Outcome::First(with_variables(record.as_ref().and_then(Record::intent)))
                    }
                }
            }
            Deed::Answer(by, twiml, seen) => {
                self.observe(by, seen, *now);
                let names = self.link(by);
                let name = self.part(&names, *now).0;
                self.answers.entry(name).or_insert_with(|| twiml.clone());
                Outcome::Done
            }
            Deed::ClaimKey(claim) => {
                let row = KeyRow { claim: claim.clone(), claimed_at: *now, is_unknown: false };
                Outcome::Key(self.keys.entry(claim.key.clone()).or_insert(row).clone())
            }
            Deed::DoubtKey(claim) => {
                self.keys.get_mut(&claim.key).unwrap().is_unknown = true;
                Outcome::Done
            }
            Deed::ReleaseKey(claim) => {
                self.keys.remove(&claim.key);
                Outcome::Done
            }
            Deed::TakeWindow(..) | Deed::TakeSlot(_) | Deed::TakeDay(..) => Outcome::Lease,
            Deed::GiveWindowBack(..) | Deed::FreeSlot(_) | Deed::GiveDayBack(..) => Outcome::Done,
        }
    }

    fn observe(&mut self, by: &CallRef, seen: &Observation, now: Timestamp) -> Outcome {
        let names = self.link(by);
        let mut set = self.record(&names).unwrap_or_default().observations;
        let is_over = |set: &[Observation]| Call::fold(None, None, set).is_over();
        let was_over = is_over(&set);
        let is_new = set.iter().all(|known| known.key() != seen.key());
        if is_new {
            self.part(&names, now).1.set.insert(seen.key(), seen.clone());
            set.push(seen.clone());
        }
        Outcome::Observed { is_new, has_ended: is_new && !was_over && is_over(&set) }
    }

    /// The names of the call that is told of. A callback that carries both links them, unless our
    /// name is another call's.
    fn link(&mut self, by: &CallRef) -> Names {
        match by {
            CallRef::Ours(id) => (Some(id.clone()), self.sid_of(id)),
            CallRef::Named { call_sid, call_id: None } => {
                (self.id_of(call_sid), Some(call_sid.clone()))
            }
            CallRef::Named { call_sid, call_id: Some(id) } => match self.sid_of(id) {
                Some(other) if other != *call_sid => (None, Some(call_sid.clone())),
                Some(_) => (Some(id.clone()), Some(call_sid.clone())),
                None => {
                    self.links.push((id.clone(), call_sid.clone()));
                    (Some(id.clone()), Some(call_sid.clone()))
                }
            },
        }
    }

    fn sid_of(&self, id: &CallId) -> Option<CallSid> {
        self.links.iter().find(|(known, _)| known == id).map(|(_, sid)| sid.clone())
    }

    fn id_of(&self, sid: &CallSid) -> Option<CallId> {
        self.links.iter().find(|(_, known)| known == sid).map(|(id, _)| id.clone())
    }

    /// Where to write: under the SID if there is one.
    fn part(&mut self, (id, sid): &Names, born: Timestamp) -> (String, &mut Part) {
        let name = sid.as_ref().map(CallSid::as_str).or(id.as_ref().map(CallId::as_str)).unwrap();
        let part = Part { born, set: BTreeMap::new() };
        (name.to_owned(), self.parts.entry(name.to_owned()).or_insert(part))
    }

    fn parts_of(&self, (id, sid): &Names) -> Vec<&Part> {
        let names = [id.as_ref().map(CallId::as_str), sid.as_ref().map(CallSid::as_str)];
        names.into_iter().flatten().filter_map(|name| self.parts.get(name)).collect()
    }

    fn record(&self, names: &Names) -> Option<Record> {
        let parts = self.parts_of(names);
        let set: BTreeMap<_, _> = parts.iter().flat_map(|part| &part.set).collect();
        (!parts.is_empty()).then(|| Record {
            call_id: names.0.clone(),
            call_sid: names.1.clone(),
            observations: set.into_values().cloned().collect(),
        })
    }

    /// Every call, newest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut calls = BTreeMap::new();
        for name in self.parts.keys() {
            let (id, sid) = (CallId::parse(name).ok(), CallSid::parse(name).ok());
            let sid = sid.or_else(|| self.sid_of(id.as_ref()?));
            let names = (id.or_else(|| self.id_of(sid.as_ref()?)), sid);
            let born = self.parts_of(&names).iter().map(|part| part.born).min();
            calls.insert(born, self.record(&names).unwrap());
        }
        calls.into_values().rev().collect()
    }

    /// Whether a store shows all this, by every name, in the list and under the keys.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) async fn assert_shown_by(&self, store: &dyn Store, now: Timestamp, when: &str) {
        let records = self.records();
        assert_eq!(store.recent(99, now).await.unwrap(), records, "the list {when}");
        for record in records {
            let by_id = record.call_id.clone().map(Lookup::CallId);
            for name in by_id.into_iter().chain(record.call_sid.clone().map(Lookup::CallSid)) {
                let found = store.load(&name, now).await.unwrap();
                assert_eq!(found.as_ref(), Some(&record), "{name:?} {when}");
            }
        }
        for (key, row) in &self.keys {
            assert_eq!(store.find_key(key, now).await.unwrap().as_ref(), Some(row), "{when}");
        }
    }
}
