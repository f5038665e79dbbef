//! The rolling window: one item for each, with as many slots as fit (`stores.md` 7.2).
//!
//! A slot holds `<milliseconds>#<entry>` and is free once that time is a window's length ago. To take
//! one is one conditional write, so no slot ever holds two, and never more than `limit` fit into any
//! length. Which slot to try first follows from the entry; a refused write shows the whole item: our
//! own entry, a free slot, or that there is none. So 1 request takes a place or is refused it, but
//! for collisions: a few at the 10 of the default, up to `limit` in a stampede.
//!
//! A window with a cool-down also notes its newest entry, in the same form, and the same write
//! demands that it is old enough.

use std::time::Duration;

use super::DynamoDb;
use super::item::{Item, TTL, get_text, sortable, text, ttl_seconds};
use super::request::Written;
use super::update::Update;
use crate::call::Timestamp;
use crate::store::{Nonce, StoreError, Taken, Window};

/// Kept longer than the window, which an update of the settings may have shortened.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How many digits of an entry's nonce are kept: collisions would need 2^32 entries in one window.
const ENTRY_DIGITS: usize = 16;

/// Tries beyond one for each slot, for slots that are freed and taken again meanwhile.
const SPARE_TRIES: u32 = 16;

/// The newest entry, where the window has a cool-down.
const NEWEST: &str = "newest";

struct Slots<'a> {
    window: Window,
    entry: &'a str,
    now: Timestamp,
}

fn short(entry: &Nonce) -> &str {
    entry.as_str().get(..ENTRY_DIGITS).unwrap_or(entry.as_str())
}

/// Spreads entries over the slots.
fn hash(entry: &str) -> u32 {
    entry.bytes().fold(0, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

impl DynamoDb {
    pub(super) async fn take_place(
        &self,
        name: &str,
        window: Window,
        entry: &Nonce,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let entry = short(entry);
        let slots = Slots { window, entry, now };
        let hash = hash(entry);
        if window.limit == 0 {
            return Ok(Taken::No { free_at: now.plus(window.length) });
        }
        let mut slot = hash % window.limit;
        for try_number in 0..window.limit.saturating_add(SPARE_TRIES) {
            let found = match self.update(&slots.take(name, slot), now).await? {
                Written::Done(before) => {
                    // Another slot has had this entry since a first time that our slot was taken.
                    if slots.other_slot_has_entry(&before, slot) {
                        let _ = self.update(&slots.give_back(name, slot, false), now).await?;
                    }
                    return Ok(Taken::Yes);
                }
                Written::Refused(found) => found,
            };
            if (0..window.limit).any(|slot| slots.is_ours(&found, slot)) {
                return Ok(Taken::Yes);
            }
            let free: Vec<u32> =
                (0..window.limit).filter(|slot| slots.live(&found, *slot).is_none()).collect();
            let Ok(count) = u32::try_from(free.len()) else { break };
            let Some(choice) = hash.wrapping_add(try_number).checked_rem(count) else {
                return Ok(Taken::No {
                    free_at: slots.first_free(&found).max(slots.rested(&found)),
                });
            };
            if slots.rested(&found) > now {
                return Ok(Taken::TooSoon { free_at: slots.rested(&found) });
            }
            slot = free.get(choice as usize).copied().unwrap_or(slot);
        }
        Err(StoreError::new("DynamoDB: too many at once for one window"))
    }

    /// 1 request, or 2 if the entry did not get the slot it tried first or is not the newest.
    pub(super) async fn give_place_back(
        &self,
        name: &str,
        window: Window,
        entry: &Nonce,
    ) -> Result<(), StoreError> {
        let entry = short(entry);
        let Some(first) = hash(entry).checked_rem(window.limit) else { return Ok(()) };
        // Whatever the time: an entry is told by its nonce alone.
        let slots = Slots { window, entry, now: Timestamp::from_millis(0) };
        let guess = slots.give_back(name, first, !window.spacing.is_zero());
        let Written::Refused(item) = self.update(&guess, slots.now).await? else { return Ok(()) };
        let has = |attribute: &str| {
            get_text(&item, attribute).is_some_and(|value| value.ends_with(entry))
        };
        // In any slot: the limit may have been higher when it was taken.
        let mut all = item.keys().filter_map(|name| name.strip_prefix('s')?.parse().ok());
        match all.find(|slot: &u32| has(&Slots::name(*slot))) {
            None => Ok(()),
            Some(slot) => {
                let update = slots.give_back(name, slot, has(NEWEST));
                self.update(&update, slots.now).await.map(|_| ())
            }
        }
    }
}

fn key(name: &str) -> String {
    format!("WIN#{name}")
}

impl Slots<'_> {
    fn name(slot: u32) -> String {
        format!("s{slot}")
    }

    /// Entries made before this are over. Compared as text: `<bound>#...` comes after `<bound>`.
    fn bound(&self) -> String {
        self.at_least_ago(self.window.length)
    }

    /// Comes after every entry that is so old, and before every younger one.
    fn at_least_ago(&self, length: Duration) -> String {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let start = self.now.as_millis().saturating_sub(length).saturating_add(1);
        sortable(Timestamp::from_millis(start))
    }

    fn value(&self) -> String {
        format!("{}#{}", sortable(self.now), self.entry)
    }

    fn take(&self, name: &str, slot: u32) -> Update {
        let update = Update::of(key(name))
            .set(&Self::name(slot), text(self.value()))
            .set(TTL, ttl_seconds(self.now.plus(self.window.length).plus(KEPT)))
            .when("attribute_not_exists(@) OR @ < ?", &Self::name(slot), text(self.bound()));
        if self.window.spacing.is_zero() {
            return update;
        }
        let rested = text(self.at_least_ago(self.window.spacing));
        update.set(NEWEST, text(self.value())).when(
            "attribute_not_exists(@) OR @ < ?",
            NEWEST,
            rested,
        )
    }

    fn give_back(&self, name: &str, slot: u32, is_newest: bool) -> Update {
        let (slot, entry) = (Self::name(slot), text(self.entry));
        let update =
            Update::of(key(name)).remove(&slot).when("contains(@, ?)", &slot, entry.clone());
        if is_newest { update.remove(NEWEST).when("contains(@, ?)", NEWEST, entry) } else { update }
    }

    /// When the window has rested from its newest entry.
    fn rested(&self, item: &Item) -> Timestamp {
        let newest = get_text(item, NEWEST).filter(|_| !self.window.spacing.is_zero());
        let at = newest.and_then(|value| value.split('#').next()?.parse().ok());
        at.map_or(self.now, |at| self.window.after(Timestamp::from_millis(at)))
    }

    /// When the slot's entry was made and whose it is, unless it is over.
    fn live<'a>(&self, item: &'a Item, slot: u32) -> Option<(Timestamp, &'a str)> {
        let value = get_text(item, &Self::name(slot)).filter(|value| **value >= *self.bound())?;
        let (at, entry) = value.split_once('#')?;
        Some((Timestamp::from_millis(at.parse().ok()?), entry))
    }

    fn is_ours(&self, item: &Item, slot: u32) -> bool {
        self.live(item, slot).is_some_and(|(_, entry)| entry == self.entry)
    }

    fn other_slot_has_entry(&self, item: &Item, taken: u32) -> bool {
        (0..self.window.limit).any(|slot| slot != taken && self.is_ours(item, slot))
    }

    fn first_free(&self, item: &Item) -> Timestamp {
        let first =
            (0..self.window.limit).filter_map(|slot| self.live(item, slot)).map(|(at, _)| at).min();
        first.unwrap_or(self.now).plus(self.window.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_to_the_millisecond_when_its_entry_is_a_window_old() {
        let length = Duration::from_secs(3600);
        let window = Window { limit: 10, length, spacing: Duration::ZERO };
        let slots = |millis| Slots { window, entry: "e", now: Timestamp::from_millis(millis) };
        let made = 1_795_341_600_123;
        let item = Item::from([("s3".to_owned(), text(format!("{made}#other")))]);
        assert!(slots(made + 3_599_999).live(&item, 3).is_some());
        assert!(slots(made + 3_600_000).live(&item, 3).is_none());
        let update = slots(made).take("hash", 3);
        assert_eq!(update.key, "WIN#hash");
        assert_eq!(update.expression().unwrap(), "SET #a0 = :v0, #a1 = :v1");
        assert_eq!(update.condition().unwrap(), "(attribute_not_exists(#a0) OR #a0 < :v2)");
        let values = update.values().unwrap();
        assert_eq!(values[":v0"], text("1795341600123#e"));
        assert_eq!(values[":v2"], text("1795338000124"));
    }
}
