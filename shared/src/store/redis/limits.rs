//! Limits: leases in sorted sets, and days in hashes. A window and the slots differ in how many fit and how
//! long they last.

use std::time::Duration;

use super::reply::unexpected;
use super::transport::Command;
use super::{DAY_MILLIS, Redis, names, scripts};
use crate::call::{CallId, Timestamp};
use crate::store::limits::DAY_ENTRIES;
use crate::store::{DAY_ENTRY_KEPT, DayHours};
use crate::store::{Limits, Nonce, StoreError, StoreFuture, Taken, Window};

impl Redis {
    async fn lease(
        &self,
        (key, owner): (&str, &str),
        limit: u32,
        until: Timestamp,
        following: &str,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let arguments = [
            &*now.as_millis().to_string(),
            owner,
            &limit.to_string(),
            &until.as_millis().to_string(),
            &garbage_after(until, now),
            following,
        ];
        let reply = self.run_one(Command::eval(scripts::LEASE, &[key], &arguments)).await?;
        let Some(refusal) = reply.text()? else { return Ok(Taken::Yes) };
        let (what, free_at) = refusal.split_once(' ').ok_or_else(unexpected)?;
        let free_at = Timestamp::from_millis(free_at.parse().map_err(|_| unexpected())?);
        match what {
            "full" => Ok(Taken::No { free_at }),
            "soon" => Ok(Taken::TooSoon { free_at }),
            _ => Err(unexpected()),
        }
    }

    async fn end_lease(&self, key: &str, owner: &str) -> Result<(), StoreError> {
        self.run_one(Command::new(["ZREM", key, owner])).await.map(|_| ())
    }
}

/// Seconds after which Redis may drop what ends by our clocks much sooner.
fn garbage_after(until: Timestamp, now: Timestamp) -> String {
    let left = until.as_millis().saturating_sub(now.as_millis()).max(0);
    (left.saturating_add(DAY_MILLIS) / 1000).to_string()
}

impl Limits for Redis {
    fn take_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            let (key, until) = (names::window(name), now.plus(window.length));
            let millis = |of: Duration| i64::try_from(of.as_millis()).unwrap_or(i64::MAX);
            let following = match window.spacing {
                Duration::ZERO => String::new(),
                spacing => millis(spacing).saturating_sub(millis(window.length)).to_string(),
            };
            self.lease((&key, entry.as_str()), window.limit, until, &following, now).await
        })
    }

    fn give_window_back<'a>(
        &'a self,
        name: &'a str,
        _: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.end_lease(&names::window(name), entry.as_str()).await })
    }

    fn take_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            self.keeps_keys().await?;
            self.lease((names::SLOTS, call_id.as_str()), limit, lease_end, "", now).await
        })
    }

    fn free_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()> {
        Box::pin(self.end_lease(names::SLOTS, call_id.as_str()))
    }

    fn take_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            self.keeps_keys().await?;
            let kept = i64::try_from(DAY_ENTRY_KEPT.as_millis()).unwrap_or(i64::MAX);
            let arguments = [
                &*now.as_millis().to_string(),
                entry.as_str(),
                &limit.to_string(),
                &DayHours::of(now).to_string(),
                &DayHours::oldest(now).to_string(),
                &now.as_millis().saturating_sub(kept).to_string(),
                &DAY_ENTRIES.to_string(),
                &(2 * DAY_MILLIS / 1000).to_string(),
            ];
            let script = Command::eval(scripts::TAKE_DAY, &[&names::day(name)], &arguments);
            let Some(free_at) = self.run_one(script).await?.text()? else { return Ok(Taken::Yes) };
            let free_at = free_at.parse().map_err(|_| unexpected())?;
            Ok(Taken::No { free_at: Timestamp::from_millis(free_at) })
        })
    }

    fn give_day_back<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        _: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let key = names::day(name);
            let script = Command::eval(scripts::GIVE_DAY_BACK, &[&key], &[entry.as_str()]);
            self.run_one(script).await.map(|_| ())
        })
    }
}
