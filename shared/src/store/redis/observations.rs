//! Dialling, and recording what happened.

use super::Redis;
use super::body::{encode, mark};
use crate::call::{CallRef, Fact, Intent, Observation, Timestamp};
use crate::store::{Dials, Nonce, Observations, Observed, StoreFuture};

impl Dials for Redis {
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.keeps_keys().await?;
            let call = CallRef::Ours(intent.call_id.clone());
            let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
            let body = encode(&seen, "")?;
            self.write(&call, &[(&seen.key(), body)], now).await.map(|_| ())
        })
    }
}

impl Observations for Redis {
    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(async move {
            let (key, mark) = (seen.key(), mark(delivery));
            let call = self.resolve(call).await?;
            let after = self.write(&call, &[(&key, encode(seen, mark)?)], now).await?;
            let is_new = after.is_new(&key, mark);
            let before = after.record(is_new.then_some(&*key));
            Ok(Observed { before, is_new })
        })
    }
}
