//! Voice's guard: claim and TwiML stand in the row of the `CallSid`.
//!
//! Each is 1 write. make-call's note of Twilio's answer, usually there long before the person picks
//! up, has left the dynamic variables in that row. Where it has not, the claim links the two names
//! and fetches the variables at the same time, for 1 request each. That the row of the `callId` leads
//! back cannot be seen in the row of the SID, so the answer looks there, beside its write.

use super::DynamoDb;
use super::body::pack;
use super::both::both;
use super::item::{Item, get_text, text};
use super::link::{brought, contended, is_linked};
use super::read::is_of;
use super::request::{Written, find};
use super::row::{CALL, Rows, call_key, vars_key};
use super::update::Update;
use crate::call::{CallId, CallRef, Observation, Timestamp};
use crate::store::{Answers, Claim, Nonce, Record, StoreError, StoreFuture};

const CLAIM: &str = "claim";
const TWIML: &str = "twiml";

impl Answers for DynamoDb {
    /// The record of [`Claim::First`] has the intent if the call has dynamic variables, which is all
    /// that voice needs it for; of a call without any, only what is known under its SID.
    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let claim = |row: Update| row.set_once(CLAIM, text(nonce.as_str()));
            let before = self.write_for_voice(call, claim, now).await?;
            let twiml = get_text(&before, TWIML).map(str::to_owned);
            let owner = get_text(&before, CLAIM).filter(|owner| *owner != nonce.as_str());
            let with_variables = call.call_id().filter(|id| id.has_variables());
            let intent = with_variables.and_then(|id| brought(&before, id));
            let is_first = twiml.is_none() && owner.is_none();
            let unread = with_variables.filter(|_| is_first && intent.is_none());
            let reading = async {
                match unread {
                    Some(call_id) => self.rows_by_id(call_id, now).await,
                    None => Ok(Vec::new()),
                }
            };
            let ((), known) = both(self.heal(call, &before, now), reading).await;
            Ok(match (twiml, owner) {
                (Some(twiml), _) => Claim::Answered(twiml),
                (None, Some(_)) => Claim::Pending,
                (None, None) => Claim::First(record(call, &before, &known?, intent)),
            })
        })
    }

    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let key = seen.key();
            let body = pack(&key, seen, "")?;
            let keep = |row: Update| row.set_once(TWIML, text(twiml)).set_once(&key, text(&body));
            let write = self.write_for_voice(call, keep, now);
            let CallRef::Named { call_sid, call_id: Some(call_id) } = call else {
                return write.await.map(|_| ());
            };
            let key_of_id = call_key(call_id.as_str());
            let (before, by_id) = both(write, self.get(&key_of_id, now)).await;
            let by_id = by_id.ok().flatten();
            if by_id.is_some_and(|by_id| is_linked(&by_id, call_sid)) {
                return before.map(|_| ());
            }
            self.complete_link(call_id, call_sid, &before?, now).await
        })
    }
}

fn record(call: &CallRef, by_sid: &Item, known: &[Item], intent: Option<Observation>) -> Record {
    let by_id = call.call_id().and_then(|id| find(known, &call_key(id.as_str())));
    let by_id = by_id.filter(|item| call.call_sid().is_none_or(|sid| is_of(item, sid)));
    let vars = call.call_id().and_then(|id| find(known, &vars_key(id)));
    let rows = Rows { by_id, by_sid: Some(by_sid), vars };
    let mut record = rows.record(call.call_id(), call.call_sid(), None);
    record.observations.extend(intent);
    record.observations.sort_by_key(Observation::key);
    record
}

impl DynamoDb {
    /// Writes to the row that voice keeps of a call, and gives the row as it was before.
    async fn write_for_voice(
        &self,
        call: &CallRef,
        change: impl Fn(Update) -> Update,
        now: Timestamp,
    ) -> Result<Item, StoreError> {
        let name = call.call_sid().map_or_else(
            || call.call_id().map(CallId::as_str).unwrap_or_default(),
            |sid| sid.as_str(),
        );
        let row =
            change(Update::of(call_key(name))).living_until(self.expiry(now)).unless_expired(now);
        match call {
            CallRef::Ours(_) => self.update_row(row.listed(now), now).await,
            CallRef::Named { call_id: None, .. } => {
                let inbound = row.clone().listed(now).when("attribute_not_exists(@)", CALL, None);
                match self.update(&inbound, now).await? {
                    Written::Done(before) => Ok(before),
                    // One of ours after all: it is listed under its callId.
                    Written::Refused(_) => self.update_row(row, now).await,
                }
            }
            CallRef::Named { call_id: Some(call_id), .. } => {
                self.update_row(row.set_once(CALL, text(call_id.as_str())).unlisted(), now).await
            }
        }
    }

    /// Completes the link if the claim began it. Should it fail, the next observation links them all
    /// the same. The claim is made, and a person is on the line.
    async fn heal(&self, call: &CallRef, before: &Item, now: Timestamp) {
        let CallRef::Named { call_sid, call_id: Some(call_id) } = call else { return };
        if !before.contains_key(CALL) {
            let _ = self.complete_link(call_id, call_sid, before, now).await;
        }
    }

    async fn update_row(&self, row: Update, now: Timestamp) -> Result<Item, StoreError> {
        match self.update(&row, now).await? {
            Written::Done(before) => Ok(before),
            Written::Refused(_) => Err(contended()),
        }
    }
}
