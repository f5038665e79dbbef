//! Recording what happened.
//!
//! A callback costs 1 request: a write that passes only where the two names of the call are linked.
//! Where they are not, because make-call's note of Twilio's answer is late or lost, the callback links
//! them first and writes last, for 3 requests. So an observation that was acknowledged is found by
//! either name, whichever request died before. make-call's note also leaves the intent where voice's claim
//! finds it.

use super::DynamoDb;
use super::body::{delivery_mark, is_from, pack};
use super::both::both;
use super::item::{Item, get_text, text};
use super::link::{Brought, contended};
use super::request::Written;
use super::row::{CALL, Rows, VARS, call_key, linked_id, named_sid, vars_key};
use super::update::Update;
use crate::call::{CallId, CallRef, CallSid, Fact, Intent, Observation, Timestamp};
use crate::store::{Dials, Nonce, Observations, Observed, StoreError, StoreFuture};

impl Dials for DynamoDb {
    /// 1 request, and one more at the same time if there are variables.
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
            let note = Note::new(&seen, "", now)?;
            let call = self.write_by_id(&intent.call_id, &note);
            if intent.dynamic_variables.is_empty() {
                return call.await.map(|_| ());
            }
            let (variables, call) = both(self.keep_variables(intent, now), call).await;
            variables.and(call.map(|_| ()))
        })
    }

    /// 2 requests.
    fn placed<'a>(
        &'a self,
        intent: &'a Intent,
        call_sid: &'a CallSid,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(async move {
            let note = Note::new(seen, delivery_mark(delivery), now)?;
            let brought = Brought::of(intent, now)?;
            self.observe_linking(&intent.call_id, call_sid, &note, brought.as_ref()).await
        })
    }
}

impl Observations for DynamoDb {
    /// `before` has the intent without its variables where a callback named the call by its SID: they
    /// would cost a second request, and say nothing about how far the call is.
    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(async move {
            let note = Note::new(seen, delivery_mark(delivery), now)?;
            match call {
                CallRef::Ours(call_id) => self.observe_by_id(call_id, &note).await,
                CallRef::Named { call_sid, call_id: None } => {
                    self.observe_by_sid(call_sid, &note).await
                }
                CallRef::Named { call_sid, call_id: Some(call_id) } => {
                    self.observe_linked(call_id, call_sid, &note).await
                }
            }
        })
    }
}

/// The variables as they are written.
pub(super) fn variables_of(intent: &Intent) -> Result<String, StoreError> {
    serde_json::to_string(&intent.dynamic_variables).map_err(StoreError::new)
}

/// One observation as it is written.
struct Note<'a> {
    key: String,
    body: String,
    mark: &'a str,
    now: Timestamp,
}

impl<'a> Note<'a> {
    fn new(seen: &Observation, mark: &'a str, now: Timestamp) -> Result<Self, StoreError> {
        let key = seen.key();
        let body = pack(&key, seen, mark)?;
        Ok(Self { key, body, mark, now })
    }

    /// The reply of a write, from the rows as they were before it.
    fn observed(
        &self,
        call_id: Option<&CallId>,
        call_sid: Option<&CallSid>,
        rows: Rows<'_>,
    ) -> Observed {
        let known = [rows.by_id, rows.by_sid].into_iter().flatten();
        let is_new =
            known.filter_map(|item| get_text(item, &self.key)).all(|body| is_from(body, self.mark));
        let own = is_new.then_some((self.key.as_str(), self.mark));
        Observed { before: rows.record(call_id, call_sid, own), is_new }
    }
}

impl DynamoDb {
    async fn keep_variables(&self, intent: &Intent, now: Timestamp) -> Result<(), StoreError> {
        let update = Update::of(vars_key(&intent.call_id))
            .set_once(VARS, text(variables_of(intent)?))
            .living_until(self.expiry(now))
            .unless_expired(now);
        self.update(&update, now).await.map(|_| ())
    }

    /// Adds the note to a row of the index, creating the row if need be.
    fn adding(&self, name: &str, key: &str, body: &str, now: Timestamp) -> Update {
        Update::of(call_key(name))
            .set_once(key, text(body))
            .listed(now)
            .living_until(self.expiry(now))
            .unless_expired(now)
    }

    async fn write_by_id(&self, call_id: &CallId, note: &Note<'_>) -> Result<Item, StoreError> {
        let update = self.adding(call_id.as_str(), &note.key, &note.body, note.now);
        match self.update(&update, note.now).await? {
            Written::Done(before) => Ok(before),
            Written::Refused(_) => Err(contended()),
        }
    }

    /// What became of the dial. The variables are read beside it, if there are any.
    async fn observe_by_id(
        &self,
        call_id: &CallId,
        note: &Note<'_>,
    ) -> Result<Observed, StoreError> {
        let write = self.write_by_id(call_id, note);
        let (before, vars) = if call_id.has_variables() {
            let (before, vars) = both(write, self.get(&vars_key(call_id), note.now)).await;
            // What is written is written, whether or not they could be read.
            (before?, vars.ok().flatten())
        } else {
            (write.await?, None)
        };
        let rows = Rows { by_id: Some(&before), by_sid: None, vars: vars.as_ref() };
        Ok(note.observed(Some(call_id), named_sid(&before).as_ref(), rows))
    }

    async fn observe_by_sid(
        &self,
        call_sid: &CallSid,
        note: &Note<'_>,
    ) -> Result<Observed, StoreError> {
        let update = self.adding(call_sid.as_str(), &note.key, &note.body, note.now).when(
            "attribute_not_exists(@)",
            CALL,
            None,
        );
        match self.update(&update, note.now).await? {
            Written::Done(before) => {
                let rows = Rows { by_sid: Some(&before), ..Rows::default() };
                Ok(note.observed(None, Some(call_sid), rows))
            }
            Written::Refused(item) => match linked_id(&item) {
                Some(call_id) => self.observe_linked(&call_id, call_sid, note).await,
                None => Err(contended()),
            },
        }
    }

    /// 1 request where the two names are linked.
    async fn observe_linked(
        &self,
        call_id: &CallId,
        call_sid: &CallSid,
        note: &Note<'_>,
    ) -> Result<Observed, StoreError> {
        let update = self
            .adding(call_id.as_str(), &note.key, &note.body, note.now)
            .named(call_sid)
            .when_linked();
        match self.update(&update, note.now).await? {
            Written::Done(before) => {
                let rows = Rows { by_id: Some(&before), ..Rows::default() };
                Ok(note.observed(Some(call_id), Some(call_sid), rows))
            }
            Written::Refused(item) if named_sid(&item).is_some_and(|named| named != *call_sid) => {
                self.observe_alone(call_sid, note).await
            }
            Written::Refused(_) => self.observe_linking(call_id, call_sid, note, None).await,
        }
    }

    /// Links the two names, and writes last: 2 requests.
    async fn observe_linking(
        &self,
        call_id: &CallId,
        call_sid: &CallSid,
        note: &Note<'_>,
        brought: Option<&Brought>,
    ) -> Result<Observed, StoreError> {
        let by_sid = self.link(call_id, call_sid, brought, note.now).await?;
        // What was recorded under the SID alone came first.
        let body = get_text(&by_sid, &note.key).unwrap_or(&note.body);
        let linking = self.linking(call_id, call_sid, &by_sid, Some(&note.key), note.now).await?;
        let update = linking.set_once(&note.key, text(body));
        let before = match self.update(&update, note.now).await? {
            Written::Done(before) => before,
            // One dial makes one call: a second SID under our id is another call.
            Written::Refused(item) if named_sid(&item).is_some() => {
                return self.observe_alone(call_sid, note).await;
            }
            Written::Refused(_) => return Err(contended()),
        };
        let rows = Rows { by_id: Some(&before), by_sid: Some(&by_sid), vars: None };
        Ok(note.observed(Some(call_id), Some(call_sid), rows))
    }

    /// A call whose `callId` belongs to another; a link that says otherwise is taken back.
    async fn observe_alone(
        &self,
        call_sid: &CallSid,
        note: &Note<'_>,
    ) -> Result<Observed, StoreError> {
        let update = self.adding(call_sid.as_str(), &note.key, &note.body, note.now).remove(CALL);
        let Written::Done(before) = self.update(&update, note.now).await? else {
            return Err(contended());
        };
        let rows = Rows { by_sid: Some(&before), ..Rows::default() };
        Ok(note.observed(None, Some(call_sid), rows))
    }
}
