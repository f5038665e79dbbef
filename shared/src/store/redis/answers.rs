//! Voice's guard: the claim and the TwiML are fields of the call.

use super::Redis;
use super::body::encode;
use super::names::{ANSWERER, TWIML};
use crate::call::{CallRef, Observation, Timestamp};
use crate::store::{Answers, Claim, Nonce, StoreFuture};

impl Answers for Redis {
    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let call = self.resolve(call).await?;
            let claim = (ANSWERER, nonce.as_str().to_owned());
            let view = self.write(&call, &[claim], now).await?;
            if let Some(twiml) = view.field(TWIML) {
                return Ok(Claim::Answered(twiml.to_owned()));
            }
            if view.field(ANSWERER) == Some(nonce.as_str()) {
                Ok(Claim::First(view.record(None)))
            } else {
                Ok(Claim::Pending)
            }
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
            let call = self.resolve(call).await?;
            let fields = [(&*seen.key(), encode(seen, "")?), (TWIML, twiml.to_owned())];
            self.write(&call, &fields, now).await.map(|_| ())
        })
    }
}
