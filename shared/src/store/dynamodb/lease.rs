//! Leases: one item for each set, with an attribute for each lease and their number.
//!
//! `n` is the number of leases in the item, `c#<owner>` the end of each. A lease is taken or given
//! back together with its count in one conditional write, so `n` is exact, and 1 request is enough
//! for either: the name of the owner is the name of the place. A lease that has ended stays in the
//! item until a request needs its place. The first write of that request is refused, and the reply
//! has the end of each lease. The second write drops the leases that have ended. A set with a
//! spacing also has its newest lease, and a write is refused unless that lease is old enough.

use std::time::Duration;

use super::DynamoDb;
use super::item::{
    Item, TTL, WINDOW, get_number, get_text, millis, number, sortable, text, ttl_seconds,
};
use super::request::Written;
use super::update::Update;
use crate::call::Timestamp;
use crate::store::{Admission, Lease, Set, StoreError};

const SLOTS: &str = "CONC";
const COUNT: &str = "n";
const LEASE: &str = "c#";
/// `<milliseconds>#<owner>`.
const NEWEST: &str = "newest";

/// The item outlives every lease in it, whichever was written last.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many digits of an owner's nonce are kept in a window, which may have a thousand of them: two are the
/// same among 2^32 in one window.
const OWNER_DIGITS: usize = 16;

/// Each time that a second try is refused, another request got a place or dropped the ended leases.
const SPARE_TRIES: u32 = 32;

/// How many ended leases one request drops at most: a condition has at most 300 operators.
const DROPPED: usize = 100;

/// What to try next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Settled(Admission),
    /// Takes a place, where these leases that have ended are dropped. Its own may have ended too.
    Take {
        ended: Vec<String>,
        is_renewal: bool,
    },
    /// Drops these: there are more than one request can.
    Drop(Vec<String>),
}

fn key(set: &Set) -> String {
    match set {
        Set::Slots => SLOTS.to_owned(),
        Set::Window(name) => format!("{WINDOW}{name}"),
    }
}

fn short<'a>(set: &Set, owner: &'a str) -> &'a str {
    let is_whole = *set == Set::Slots;
    owner.get(..OWNER_DIGITS).filter(|_| !is_whole).unwrap_or(owner)
}

impl DynamoDb {
    pub(super) async fn take_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let mut next = Next::Take { ended: Vec::new(), is_renewal: false };
        for _ in 0..lease.limit.saturating_add(SPARE_TRIES) {
            let update = match &next {
                Next::Settled(taken) => return Ok(*taken),
                Next::Take { ended, is_renewal } => taking(lease, ended, *is_renewal, now),
                Next::Drop(ended) => dropping(Update::of(key(&lease.set)), ended, 0, now),
            };
            next = match (self.update(&update, now).await?, next) {
                (Written::Done(_), Next::Drop(_)) => {
                    Next::Take { ended: Vec::new(), is_renewal: false }
                }
                (Written::Done(_), _) => return Ok(Admission::Granted),
                (Written::Refused(found), _) => decide(&found, lease, now),
            };
        }
        match next {
            Next::Settled(taken) => Ok(taken),
            _ => Err(StoreError::new("DynamoDB: too many requests at once for one limit")),
        }
    }

    /// 1 request, or 2 if the lease is not the newest of a set with a spacing.
    pub(super) async fn end_lease(
        &self,
        set: &Set,
        owner: &str,
        is_spaced: bool,
    ) -> Result<(), StoreError> {
        let (owner, own) = (short(set, owner), format!("{LEASE}{}", short(set, owner)));
        let ending = Update::of(key(set)).remove(&own).add(COUNT, -1);
        let ending = ending.when("attribute_exists(@)", &own, None);
        // Leases have no common expiry, so no time is needed to write to them.
        let now = Timestamp::from_millis(0);
        if !is_spaced {
            return self.update(&ending, now).await.map(|_| ());
        }
        let newest = ending.clone().remove(NEWEST).when("contains(@, ?)", NEWEST, text(owner));
        match self.update(&newest, now).await? {
            Written::Refused(item) if item.contains_key(&own) => {
                self.update(&ending, now).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

fn taking(lease: &Lease, ended: &[String], is_renewal: bool, now: Timestamp) -> Update {
    let owner = short(&lease.set, &lease.owner);
    let own = format!("{LEASE}{owner}");
    let update = Update::of(key(&lease.set))
        .set(&own, millis(lease.until))
        .set(TTL, ttl_seconds(lease.until.plus(KEPT)));
    let mut update = if is_renewal {
        update.when("@ <= ?", &own, millis(now))
    } else {
        update.when("attribute_not_exists(@)", &own, None)
    };
    if !lease.spacing.is_zero() {
        let spacing = i64::try_from(lease.spacing.as_millis()).unwrap_or(i64::MAX);
        let rested = now.as_millis().saturating_sub(spacing).saturating_add(1);
        // Compared as text: `<milliseconds>#...` comes after `<milliseconds>`.
        let rested = text(sortable(Timestamp::from_millis(rested)));
        update = update.set(NEWEST, text(format!("{}#{owner}", sortable(now))));
        update = update.when("attribute_not_exists(@) OR @ < ?", NEWEST, rested);
    }
    let dropped = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    let taken = i64::from(!is_renewal);
    let room = number(i64::from(lease.limit).saturating_add(dropped).saturating_sub(taken));
    let update = update.when("attribute_not_exists(@) OR @ <= ?", COUNT, room);
    dropping(update, ended, taken, now)
}

/// Drops leases that have ended, where `taken` more are added.
fn dropping(update: Update, ended: &[String], taken: i64, now: Timestamp) -> Update {
    let dropped = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    ended.iter().fold(update.add(COUNT, taken.saturating_sub(dropped)), |update, name| {
        update.remove(name).when("@ <= ?", name, millis(now))
    })
}

/// What a refused write has shown.
fn decide(item: &Item, lease: &Lease, now: Timestamp) -> Next {
    let own = format!("{LEASE}{}", short(&lease.set, &lease.owner));
    let leases = item.keys().filter(|name| name.starts_with(LEASE));
    let (live, mut ended): (Vec<_>, Vec<_>) = leases
        .filter_map(|name| Some((name.clone(), get_number(item, name)?)))
        .partition(|(_, end)| *end > now.as_millis());
    if live.iter().any(|(name, _)| *name == own) {
        return Next::Settled(Admission::Granted);
    }
    let newest = get_text(item, NEWEST).and_then(|value| value.split('#').next()?.parse().ok());
    let after = newest.filter(|_| !lease.spacing.is_zero());
    let after = after.map_or(now, |at| Timestamp::from_millis(at).plus(lease.spacing));
    let first = live.iter().map(|(_, end)| Timestamp::from_millis(*end)).min().unwrap_or(now);
    let taken = u32::try_from(live.len()).unwrap_or(u32::MAX);
    if let Some(refusal) = lease.refusal(taken, first, after, now) {
        return Next::Settled(refusal);
    }
    let all = live.len().saturating_add(ended.len());
    let is_renewal = ended.iter().any(|(name, _)| *name == own);
    ended.retain(|(name, _)| *name != own);
    ended.sort_unstable();
    ended.truncate(DROPPED);
    let ended: Vec<String> = ended.into_iter().map(|(name, _)| name).collect();
    let left = all.saturating_sub(ended.len()).saturating_add(usize::from(!is_renewal));
    if left > usize::try_from(lease.limit).unwrap_or(usize::MAX) {
        Next::Drop(ended)
    } else {
        Next::Take { ended, is_renewal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(owner: &str, limit: u32, spacing: u64) -> Lease {
        let (owner, until) = (owner.to_owned(), Timestamp::from_millis(1_000));
        Lease { set: Set::Slots, owner, limit, until, spacing: Duration::from_millis(spacing) }
    }

    #[test]
    fn an_ended_lease_is_dropped_and_a_live_one_is_not() {
        let now = Timestamp::from_millis(100);
        let item = |ends: &[i64]| -> Item {
            let name = |index| format!("c#{index}");
            ends.iter().enumerate().map(|(index, end)| (name(index), number(*end))).collect()
        };
        let decide = |ends: &[i64], owner, limit| decide(&item(ends), &lease(owner, limit, 0), now);
        let take = |ended: &[&str], is_renewal| Next::Take {
            ended: ended.iter().map(|name| (*name).to_owned()).collect(),
            is_renewal,
        };
        let full = Next::Settled(Admission::Full { free_at: Timestamp::from_millis(101) });
        assert_eq!(decide(&[102, 101], "9", 2), full);
        assert_eq!(decide(&[102, 100], "9", 2), take(&["c#1"], false));
        assert_eq!(decide(&[102], "9", 2), take(&[], false));
        assert_eq!(decide(&[102, 101], "0", 2), Next::Settled(Admission::Granted));
        assert_eq!(decide(&[99, 101], "0", 2), take(&[], true));
        assert_eq!(decide(&[99, 98, 101], "0", 2), take(&["c#1"], true));
        let many = [99; 300];
        assert!(matches!(decide(&many, "x", 2), Next::Drop(ended) if ended.len() == DROPPED));
    }

    #[test]
    fn a_place_is_free_to_the_millisecond_when_its_lease_ends_and_its_spacing_is_over() {
        let update =
            taking(&lease("e", 5, 60), &["c#1".to_owned()], false, Timestamp::from_millis(100));
        assert_eq!(
            update.expression().unwrap(),
            "SET #a0 = :v0, #a1 = :v1, #a2 = :v2 REMOVE #a4 ADD #a3 :v5"
        );
        assert_eq!(
            update.condition().unwrap(),
            "(attribute_not_exists(#a0)) AND (attribute_not_exists(#a2) OR #a2 < :v3) \
             AND (attribute_not_exists(#a3) OR #a3 <= :v4) AND (#a4 <= :v6)"
        );
        let values = update.values().unwrap();
        assert_eq!(
            (&values[":v2"], &values[":v3"]),
            (&text("0000000000100#e"), &text("0000000000041"))
        );
        assert_eq!(
            (&values[":v4"], &values[":v5"], &values[":v6"]),
            (&number(5), &number(0), &number(100))
        );
    }
}
