//! Reading calls back, one or the newest.

use std::collections::HashSet;

use super::hash::Hash;
use super::names::{self, CALL_ID, CALL_SID, CALLS};
use super::reply::{Reply, unexpected};
use super::transport::Command;
use super::view::{Joined, View};
use super::{DAY_MILLIS, GARBAGE_DAYS, Redis};
use crate::call::{CallId, CallSid, Timestamp};
use crate::store::{Calls, Lookup, Record, StoreError, StoreFuture};

/// How many calls are asked for at once.
const PAGE: usize = 50;

impl Calls for Redis {
    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            let view = self.read(by).await?;
            Ok(view.is_there(now).then(|| view.record(None)))
        })
    }

    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(self.newest(usize::try_from(limit).unwrap_or(usize::MAX), now))
    }
}

/// A key of the list with its call, and the other half's key if there is one.
struct Entry {
    key: String,
    view: View,
    other: Option<String>,
    /// Whether the other half is in the list as well.
    is_other_listed: bool,
}

impl Redis {
    async fn newest(&self, limit: usize, now: Timestamp) -> Result<Vec<Record>, StoreError> {
        let (mut records, mut met, mut offset) = (Vec::new(), HashSet::new(), 0);
        while records.len() < limit {
            let keys = self.page(offset, (limit - records.len()).min(PAGE), now).await?;
            if keys.is_empty() {
                break;
            }
            offset += keys.len();
            for entry in self.entries(keys).await? {
                // A call created meanwhile moves the page.
                let is_news = met.insert(entry.key.clone());
                if is_news
                    && entry.view.is_there(now)
                    && !entry.is_listed_elsewhere(&met)
                    && records.len() < limit
                {
                    records.push(entry.view.record(None));
                }
            }
        }
        Ok(records)
    }

    async fn page(
        &self,
        offset: usize,
        size: usize,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let garbage = now.as_millis() - self.retention_millis - GARBAGE_DAYS * DAY_MILLIS;
        let (first, last) = (offset.to_string(), (offset + size - 1).to_string());
        let list = Command::new(["ZREVRANGE", CALLS, &first, &last]);
        let mut commands = vec![list];
        if offset == 0 {
            let garbage = garbage.to_string();
            commands.push(Command::new(["ZREMRANGEBYSCORE", CALLS, "-inf", &garbage]));
        }
        let keys = self.run(commands).await?.swap_remove(0).list()?;
        keys.into_iter().map(|key| key.text()?.ok_or_else(unexpected)).collect()
    }

    /// The calls under these keys: one round trip, and one more for their other halves.
    async fn entries(&self, keys: Vec<String>) -> Result<Vec<Entry>, StoreError> {
        let commands = keys.iter().map(|key| Command::new(["HGETALL", key])).collect();
        let mut entries = Vec::new();
        for (key, reply) in keys.into_iter().zip(self.run(commands).await?) {
            if let Some(view) = view_of(&key, Hash::from_reply(reply)?) {
                let other = other_half(&view);
                entries.push(Entry { key, view, other, is_other_listed: false });
            }
        }
        let others = entries.iter().filter_map(|entry| entry.other.as_ref());
        let commands: Vec<_> = others
            .flat_map(|key| [Command::new(["HGETALL", key]), Command::new(["ZSCORE", CALLS, key])])
            .collect();
        if commands.is_empty() {
            return Ok(entries);
        }
        let mut replies = self.run(commands).await?.into_iter();
        for entry in entries.iter_mut().filter(|entry| entry.other.is_some()) {
            let hash = Hash::from_reply(replies.next().ok_or_else(unexpected)?)?;
            let is_listed = replies.next().ok_or_else(unexpected)? != Reply::Nil;
            entry.add(hash, is_listed);
        }
        Ok(entries)
    }
}

impl Entry {
    fn add(&mut self, hash: Hash, is_listed: bool) {
        let other = self.other.as_deref().and_then(|key| view_of(key, hash));
        let Some(other) = other else { return };
        let (mine, theirs) = (std::mem::take(&mut self.view), other);
        let is_dialled = mine.dialled.is_some();
        let dialled = mine.dialled.or(theirs.dialled);
        let named = mine.named.or(theirs.named);
        let (Some(dialled), Some(named)) = (dialled, named) else { return };
        let joined = View::join(dialled, named);
        self.is_other_listed = is_listed && matches!(joined, Joined::One(_));
        self.view = if is_dialled { joined.by_id() } else { joined.by_sid() };
    }

    /// A call is as old as its older half: the younger one's place in the list does not count.
    fn is_listed_elsewhere(&self, met: &HashSet<String>) -> bool {
        let created = |hash: &Hash| hash.born().map(|born| born.created_at);
        let (Some((id, dialled)), Some((_, named)), Some(other)) =
            (&self.view.dialled, &self.view.named, &self.other)
        else {
            return false;
        };
        let is_dialled = self.key == names::dialled(id);
        let (mine, theirs) = if is_dialled { (dialled, named) } else { (named, dialled) };
        self.is_other_listed
            && (created(theirs) < created(mine)
                || (created(theirs) == created(mine) && met.contains(other)))
    }
}

fn view_of(key: &str, hash: Hash) -> Option<View> {
    let name = key.strip_prefix(names::CALL)?;
    match (CallId::parse(name), CallSid::parse(name)) {
        (Ok(call_id), _) => Some(View::of_dialled(call_id, hash)),
        (_, Ok(call_sid)) => Some(View::of_named(call_sid, hash)),
        _ => None,
    }
}

fn other_half(view: &View) -> Option<String> {
    match (&view.dialled, &view.named) {
        (Some((_, hash)), _) => hash.get(CALL_SID),
        (_, Some((_, hash))) => hash.get(CALL_ID),
        (None, None) => None,
    }
    .map(|name| format!("{}{name}", names::CALL))
}
