//! Idempotency keys. Each operation is 1 request; the row of an expired claim is overwritten.

use super::DynamoDb;
use super::item::{Item, TTL, UNTIL, get_text, get_time, millis, number, text, ttl_seconds};
use super::request::Written;
use super::update::Update;
use crate::call::{CallId, Timestamp};
use crate::store::{KeyClaim, KeyRow, Keys, Nonce, StoreError, StoreFuture};

const FINGERPRINT: &str = "fingerprint";
const OWNER: &str = "owner";
const CALL_ID: &str = "call_id";
const CLAIMED_AT: &str = "claimed_at";
const UNKNOWN: &str = "unknown";

const PREFIX: &str = "KEY#";

fn row(claim: &KeyClaim) -> Update {
    Update::of(format!("{PREFIX}{}", claim.key))
}

/// What we wrote ourselves can be read; if not, the row blocks its key.
fn decode(key: &str, found: &Item) -> Result<KeyRow, StoreError> {
    let known = |attribute| get_text(found, attribute).unwrap_or_default();
    let call_id = CallId::parse(known(CALL_ID)).ok();
    let malformed = || StoreError::new("DynamoDB: the row of a key is malformed");
    let (call_id, claimed_at) = call_id.zip(get_time(found, CLAIMED_AT)).ok_or_else(malformed)?;
    Ok(KeyRow {
        claim: KeyClaim {
            key: key.to_owned(),
            fingerprint: known(FINGERPRINT).to_owned(),
            owner: Nonce::from_text(known(OWNER)),
            call_id,
        },
        claimed_at,
        is_unknown: found.contains_key(UNKNOWN),
    })
}

fn owned(claim: &KeyClaim) -> Update {
    row(claim).when("@ = ?", OWNER, text(claim.owner.as_str()))
}

impl Keys for DynamoDb {
    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow> {
        Box::pin(async move {
            let expiry = self.expiry(now);
            let update = row(claim)
                .set(FINGERPRINT, text(&claim.fingerprint))
                .set(OWNER, text(claim.owner.as_str()))
                .set(CALL_ID, text(claim.call_id.as_str()))
                .set(CLAIMED_AT, millis(now))
                .set(UNTIL, millis(expiry))
                .set(TTL, ttl_seconds(expiry))
                .remove(UNKNOWN)
                .when("attribute_not_exists(@) OR @ <= ?", UNTIL, millis(now));
            let found = match self.update(&update, now).await? {
                Written::Done(_) => {
                    return Ok(KeyRow { claim: claim.clone(), claimed_at: now, is_unknown: false });
                }
                Written::Refused(found) => found,
            };
            decode(&claim.key, &found)
        })
    }

    fn find_key<'a>(&'a self, key: &'a str, now: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        Box::pin(async move {
            let found = self.get(&format!("{PREFIX}{key}"), now).await?;
            found.map(|found| decode(key, &found)).transpose()
        })
    }

    fn doubt_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let update = owned(claim).set(UNKNOWN, number(1));
            self.update(&update, now).await.map(|_| ())
        })
    }

    fn release_key<'a>(&'a self, claim: &'a KeyClaim) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.delete(&owned(claim)).await })
    }
}
