//! Rows of idempotency keys: `<owner>|<callId>|<fingerprint>` in one field, so that a claim is one
//! HSETNX.

use super::hash::Hash;
use super::names::{self, BORN};
use super::reply::unexpected;
use super::transport::Command;
use super::{Redis, scripts};
use crate::call::{CallId, Timestamp};
use crate::store::{KeyClaim, KeyRow, Keys, Nonce, StoreError, StoreFuture};

const CLAIM: &str = "claim";
const UNKNOWN: &str = "unknown";

/// How often an expired claim is cleared away before a new one gives up.
const ATTEMPTS: u32 = 3;

impl Keys for Redis {
    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow> {
        Box::pin(async move {
            self.keeps_keys().await?;
            let key = names::key(&claim.key);
            for _ in 0..ATTEMPTS {
                let mut replies = self
                    .run(vec![
                        Command::new(["HSETNX", &key, CLAIM, &encode(claim)]),
                        Command::new(["HSETNX", &key, BORN, &self.born(now).write()]),
                        self.collect(&key),
                        Command::new(["HGETALL", &key]),
                    ])
                    .await?;
                let hash = Hash::from_reply(replies.pop().ok_or_else(unexpected)?)?;
                if !hash.is_over(now) {
                    return decode(&claim.key, &hash).ok_or_else(unexpected);
                }
                self.bury(std::slice::from_ref(&key), now).await?;
            }
            Err(StoreError::new("redis: an expired record does not go away"))
        })
    }

    fn find_key<'a>(&'a self, key: &'a str, now: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        Box::pin(async move {
            let reply = self.run_one(Command::new(["HGETALL", &names::key(key)])).await?;
            let hash = Hash::from_reply(reply)?;
            Ok(decode(key, &hash).filter(|_| !hash.is_over(now)))
        })
    }

    fn doubt_key<'a>(&'a self, claim: &'a KeyClaim, _: Timestamp) -> StoreFuture<'a, ()> {
        self.if_owned(scripts::DOUBT, claim)
    }

    fn release_key<'a>(&'a self, claim: &'a KeyClaim) -> StoreFuture<'a, ()> {
        self.if_owned(scripts::RELEASE, claim)
    }
}

impl Redis {
    fn if_owned<'a>(&'a self, script: &'a str, claim: &'a KeyClaim) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let (key, owner) = (names::key(&claim.key), format!("{}|", claim.owner.as_str()));
            self.run_one(Command::eval(script, &[&key], &[&owner])).await.map(|_| ())
        })
    }
}

fn encode(claim: &KeyClaim) -> String {
    format!("{}|{}|{}", claim.owner.as_str(), claim.call_id, claim.fingerprint)
}

fn decode(key: &str, hash: &Hash) -> Option<KeyRow> {
    let mut parts = hash.get(CLAIM)?.splitn(3, '|');
    let (owner, call_id, fingerprint) = (parts.next()?, parts.next()?, parts.next()?);
    Some(KeyRow {
        claim: KeyClaim {
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
            owner: Nonce::from_text(owner),
            call_id: CallId::parse(call_id).ok()?,
        },
        claimed_at: Timestamp::from_millis(hash.born()?.created_at),
        is_unknown: hash.get(UNKNOWN).is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_gives_back_what_it_was_made_of() {
        let claim = KeyClaim {
            key: "k".to_owned(),
            fingerprint: "a|b c".to_owned(),
            owner: Nonce::new([7; 16]),
            call_id: CallId::new([1; 16], true),
        };
        let fields = [(CLAIM.to_owned(), encode(&claim)), (BORN.to_owned(), "5 9".to_owned())];
        let claimed_at = Timestamp::from_millis(5);
        let row = KeyRow { claim, claimed_at, is_unknown: false };
        assert_eq!(decode("k", &Hash(fields.into())), Some(row));
        assert_eq!(decode("k", &Hash::default()), None);
    }
}
