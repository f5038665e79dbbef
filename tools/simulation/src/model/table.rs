//! The calls: a list of rows, searched from front to back.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use shared::call::{CallId, CallRef, CallSid, Observation, Timestamp};
use shared::store::{Claim, Lookup, Observed, Record};

/// Every call that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(Vec<Row>);

#[derive(Clone, Debug)]
struct Row {
    call_id: Option<CallId>,
    call_sid: Option<CallSid>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// By key; each with the delivery that brought it.
    seen: BTreeMap<String, (Observation, String)>,
    /// Who may answer.
    owner: Option<String>,
    twiml: Option<String>,
}

impl Row {
    fn record(&self) -> Record {
        Record {
            call_id: self.call_id.clone(),
            call_sid: self.call_sid.clone(),
            observations: self.seen.values().map(|(seen, _)| seen.clone()).collect(),
        }
    }

    /// The other row is the same call: a union, and as old as the older.
    fn join(&mut self, other: Self) {
        self.call_sid = other.call_sid;
        self.created_at = self.created_at.min(other.created_at);
        self.expires_at = self.expires_at.min(other.expires_at);
        for (key, seen) in other.seen {
            self.seen.entry(key).or_insert(seen);
        }
        if self.owner.is_none() {
            (self.owner, self.twiml) = (other.owner, other.twiml);
        }
    }
}

impl Table {
    fn position(&self, is_it: impl Fn(&Row) -> bool) -> Option<usize> {
        self.0.iter().position(is_it)
    }

    /// The row of a call by either of its names, made if need be; and the names are linked.
    fn row(&mut self, call: &CallRef, now: Timestamp, expires_at: Timestamp) -> &mut Row {
        self.0.retain(|row| row.expires_at > now);
        let call_sid = call.call_sid();
        let by_sid =
            call_sid.and_then(|sid| self.position(|row| row.call_sid.as_ref() == Some(sid)));
        // One dial makes one call: our id under another SID is another call's.
        let call_id = call.call_id().filter(|id| {
            let is_other = |row: &Row| {
                row.call_id.as_ref() == Some(*id)
                    && call_sid.is_some()
                    && row.call_sid.is_some()
                    && row.call_sid.as_ref() != call_sid
            };
            self.position(is_other).is_none()
        });
        let by_id = call_id.and_then(|id| self.position(|row| row.call_id.as_ref() == Some(id)));
        let index = match (by_id, by_sid) {
            (Some(ours), Some(named)) if ours != named => self.meet(ours, named),
            (Some(index), _) | (None, Some(index)) => {
                let row = &mut self.0[index];
                row.call_id = row.call_id.take().or_else(|| call_id.cloned());
                row.call_sid = row.call_sid.take().or_else(|| call_sid.cloned());
                index
            }
            (None, None) => {
                self.0.push(Row {
                    call_id: call_id.cloned(),
                    call_sid: call_sid.cloned(),
                    created_at: now,
                    expires_at,
                    seen: BTreeMap::new(),
                    owner: None,
                    twiml: None,
                });
                self.0.len() - 1
            }
        };
        &mut self.0[index]
    }

    /// Two rows for one call become one, unless one of them has both names already.
    fn meet(&mut self, ours: usize, named: usize) -> usize {
        if self.0[ours].call_sid.is_some() || self.0[named].call_id.is_some() {
            return named;
        }
        let other = self.0.remove(named);
        let ours = if named < ours { ours - 1 } else { ours };
        self.0[ours].join(other);
        ours
    }

    pub(super) fn observe(
        &mut self,
        call: &CallRef,
        seen: &Observation,
        delivery: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Observed {
        let row = self.row(call, now, expires_at);
        let key = seen.key();
        let entry = row.seen.entry(key.clone());
        let is_new = entry.or_insert_with(|| (seen.clone(), delivery.to_owned())).1 == delivery;
        let mut before = row.record();
        if is_new {
            before.observations.retain(|known| known.key() != key);
        }
        Observed { before, is_new }
    }

    pub(super) fn claim(
        &mut self,
        call: &CallRef,
        nonce: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Claim {
        let row = self.row(call, now, expires_at);
        let is_ours = row.owner.get_or_insert_with(|| nonce.to_owned()) == nonce;
        match &row.twiml {
            Some(twiml) => Claim::Answered(twiml.clone()),
            None if is_ours => Claim::First(row.record()),
            None => Claim::Pending,
        }
    }

    pub(super) fn answer(
        &mut self,
        call: &CallRef,
        twiml: &str,
        seen: &Observation,
        now: Timestamp,
        expires_at: Timestamp,
    ) {
        let row = self.row(call, now, expires_at);
        row.seen.entry(seen.key()).or_insert_with(|| (seen.clone(), String::new()));
        row.owner.get_or_insert_default();
        row.twiml.get_or_insert_with(|| twiml.to_owned());
    }

    pub(super) fn find(&self, by: &Lookup, now: Timestamp) -> Option<Record> {
        let named = |row: &&Row| match by {
            Lookup::CallId(id) => row.call_id.as_ref() == Some(id),
            Lookup::CallSid(sid) => row.call_sid.as_ref() == Some(sid),
        };
        self.0.iter().find(named).filter(|row| row.expires_at > now).map(Row::record)
    }

    pub(super) fn newest(&self, limit: u32, now: Timestamp) -> Vec<Record> {
        let mut rows: Vec<&Row> = self.0.iter().rev().filter(|row| row.expires_at > now).collect();
        rows.sort_by_key(|row| Reverse(row.created_at));
        rows.into_iter().take(limit as usize).map(Row::record).collect()
    }
}
