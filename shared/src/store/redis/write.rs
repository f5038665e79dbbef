//! Writing fields of a call: one `MULTI`, whose reply is the call after it.

use super::hash::Hash;
use super::names::{self, BORN, CALL_ID, CALL_SID, CALLS};
use super::reply::{Reply, unexpected};
use super::transport::Command;
use super::view::{Joined, View};
use super::{Redis, scripts};
use crate::call::{CallId, CallRef, CallSid, Timestamp};
use crate::store::StoreError;

/// A field and what it says, unless it says something already.
pub(super) type Field<'a> = (&'a str, String);

/// How often an expired call is cleared away before a write gives up.
const ATTEMPTS: u32 = 3;

impl Redis {
    /// Adds these fields, and gives the call with them. A call that has expired makes place first.
    pub(super) async fn write(
        &self,
        call: &CallRef,
        fields: &[Field<'_>],
        now: Timestamp,
    ) -> Result<View, StoreError> {
        for _ in 0..ATTEMPTS {
            let (view, other) = match call {
                CallRef::Ours(call_id) => (self.write_dialled(call_id, fields, now).await?, None),
                CallRef::Named { call_sid, call_id: None } => {
                    (self.write_named(call_sid, fields, now).await?, None)
                }
                CallRef::Named { call_sid, call_id: Some(call_id) } => {
                    self.write_linked((call_id, call_sid), fields, now).await?
                }
            };
            if view.is_over(now) {
                self.bury(&view.keys(), now).await?;
            } else if let Some(other) = other.as_ref().filter(|other| other.is_over(now)) {
                self.bury(&other.keys(), now).await?;
            } else {
                return self.list(view, other.is_some()).await;
            }
        }
        Err(StoreError::new("redis: an expired record does not go away"))
    }

    /// What we did ourselves.
    async fn write_dialled(
        &self,
        call_id: &CallId,
        fields: &[Field<'_>],
        now: Timestamp,
    ) -> Result<View, StoreError> {
        let key = names::dialled(call_id);
        let mut commands = self.upsert(&key, fields, now);
        commands.push(listed(&key, now.as_millis()));
        commands.push(Command::new(["HGETALL", &key]));
        let hash = Hash::from_reply(last(self.run(commands).await?)?)?;
        self.follow_sid(call_id.clone(), hash).await
    }

    /// What Twilio reports without our id.
    async fn write_named(
        &self,
        call_sid: &CallSid,
        fields: &[Field<'_>],
        now: Timestamp,
    ) -> Result<View, StoreError> {
        let key = names::named(call_sid);
        let mut commands = self.upsert(&key, fields, now);
        commands.push(listed(&key, now.as_millis()));
        commands.push(Command::new(["HGETALL", &key]));
        let hash = Hash::from_reply(last(self.run(commands).await?)?)?;
        self.follow_id(call_sid.clone(), hash).await
    }

    /// What Twilio reports with our id: it also links the two. The second view is the call that our
    /// id names instead, if it is another one.
    async fn write_linked(
        &self,
        (call_id, call_sid): (&CallId, &CallSid),
        fields: &[Field<'_>],
        now: Timestamp,
    ) -> Result<(View, Option<View>), StoreError> {
        let (dialled, named) = (names::dialled(call_id), names::named(call_sid));
        let mut commands = self.upsert(&named, fields, now);
        commands.extend([
            Command::new(["HSETNX", &named, CALL_ID, call_id.as_str()]),
            Command::new(["HSETNX", &dialled, CALL_SID, call_sid.as_str()]),
            Command::new(["HGETALL", &dialled]),
            Command::new(["HGETALL", &named]),
        ]);
        let mut replies = self.run(commands).await?;
        let named = Hash::from_reply(replies.pop().ok_or_else(unexpected)?)?;
        let dialled = Hash::from_reply(replies.pop().ok_or_else(unexpected)?)?;
        Ok(match View::join((call_id.clone(), dialled), (call_sid.clone(), named)) {
            Joined::One(view) => (view, None),
            Joined::Two { dialled, named } => (named, Some(dialled)),
        })
    }

    fn upsert(&self, key: &str, fields: &[Field<'_>], now: Timestamp) -> Vec<Command> {
        let fields = fields.iter().map(|(field, value)| (*field, value.clone()));
        let mut commands: Vec<_> = fields
            .chain([(BORN, self.born(now).write())])
            .map(|(field, value)| Command::new(["HSETNX", key, field, &value]))
            .collect();
        commands.push(self.collect(key));
        commands
    }

    /// A linked call is listed by its intent. One that came before its intent, or under an id that
    /// is another's, is listed by its SID: a second round trip that ordinary calls never need.
    async fn list(&self, view: View, is_other: bool) -> Result<View, StoreError> {
        let Some((call_sid, named)) = &view.named else { return Ok(view) };
        let (Some(call_id), Some(born)) = (named.get(CALL_ID), named.born()) else {
            return Ok(view);
        };
        let is_intended = view.dialled.as_ref().is_some_and(|(_, hash)| hash.born().is_some());
        if is_other || !is_intended {
            let dialled = format!("{}{call_id}", names::CALL);
            let by_sid = listed(&names::named(call_sid), born.created_at);
            self.run(vec![by_sid, self.collect(&dialled)]).await?;
        }
        Ok(view)
    }

    /// Clears away hashes that have expired, all or none, unless they were replaced meanwhile.
    pub(super) async fn bury(&self, keys: &[String], now: Timestamp) -> Result<(), StoreError> {
        let keys: Vec<&str> = [CALLS].into_iter().chain(keys.iter().map(String::as_str)).collect();
        let now = now.as_millis().to_string();
        self.run_one(Command::eval(scripts::BURY, &keys, &[&now])).await.map(|_| ())
    }
}

fn listed(key: &str, created_at: i64) -> Command {
    Command::new(["ZADD", CALLS, "NX", &created_at.to_string(), key])
}

fn last(mut replies: Vec<Reply>) -> Result<Reply, StoreError> {
    replies.pop().ok_or_else(unexpected)
}
