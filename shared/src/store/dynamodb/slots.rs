//! Concurrent calls: leases in one item, counted in the same item.
//!
//! `n` is the number of leases in the item, `c#<callId>` the end of each. A lease is taken or given
//! back together with its count in one conditional write, so `n` is exact, and 1 request is enough
//! for either: the call's own name is the place, nobody has to look for it. A lease that has ended
//! still counts until somebody wants its place; whoever is refused sees all ends, and swaps an ended
//! one for his own, which leaves `n` as it is.

use std::time::Duration;

use super::DynamoDb;
use super::item::{Item, TTL, get_number, millis, number, ttl_seconds};
use super::request::Written;
use super::update::Update;
use crate::call::{CallId, Timestamp};
use crate::store::{StoreError, Taken};

const KEY: &str = "CONC";
const COUNT: &str = "n";
const LEASE: &str = "c#";

/// The item outlives every lease in it, whichever was written last.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Everybody who is refused a swap was overtaken by somebody who got a place.
const SPARE_TRIES: u32 = 32;

/// How many ended leases one request drops.
const DROPPED: usize = 50;

/// What to try next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Settled(Taken),
    Take,
    Renew,
    Swap(String),
    Drop(Vec<String>),
}

impl DynamoDb {
    pub(super) async fn lease_slot(
        &self,
        call_id: &CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let own = lease_name(call_id);
        let hash = own
            .bytes()
            .fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        if limit == 0 {
            return Ok(Taken::No { free_at: now });
        }
        let mut next = Next::Take;
        for try_number in 0..limit.saturating_add(SPARE_TRIES) {
            let update = match &next {
                Next::Settled(taken) => return Ok(*taken),
                Next::Take => leasing(&own, lease_end)
                    .add(COUNT, 1)
                    .when("attribute_not_exists(@)", &own, None)
                    .when("attribute_not_exists(@) OR @ < ?", COUNT, number(limit.into())),
                Next::Renew => {
                    within(leasing(&own, lease_end), limit).when("@ <= ?", &own, millis(now))
                }
                Next::Swap(ended) => within(leasing(&own, lease_end), limit)
                    .remove(ended)
                    .when("@ <= ?", ended, millis(now))
                    .when("attribute_not_exists(@)", &own, None),
                Next::Drop(ended) => dropping(ended, now),
            };
            let found = match self.update(&update, now).await? {
                Written::Done(_) if matches!(next, Next::Drop(_)) => {
                    next = Next::Take;
                    continue;
                }
                Written::Done(_) => return Ok(Taken::Yes),
                Written::Refused(found) => found,
            };
            next = decide(&found, &own, limit, now, hash.wrapping_add(try_number as usize));
        }
        match next {
            Next::Settled(taken) => Ok(taken),
            _ => Err(StoreError::new("DynamoDB: too many at once for the concurrency limit")),
        }
    }

    pub(super) async fn end_lease(&self, call_id: &CallId) -> Result<(), StoreError> {
        let own = lease_name(call_id);
        let update =
            Update::of(KEY).remove(&own).add(COUNT, -1).when("attribute_exists(@)", &own, None);
        // Leases have no common expiry, so no time is needed to write to them.
        self.update(&update, Timestamp::from_millis(0)).await.map(|_| ())
    }
}

fn lease_name(call_id: &CallId) -> String {
    format!("{LEASE}{call_id}")
}

fn leasing(own: &str, lease_end: Timestamp) -> Update {
    Update::of(KEY).set(own, millis(lease_end)).set(TTL, ttl_seconds(lease_end.plus(KEPT)))
}

/// Only after the limit was lowered: so many that the rest can be swapped.
fn dropping(ended: &[String], now: Timestamp) -> Update {
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    ended.iter().fold(Update::of(KEY).add(COUNT, -count), |update, name| {
        update.remove(name).when("@ <= ?", name, millis(now))
    })
}

/// Refused while more leases are in the item than now are allowed.
fn within(update: Update, limit: u32) -> Update {
    update.when("@ <= ?", COUNT, number(limit.into()))
}

/// What a refused write has shown.
fn decide(item: &Item, own: &str, limit: u32, now: Timestamp, spread: usize) -> Next {
    let leases: Vec<(&str, i64)> = item
        .keys()
        .filter(|name| name.starts_with(LEASE))
        .filter_map(|name| Some((name.as_str(), get_number(item, name)?)))
        .collect();
    let is_live = |end: i64| end > now.as_millis();
    if leases.iter().any(|(name, end)| *name == own && is_live(*end)) {
        return Next::Settled(Taken::Yes);
    }
    let live: Vec<i64> = leases.iter().map(|(_, end)| *end).filter(|end| is_live(*end)).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if live.len() >= limit {
        let first = live.iter().min().copied().unwrap_or_else(|| now.as_millis());
        return Next::Settled(Taken::No { free_at: Timestamp::from_millis(first) });
    }
    let mut ended: Vec<&str> =
        leases.iter().filter(|(_, end)| !is_live(*end)).map(|(name, _)| *name).collect();
    ended.sort_unstable();
    let has_own = ended.contains(&own);
    let other = spread.checked_rem(ended.len()).and_then(|index| ended.get(index).copied());
    match other {
        Some(_) if leases.len() > limit => {
            Next::Drop(ended.iter().take(DROPPED).map(|name| (*name).to_owned()).collect())
        }
        Some(_) if has_own => Next::Renew,
        Some(other) if leases.len() == limit => Next::Swap(other.to_owned()),
        _ => Next::Take,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_lease_is_swapped_and_a_live_one_is_not() {
        let now = Timestamp::from_millis(100);
        let item = |ends: &[i64]| -> Item {
            let name = |index| format!("c#{index}");
            ends.iter().enumerate().map(|(index, end)| (name(index), number(*end))).collect()
        };
        let decide = |item: &Item, limit| decide(item, "c#0", limit, now, 0);
        let full = Next::Settled(Taken::No { free_at: Timestamp::from_millis(101) });
        assert_eq!(super::decide(&item(&[102, 101]), "c#9", 2, now, 0), full);
        assert_eq!(super::decide(&item(&[102, 100]), "c#9", 2, now, 0), Next::Swap("c#1".into()));
        assert_eq!(super::decide(&item(&[102]), "c#9", 2, now, 0), Next::Take);
        assert_eq!(decide(&item(&[102, 101]), 2), Next::Settled(Taken::Yes));
        assert_eq!(decide(&item(&[99, 101]), 2), Next::Renew);
        assert_eq!(decide(&item(&[99, 98, 101]), 2), Next::Drop(vec!["c#0".into(), "c#1".into()]));
    }
}
