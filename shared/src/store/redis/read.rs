//! Reading a call by one of its names, and following the name to its other half.

use super::Redis;
use super::hash::Hash;
use super::names::{self, CALL_ID, CALL_SID};
use super::transport::Command;
use super::view::View;
use crate::call::{CallId, CallRef, CallSid};
use crate::store::{Lookup, StoreError};

impl Redis {
    pub(super) async fn read(&self, by: &Lookup) -> Result<View, StoreError> {
        match by {
            Lookup::CallId(call_id) => {
                let hash = self.read_hash(&names::dialled(call_id)).await?;
                self.follow_sid(call_id.clone(), hash).await
            }
            Lookup::CallSid(call_sid) => {
                let hash = self.read_hash(&names::named(call_sid)).await?;
                self.follow_id(call_sid.clone(), hash).await
            }
        }
    }

    /// Adds what Twilio reported, if Twilio has named the call.
    pub(super) async fn follow_sid(&self, call_id: CallId, hash: Hash) -> Result<View, StoreError> {
        let Some(call_sid) = hash.get(CALL_SID).and_then(|text| CallSid::parse(text).ok()) else {
            return Ok(View::of_dialled(call_id, hash));
        };
        let named = self.read_hash(&names::named(&call_sid)).await?;
        Ok(View::join((call_id, hash), (call_sid, named)).by_id())
    }

    /// Adds what we did ourselves, if the call is one of ours.
    pub(super) async fn follow_id(
        &self,
        call_sid: CallSid,
        hash: Hash,
    ) -> Result<View, StoreError> {
        let Some(call_id) = hash.get(CALL_ID).and_then(|text| CallId::parse(text).ok()) else {
            return Ok(View::of_named(call_sid, hash));
        };
        let dialled = self.read_hash(&names::dialled(&call_id)).await?;
        Ok(View::join((call_id, dialled), (call_sid, hash)).by_sid())
    }

    /// By both names, if ours alone is given and Twilio's is known: what Twilio's webhooks may also
    /// write is always written in one place. Only make-call's own rare bad news comes this way.
    pub(super) async fn resolve(&self, call: &CallRef) -> Result<CallRef, StoreError> {
        let CallRef::Ours(call_id) = call else { return Ok(call.clone()) };
        let key = names::dialled(call_id);
        let sid = self.run_one(Command::new(["HGET", &key, CALL_SID])).await?.text()?;
        Ok(match sid.and_then(|text| CallSid::parse(&text).ok()) {
            Some(call_sid) => CallRef::Named { call_sid, call_id: Some(call_id.clone()) },
            None => call.clone(),
        })
    }

    async fn read_hash(&self, key: &str) -> Result<Hash, StoreError> {
        Hash::from_reply(self.run_one(Command::new(["HGETALL", key])).await?)
    }
}
