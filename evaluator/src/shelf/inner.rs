//! What stands on a shelf, and who goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::{Wanted, Weight};

pub(super) struct Inner<K, V: ?Sized> {
    entries: HashMap<K, Entry<V>>,
    /// Counts uses.
    clock: u64,
}

struct Entry<V: ?Sized> {
    /// `None` while it is being made, by its only user.
    value: Option<Arc<V>>,
    weight: Weight,
    users: usize,
    last_use: u64,
    /// To be dropped with the end of its use.
    forgotten: bool,
}

impl<K, V: ?Sized> Default for Inner<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), clock: 0 }
    }
}

type Evicted<K, V> = Vec<(K, Arc<V>)>;

impl<K: Clone + Eq + Hash, V: ?Sized> Inner<K, V> {
    /// Takes everything into use and returns what must be made; `None` if one has to wait. Either
    /// way, what had to make room is returned too.
    pub(super) fn try_reserve(
        &mut self,
        wanted: &[Wanted<K>],
        limit: u64,
    ) -> (Option<Vec<K>>, Evicted<K, V>) {
        let in_the_making = |wanted: &Wanted<K>| {
            self.entries.get(&wanted.key).is_some_and(|entry| entry.value.is_none())
        };
        if wanted.iter().any(in_the_making) {
            return (None, Vec::new());
        }
        let missing: Vec<&Wanted<K>> =
            wanted.iter().filter(|wanted| !self.entries.contains_key(&wanted.key)).collect();
        let needed = missing.iter().fold(0_u64, |sum, wanted| sum.saturating_add(wanted.expected));
        let mut evicted = Vec::new();
        if !missing.is_empty() {
            let keep: Vec<K> = wanted.iter().map(|wanted| wanted.key.clone()).collect();
            evicted = self.make_room(limit.saturating_sub(needed), &keep);
            let fits = self.bytes().saturating_add(needed) <= limit;
            if !fits && self.entries.values().any(|entry| entry.users > 0) {
                return (None, evicted);
            }
        }
        for wanted in &missing {
            let weight = Weight { bytes: wanted.expected, shared: None };
            let entry = Entry { value: None, weight, users: 0, last_use: 0, forgotten: false };
            self.entries.insert(wanted.key.clone(), entry);
        }
        self.clock += 1;
        for wanted in wanted {
            if let Some(entry) = self.entries.get_mut(&wanted.key) {
                (entry.last_use, entry.forgotten) = (self.clock, false);
                entry.users += 1;
            }
        }
        (Some(missing.into_iter().map(|wanted| wanted.key.clone()).collect()), evicted)
    }

    /// Puts what was made into its place.
    pub(super) fn fill(&mut self, key: &K, value: Arc<V>, weight: Weight) {
        if let Some(entry) = self.entries.get_mut(key) {
            (entry.value, entry.weight) = (Some(value), weight);
        }
    }

    pub(super) fn value(&self, key: &K) -> Option<Arc<V>> {
        self.entries.get(key)?.value.clone()
    }

    /// Ends a use. What was not made, and what nobody wants any more, leaves.
    pub(super) fn release(&mut self, keys: &[K]) -> Vec<Arc<V>> {
        let mut unwanted = Vec::new();
        for key in keys {
            let Some(entry) = self.entries.get_mut(key) else { continue };
            entry.users = entry.users.saturating_sub(1);
            if entry.users == 0 && (entry.value.is_none() || entry.forgotten) {
                unwanted.extend(self.entries.remove(key).and_then(|entry| entry.value));
            }
        }
        unwanted
    }

    /// Removes what was used longest ago and is not in use, until at most `limit` bytes are left.
    pub(super) fn make_room(&mut self, limit: u64, keep: &[K]) -> Evicted<K, V> {
        let mut evicted = Vec::new();
        while self.bytes() > limit {
            let idle = self.entries.iter().filter(|(key, entry)| {
                entry.users == 0 && entry.value.is_some() && !keep.contains(key)
            });
            let oldest = idle.min_by_key(|(_, entry)| entry.last_use).map(|(key, _)| key.clone());
            let Some(key) = oldest else { break };
            if let Some(value) = self.entries.remove(&key).and_then(|entry| entry.value) {
                evicted.push((key, value));
            }
        }
        evicted
    }

    /// Removes an entry, or lets the end of its use do so.
    pub(super) fn forget(&mut self, key: &K) -> Option<Arc<V>> {
        let entry = self.entries.get_mut(key)?;
        if entry.users > 0 {
            entry.forgotten = true;
            return None;
        }
        self.entries.remove(key)?.value
    }

    pub(super) fn list(&self) -> Vec<(K, u64)> {
        self.entries.iter().map(|(key, entry)| (key.clone(), entry.weight.bytes)).collect()
    }

    pub(super) fn bytes(&self) -> u64 {
        let own = self.entries.values().map(|entry| entry.weight.bytes);
        let shared: HashMap<usize, u64> =
            self.entries.values().filter_map(|entry| entry.weight.shared).collect();
        own.chain(shared.into_values()).fold(0, u64::saturating_add)
    }
}
