//! The rolling window: one item a client, with as many slots as fit (`stores.md` 7.2).
//!
//! A slot holds `<milliseconds>#<entry>` and is free once that time is a window's length ago. To take
//! one is one conditional write, so no slot ever holds two, and never more than `limit` fit into any
//! length. Which slot to try first follows from the entry; a refused write shows the whole item: our
//! own entry, a free slot, or that there is none. So 1 request takes a place or is refused it, but
//! for collisions: a few at the 10 of the default, up to `limit` in a stampede.

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

struct Slots<'a> {
    limit: u32,
    length: Duration,
    entry: &'a str,
    now: Timestamp,
}

impl DynamoDb {
    pub(super) async fn take_place(
        &self,
        client: &str,
        window: Window,
        entry: &Nonce,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let entry = entry.as_str().get(..ENTRY_DIGITS).unwrap_or(entry.as_str());
        let slots = Slots { limit: window.limit, length: window.length, entry, now };
        let hash = entry
            .bytes()
            .fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        if window.limit == 0 {
            return Ok(Taken::No { free_at: now.plus(window.length) });
        }
        let mut slot = hash % window.limit;
        for try_number in 0..window.limit.saturating_add(SPARE_TRIES) {
            let found = match self.update(&slots.take(client, slot), now).await? {
                Written::Done(before) => {
                    // Another slot has had this entry since a first time that our slot was taken.
                    if slots.other_slot_has_entry(&before, slot) {
                        let _ = self.update(&slots.give_back(client, slot), now).await?;
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
                return Ok(Taken::No { free_at: slots.first_free(&found) });
            };
            slot = free.get(choice as usize).copied().unwrap_or(slot);
        }
        Err(StoreError::new("DynamoDB: too many at once for one window"))
    }
}

impl Slots<'_> {
    fn name(slot: u32) -> String {
        format!("s{slot}")
    }

    /// Entries made before this are over. Compared as text: `<bound>#...` comes after `<bound>`.
    fn bound(&self) -> String {
        let length = i64::try_from(self.length.as_millis()).unwrap_or(i64::MAX);
        let start = self.now.as_millis().saturating_sub(length).saturating_add(1);
        sortable(Timestamp::from_millis(start))
    }

    fn take(&self, client: &str, slot: u32) -> Update {
        let value = format!("{}#{}", sortable(self.now), self.entry);
        Update::of(format!("WIN#{client}"))
            .set(&Self::name(slot), text(value))
            .set(TTL, ttl_seconds(self.now.plus(self.length).plus(KEPT)))
            .when("attribute_not_exists(@) OR @ < ?", &Self::name(slot), text(self.bound()))
    }

    fn give_back(&self, client: &str, slot: u32) -> Update {
        let value = format!("{}#{}", sortable(self.now), self.entry);
        Update::of(format!("WIN#{client}")).remove(&Self::name(slot)).when(
            "@ = ?",
            &Self::name(slot),
            text(value),
        )
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
        (0..self.limit).any(|slot| slot != taken && self.is_ours(item, slot))
    }

    fn first_free(&self, item: &Item) -> Timestamp {
        let first =
            (0..self.limit).filter_map(|slot| self.live(item, slot)).map(|(at, _)| at).min();
        first.unwrap_or(self.now).plus(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_to_the_millisecond_when_its_entry_is_a_window_old() {
        let length = Duration::from_secs(3600);
        let slots =
            |millis| Slots { limit: 10, length, entry: "e", now: Timestamp::from_millis(millis) };
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
