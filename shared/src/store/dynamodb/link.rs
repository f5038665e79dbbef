//! How the two names of a call find each other.

use super::DynamoDb;
use super::body::{META, pack, unpack};
use super::item::{Item, UNTIL, get_number, get_text, get_time, number, text};
use super::observe::variables_of;
use super::request::Written;
use super::row::{CALL, LINKED, SID, VARS, bodies, call_key, created_at, named_sid};
use super::update::Update;
use crate::call::{CallId, CallSid, Fact, Intent, Observation, Timestamp};
use crate::store::StoreError;

/// Voice's observation stays in the row of the SID, where its claim is.
pub(super) const ANSWER: &str = "v#answer";

impl Update {
    /// A write to the row of a `callId` by somebody who names the SID: refused if another is known.
    pub(super) fn named(self, sid: &CallSid) -> Self {
        let sid = text(sid.as_str());
        self.set_once(SID, sid.clone()).when("attribute_not_exists(@) OR @ = ?", SID, sid)
    }

    /// Marks the call as linked and takes over what stands in the row of its SID, but for `except`,
    /// which this update writes itself. The row of the SID says already which call it belongs to.
    fn linked(self, by_sid: &Item, except: Option<&str>) -> Self {
        let moved = bodies(by_sid).filter(|(name, _)| *name != ANSWER && Some(*name) != except);
        moved.fold(self.set(LINKED, number(DONE)), |update, (name, body)| {
            update.set_once(name, text(body))
        })
    }

    /// Refused unless the row of the SID is known to lead here.
    pub(super) fn when_linked(self) -> Self {
        self.when("@ = ?", LINKED, number(DONE))
    }
}

/// What the mark says. Earlier versions wrote the name of an observation that was about to link.
const DONE: i64 = 1;

/// Whether the row of a `callId` and the row of this SID lead to each other.
pub(super) fn is_linked(by_id: &Item, sid: &CallSid) -> bool {
    get_number(by_id, LINKED) == Some(DONE) && named_sid(by_id).as_ref() == Some(sid)
}

/// The intent on its way into the row of a SID: one claim there then tells voice the variables.
/// Not an observation of that row, or it would be moved back with them.
const INTENT: &str = "intent";

/// What an intent with variables leaves in the row of the SID.
pub(super) struct Brought {
    intent: String,
    variables: String,
}

impl Brought {
    /// Nothing of an intent without variables: voice has no use for it.
    pub(super) fn of(intent: &Intent, now: Timestamp) -> Result<Option<Self>, StoreError> {
        if intent.dynamic_variables.is_empty() {
            return Ok(None);
        }
        let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
        let variables = variables_of(intent)?;
        Ok(Some(Self { intent: pack(META, &seen, "")?, variables }))
    }
}

/// The intent that make-call left in the row of a SID for this call.
pub(super) fn brought(by_sid: &Item, call_id: &CallId) -> Option<Observation> {
    let (intent, variables) = (get_text(by_sid, INTENT)?, get_text(by_sid, VARS)?);
    let is_ours = get_text(by_sid, CALL) == Some(call_id.as_str());
    is_ours.then(|| unpack(META, intent, Some(call_id), Some(variables))).flatten()
}

impl DynamoDb {
    /// Says in the row of a SID which call it belongs to, and gives the row as it was before.
    /// 1 request.
    pub(super) async fn link(
        &self,
        call_id: &CallId,
        sid: &CallSid,
        brought: Option<&Brought>,
        now: Timestamp,
    ) -> Result<Item, StoreError> {
        let mut update = Update::of(call_key(sid.as_str()))
            .set_once(CALL, text(call_id.as_str()))
            .living_until(self.expiry(now))
            .unlisted()
            .unless_expired(now);
        if let Some(Brought { intent, variables }) = brought {
            update = update.set_once(INTENT, text(intent)).set_once(VARS, text(variables));
        }
        match self.update(&update, now).await? {
            Written::Done(before) => Ok(before),
            Written::Refused(_) => Err(contended()),
        }
    }

    /// Completes the link in the row of the `callId`, which is created if need be. 1 request. One that
    /// has another SID already is left alone, and the link is taken back for 1 request more.
    pub(super) async fn complete_link(
        &self,
        call_id: &CallId,
        sid: &CallSid,
        by_sid: &Item,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let update = self.linking(call_id, sid, by_sid, None, now).await?;
        match self.update(&update, now).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(item) if named_sid(&item).is_some() => {
                let created = created_at(by_sid).unwrap_or(now);
                let update = Update::of(call_key(sid.as_str())).listed(created).remove(CALL);
                self.update(&update, now).await.map(|_| ())
            }
            Written::Refused(_) => Err(contended()),
        }
    }

    /// The write that completes a link, and everything with it: nothing is left to do after the mark.
    /// Two rows that turned out to be one call are as old as the older, so where the row of the SID
    /// was listed by itself, the other is looked at first, for 1 request.
    pub(super) async fn linking(
        &self,
        call_id: &CallId,
        sid: &CallSid,
        by_sid: &Item,
        except: Option<&str>,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let key = call_key(call_id.as_str());
        let mut older = None;
        if let (Some(created), Some(until)) = (created_at(by_sid), get_time(by_sid, UNTIL)) {
            let by_id = self.get(&key, now).await?;
            let ours = by_id.as_ref().and_then(created_at);
            older = ours.is_none_or(|ours| ours > created).then_some((created, until));
        }
        let update = Update::of(key).named(sid).linked(by_sid, except).unless_expired(now);
        Ok(match older {
            Some((created, until)) => update.created_like(created, until),
            None => update.listed(now).living_until(self.expiry(now)),
        })
    }
}

/// An item expired, was deleted, and had expired again.
pub(super) fn contended() -> StoreError {
    StoreError::new("DynamoDB: an item changed under our hands")
}
