//! A rolling day: one item with a count for each hour, their sum, and the latest entries.
//!
//! To take a place is one conditional write: the sum is below the limit, no hour in the item is
//! over, and the entry is not there yet. The reply to a refused write has the item. It shows that
//! the entry is there already, or that the day is full, or that the item must be swept. In the last
//! case the next write sweeps the item and takes the place. So a place costs 1 request, and 2 for
//! the first dial of an hour and for one dial in [`USUAL`].
//!
//! A sweep removes the hours that are over and the entries that need not be remembered any more.
//! The item then stays below a kilobyte, and DynamoDB bills a write by each kilobyte of the item.

use std::time::Duration;

use super::DynamoDb;
use super::item::{Item, TTL, get_number, millis, number, ttl_seconds};
use super::request::Written;
use super::update::Update;
use crate::call::Timestamp;
use crate::store::limits::DAY_ENTRIES;
use crate::store::{Admission, DAY_ENTRY_KEPT, DayHours, Nonce, StoreError};

/// All places that are taken.
const SUM: &str = "n";
/// No hour in the item is older.
const FIRST: &str = "first";
/// How many places were taken since the item was swept.
const SINCE: &str = "since";
/// Before an hour, and before an entry: names of attributes.
const HOUR: &str = "h";
const ENTRY: &str = "e";

/// After so many the item is swept.
const USUAL: i64 = 16;
/// In a rush there is nothing to sweep: a request that was overtaken a few times waits no longer.
const RUSH: i64 = 128;
const OVERTAKEN: u32 = 3;

/// A request is refused where another overtook it and got a place, or swept.
const TRIES: u32 = 64;

/// How many entries one sweep forgets at most: an expression has at most 4 KB.
const FORGOTTEN: usize = 150;

/// Longer than its last hour counts.
const KEPT: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// How many digits of an entry's nonce are kept, as of a window's.
const ENTRY_DIGITS: usize = 16;

struct Taking<'a> {
    name: &'a str,
    limit: u32,
    entry: String,
    now: Timestamp,
}

fn key(name: &str) -> String {
    format!("CNT#{name}")
}

fn entry_name(entry: &Nonce) -> String {
    format!("{ENTRY}{}", entry.as_str().get(..ENTRY_DIGITS).unwrap_or(entry.as_str()))
}

fn hour_name(hour: i64) -> String {
    format!("{HOUR}{hour}")
}

/// The hours of an item, or its entries and when they came.
fn numbered<'a>(item: &'a Item, kind: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
    let names = item.keys().filter_map(move |name| Some((name.as_str(), name.strip_prefix(kind)?)));
    // No other attribute has such a name.
    let named = names.filter(|(_, rest)| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    named.filter_map(|(name, _)| Some((name, get_number(item, name)?)))
}

fn hours(item: &Item) -> impl Iterator<Item = (i64, i64)> {
    numbered(item, HOUR).filter_map(|(name, count)| Some((name.get(1..)?.parse().ok()?, count)))
}

impl DynamoDb {
    pub(super) async fn add_entry(
        &self,
        name: &str,
        limit: u32,
        entry: &Nonce,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let taking = Taking { name, limit, entry: entry_name(entry), now };
        if let Some(free_at) = DayHours::default().full(limit, now) {
            return Ok(Admission::Full { free_at });
        }
        let mut update = taking.plainly(USUAL);
        for try_number in 0..TRIES {
            let Written::Refused(item) = self.update(&update, now).await? else {
                return Ok(Admission::Granted);
            };
            if item.contains_key(&taking.entry) {
                return Ok(Admission::Granted);
            }
            if let Some(free_at) = DayHours::new(hours(&item), now).full(limit, now) {
                return Ok(Admission::Full { free_at });
            }
            let most = if try_number < OVERTAKEN { USUAL } else { RUSH };
            update = if taking.needs_sweeping(&item, most) {
                taking.sweeping(&item)
            } else {
                taking.plainly(most)
            };
        }
        Err(StoreError::new("DynamoDB: too many at once for the daily limit"))
    }

    /// 1 request, or 2 if another hour has begun since the entry came.
    pub(super) async fn remove_entry(
        &self,
        name: &str,
        entry: &Nonce,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let entry = entry_name(entry);
        let mut hour = DayHours::of(now);
        for _ in 0..2 {
            let Written::Refused(item) = self.update(&giving_back(name, &entry, hour), now).await?
            else {
                return Ok(());
            };
            let Some(at) = get_number(&item, &entry) else { return Ok(()) };
            hour = DayHours::of(Timestamp::from_millis(at));
        }
        Ok(())
    }
}

fn giving_back(name: &str, entry: &str, hour: i64) -> Update {
    let start = |hour: i64| number(hour.saturating_mul(60 * 60 * 1000));
    Update::of(key(name))
        .add(SUM, -1)
        .add(&hour_name(hour), -1)
        .remove(entry)
        .when("@ >= ?", entry, start(hour))
        .when("@ < ?", entry, start(hour.saturating_add(1)))
}

impl Taking<'_> {
    /// One more in this hour; of the sum, `sum` more.
    fn taking(&self, sum: i64) -> Update {
        Update::of(key(self.name))
            .add(SUM, sum)
            .add(&hour_name(DayHours::of(self.now)), 1)
            .set(&self.entry, millis(self.now))
            .set(TTL, ttl_seconds(self.now.plus(KEPT)))
            .when("attribute_not_exists(@)", &self.entry, None)
    }

    fn plainly(&self, most: i64) -> Update {
        self.taking(1)
            .add(SINCE, 1)
            .set_once(FIRST, number(DayHours::of(self.now)))
            .when("attribute_not_exists(@) OR @ < ?", SUM, number(self.limit.into()))
            .when("attribute_not_exists(@) OR @ >= ?", FIRST, number(DayHours::oldest(self.now)))
            .when("attribute_not_exists(@) OR @ < ?", SINCE, number(most))
    }

    fn needs_sweeping(&self, item: &Item, most: i64) -> bool {
        get_number(item, FIRST).is_some_and(|first| first < DayHours::oldest(self.now))
            || get_number(item, SINCE).is_some_and(|since| since >= most)
    }

    /// Sweeps what the item showed, and takes a place. Refused if another swept meanwhile, or if an
    /// hour that is over is not what it was.
    fn sweeping(&self, item: &Item) -> Update {
        let oldest = DayHours::oldest(self.now);
        let over: Vec<(i64, i64)> = hours(item).filter(|(hour, _)| *hour < oldest).collect();
        let swept: i64 = over.iter().map(|(_, count)| count).sum();
        let this = DayHours::of(self.now);
        let first = hours(item).map(|(hour, _)| hour).filter(|hour| *hour >= oldest).min();
        let same = |update: Update, name: &str| match item.get(name) {
            Some(value) => update.when("@ = ?", name, value.clone()),
            None => update.when("attribute_not_exists(@)", name, None),
        };
        let room = i64::from(self.limit).saturating_add(swept);
        let mut update = self
            .taking(1_i64.saturating_sub(swept))
            .set(SINCE, number(1))
            .set(FIRST, number(first.map_or(this, |first| first.min(this))))
            .when("attribute_not_exists(@) OR @ < ?", SUM, number(room));
        update = same(same(update, FIRST), SINCE);
        for (hour, count) in over {
            let name = hour_name(hour);
            update = update.remove(&name).when("@ = ?", &name, number(count));
        }
        self.forgotten(item).fold(update, |update, name| update.remove(name))
    }

    /// The entries that need not be remembered any more, oldest first.
    fn forgotten<'a>(&self, item: &'a Item) -> impl Iterator<Item = &'a str> {
        let kept = i64::try_from(DAY_ENTRY_KEPT.as_millis()).unwrap_or(i64::MAX);
        let since = self.now.as_millis().saturating_sub(kept);
        let mut entries: Vec<(i64, &str)> =
            numbered(item, ENTRY).map(|(name, at)| (at, name)).collect();
        entries.sort_unstable();
        let too_many = entries.len().saturating_sub(DAY_ENTRIES / 2);
        let old = entries.iter().filter(|(at, _)| *at < since).count();
        let number = if entries.len() >= DAY_ENTRIES { old.max(too_many) } else { old };
        entries.into_iter().take(number.min(FORGOTTEN)).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    const HOUR_MILLIS: i64 = 60 * 60 * 1000;

    fn taking(now: Timestamp) -> Taking<'static> {
        Taking { name: "day", limit: 200, entry: "e00ff".to_owned(), now }
    }

    fn item(attributes: &[(&str, i64)]) -> Item {
        let named = |(name, value): &(&str, i64)| ((*name).to_owned(), number(*value));
        attributes.iter().map(named).collect()
    }

    #[test]
    fn a_sweep_drops_the_hours_that_are_over_and_the_entries_that_are_old_and_takes_a_place() {
        let now = Timestamp::from_millis(500_100 * HOUR_MILLIS + 600_000);
        let recent = now.as_millis() - 1000;
        let found = item(&[
            (SUM, 9),
            (FIRST, 500_074),
            (SINCE, 3),
            ("h500074", 4),
            ("h500075", 2),
            ("h500076", 3),
            ("e01", now.as_millis() - 400_000),
            ("e02", recent),
        ]);
        assert!(taking(now).needs_sweeping(&found, USUAL));
        let update = taking(now).sweeping(&found);
        let text = format!("{update:?}");
        for gone in ["h500074", "h500075", "e01"] {
            assert!(text.contains(&format!("{gone:?}")), "{gone} stays: {text}");
        }
        for kept in ["h500076", "e02"] {
            assert!(!text.contains(&format!("{kept:?}")), "{kept} goes: {text}");
        }
        let values = update.values().unwrap();
        let has = |number: &str| {
            values.values().any(|value| *value == AttributeValue::N(number.to_owned()))
        };
        assert!(has("-5") && has("206") && has("500076"), "{values:?}");
    }

    #[test]
    fn at_its_usual_size_the_item_stays_below_a_kilobyte() {
        let mut bytes = "pkCNT#day".len() + 5 * 15;
        bytes += 25 * ("h500074".len() + 5);
        bytes += usize::try_from(USUAL).unwrap() * (1 + ENTRY_DIGITS + 9);
        assert!(bytes < 1024, "{bytes}");
    }
}
