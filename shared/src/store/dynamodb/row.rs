//! The rows of calls: their names, and what they make of a call together.

use super::body::{is_from, is_observation, unpack};
use super::item::ttl_seconds;
use super::item::{GPK, GSK, Item, LISTED, PK, TTL, UNTIL, get_text, millis, sortable, text};
use super::update::Update;
use crate::call::{CallId, CallSid, Observation, Timestamp};
use crate::store::Record;

/// On `CALL#<callId>`: the call's SID, and that the SID's row knows of it.
pub(super) const SID: &str = "sid";
pub(super) const LINKED: &str = "linked";
/// On `CALL#<CallSid>`: the `callId` that it belongs to.
pub(super) const CALL: &str = "call";
/// On `VARS#<callId>`, and where voice's claim finds them on `CALL#<CallSid>`: the dynamic
/// variables, JSON.
pub(super) const VARS: &str = "vars";

const CALL_PREFIX: &str = "CALL#";

/// The row of a call by either name.
pub(super) fn call_key(name: &str) -> String {
    format!("{CALL_PREFIX}{name}")
}

/// The row of its variables.
pub(super) fn vars_key(call_id: &CallId) -> String {
    format!("VARS#{call_id}")
}

/// The `callId` that a row of a SID belongs to.
pub(super) fn linked_id(item: &Item) -> Option<CallId> {
    get_text(item, CALL).and_then(|id| CallId::parse(id).ok())
}

/// The SID of a row of a `callId`.
pub(super) fn named_sid(item: &Item) -> Option<CallSid> {
    get_text(item, SID).and_then(|sid| CallSid::parse(sid).ok())
}

impl Update {
    /// An item that counts as gone at `until`, unless it says otherwise already.
    pub(super) fn living_until(self, until: Timestamp) -> Self {
        self.set_once(TTL, ttl_seconds(until)).set_once(UNTIL, millis(until))
    }

    /// Puts the row into the index of calls by age, unless it stands there already.
    pub(super) fn listed(self, now: Timestamp) -> Self {
        let key = age_key(&self.key, now);
        self.set_once(GPK, text(LISTED)).set_once(GSK, text(key))
    }

    /// Makes the row as old as another that turned out to be the same call.
    pub(super) fn created_like(self, created_at: Timestamp, until: Timestamp) -> Self {
        let key = age_key(&self.key, created_at);
        self.set(GPK, text(LISTED))
            .set(GSK, text(key))
            .set(TTL, ttl_seconds(until))
            .set(UNTIL, millis(until))
    }

    /// Takes the row out of the index. Its age stays, for the row that it turns out to belong to.
    pub(super) fn unlisted(self) -> Self {
        self.remove(GPK)
    }
}

fn age_key(row: &str, at: Timestamp) -> String {
    format!("{}#{}", sortable(at), row.strip_prefix(CALL_PREFIX).unwrap_or(row))
}

/// When a row was created that was ever listed.
pub(super) fn created_at(item: &Item) -> Option<Timestamp> {
    let millis = get_text(item, GSK)?.split('#').next()?.parse().ok()?;
    Some(Timestamp::from_millis(millis))
}

/// The observations of a row, as they are written: name and body.
pub(super) fn bodies(item: &Item) -> impl Iterator<Item = (&str, &str)> {
    item.iter()
        .filter(|(name, _)| is_observation(name))
        .filter_map(|(name, body)| Some((name.as_str(), body.as_s().ok()?.as_str())))
}

/// The rows of one call, each as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rows<'a> {
    pub(super) by_id: Option<&'a Item>,
    pub(super) by_sid: Option<&'a Item>,
    pub(super) vars: Option<&'a Item>,
}

impl Rows<'_> {
    /// The union of their observations: the set only grows, so nothing contradicts. Without the one
    /// called `key` if the delivery with this `mark` wrote it.
    pub(super) fn record(
        self,
        call_id: Option<&CallId>,
        call_sid: Option<&CallSid>,
        own: Option<(&str, &str)>,
    ) -> Record {
        let variables = self.vars.and_then(|item| get_text(item, VARS));
        let is_own = |name: &str, body: &str| {
            own.is_some_and(|(key, mark)| key == name && is_from(body, mark))
        };
        let mut seen: Vec<(&str, Observation)> = Vec::new();
        for (name, body) in [self.by_id, self.by_sid].into_iter().flatten().flat_map(bodies) {
            if !is_own(name, body) && seen.iter().all(|(known, _)| *known != name) {
                let known = unpack(name, body, call_id, variables);
                seen.extend(known.map(|known| (name, known)));
            }
        }
        seen.sort_by_key(|(name, _)| *name);
        Record {
            call_id: call_id.cloned(),
            call_sid: call_sid.cloned(),
            observations: seen.into_iter().map(|(_, seen)| seen).collect(),
        }
    }
}

/// The name in the key of a call's row.
pub(super) fn name_of(item: &Item) -> Option<&str> {
    get_text(item, PK)?.strip_prefix(CALL_PREFIX)
}
