//! What a warm process remembers between requests: bounded, and lost with the process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// The last so many things remembered, by key. The oldest gives way.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    /// Counts what was ever remembered, and so tells the oldest.
    count: u64,
    entries: HashMap<K, (u64, V)>,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, inner: Mutex::new(Inner { count: 0, entries: HashMap::new() }) }
    }

    pub(super) fn recall(&self, key: &K) -> Option<V> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries.get(key).map(|(_, value)| value.clone())
    }

    pub(super) fn forget(&self, key: &K) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.remove(key);
    }

    /// Remembers what `change` makes of what was remembered, and gives it.
    pub(super) fn update(&self, key: &K, change: impl FnOnce(Option<V>) -> V) -> V {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let value = change(inner.entries.get(key).map(|(_, value)| value.clone()));
        inner.count += 1;
        let age = inner.count;
        inner.entries.insert(key.clone(), (age, value.clone()));
        if inner.entries.len() > self.most {
            let oldest = inner.entries.iter().min_by_key(|(_, (age, _))| *age);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                inner.entries.remove(&oldest);
            }
        }
        value
    }

    pub(super) fn remember(&self, key: &K, value: V) {
        self.update(key, |_| value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way_and_what_is_remembered_again_is_not_old() {
        let recent = Recent::new(2);
        recent.remember(&"a", 1);
        recent.remember(&"b", 2);
        assert_eq!(recent.update(&"a", |old| old.unwrap_or_default() + 10), 11);
        recent.remember(&"c", 3);
        assert_eq!(
            (recent.recall(&"a"), recent.recall(&"b"), recent.recall(&"c")),
            (Some(11), None, Some(3))
        );
        recent.forget(&"a");
        assert_eq!(recent.recall(&"a"), None);
    }
}
