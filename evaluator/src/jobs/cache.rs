//! Expanded keys, kept between jobs as far as memory allows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::served::ClientKeys;

/// Expanded keys by the SHA-256 of their bundle, least recently used first out, bounded in bytes.
pub struct KeyCache {
    inner: Mutex<Inner>,
    limit: u64,
    /// Held by whoever uses keys that do not fit: one such set is in memory at a time.
    oversized: Mutex<()>,
}

struct Inner {
    entries: LruCache<[u8; 32], Arc<dyn ClientKeys>>,
    bytes: u64,
}

/// Keys ready for use. Where they do not fit in the cache, nobody else has such keys meanwhile.
pub struct CachedKeys<'a> {
    /// The keys.
    pub keys: Arc<dyn ClientKeys>,
    _alone: Option<MutexGuard<'a, ()>>,
}

impl KeyCache {
    /// An empty cache that keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        let inner = Inner { entries: LruCache::unbounded(), bytes: 0 };
        Self { inner: Mutex::new(inner), limit, oversized: Mutex::new(()) }
    }

    /// The keys of a bundle: those that are here, or else what `load` makes. Room for `expected`
    /// bytes is made first, so that old and new keys are not in memory together.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn get_or_load<E>(
        &self,
        sha256: [u8; 32],
        expected: usize,
        load: impl FnOnce() -> Result<Box<dyn ClientKeys>, E>,
    ) -> Result<CachedKeys<'_>, E> {
        if let Some(keys) = self.inner().entries.get(&sha256) {
            return Ok(CachedKeys { keys: keys.clone(), _alone: None });
        }
        let fits = expected as u64 <= self.limit;
        let alone = (!fits).then(|| self.oversized.lock().unwrap_or_else(PoisonError::into_inner));
        self.inner().make_room(self.limit.saturating_sub(expected as u64));
        let keys: Arc<dyn ClientKeys> = load()?.into();
        if fits {
            self.inner().insert(sha256, keys.clone(), self.limit);
        }
        Ok(CachedKeys { keys, _alone: alone })
    }

    /// Forgets the keys of a bundle.
    pub fn remove(&self, sha256: &[u8; 32]) {
        let mut inner = self.inner();
        if let Some(keys) = inner.entries.pop(sha256) {
            inner.bytes -= keys.byte_len() as u64;
        }
    }

    /// Bytes and number of the sets that are kept.
    #[must_use]
    pub fn usage(&self) -> (u64, usize) {
        let inner = self.inner();
        (inner.bytes, inner.entries.len())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn make_room(&mut self, limit: u64) {
        while self.bytes > limit
            && let Some((_, keys)) = self.entries.pop_lru()
        {
            self.bytes -= keys.byte_len() as u64;
        }
    }

    fn insert(&mut self, sha256: [u8; 32], keys: Arc<dyn ClientKeys>, limit: u64) {
        let bytes = keys.byte_len() as u64;
        self.make_room(limit.saturating_sub(bytes));
        if bytes > limit {
            return;
        }
        self.bytes += bytes;
        if let Some((_, old)) = self.entries.push(sha256, keys) {
            self.bytes -= old.byte_len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::engine::EvaluateError;

    struct Fake(usize);

    impl ClientKeys for Fake {
        fn byte_len(&self) -> usize {
            self.0
        }

        fn evaluate(
            &self,
            _: &[u8],
            _: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
        ) -> Result<Vec<u8>, EvaluateError> {
            Ok(Vec::new())
        }
    }

    /// Whether the keys had to be loaded.
    fn loads(cache: &KeyCache, name: u8, bytes: usize) -> bool {
        let mut loaded = false;
        let load = || {
            loaded = true;
            Ok::<_, ()>(Box::new(Fake(bytes)) as Box<dyn ClientKeys>)
        };
        cache.get_or_load([name; 32], bytes, load).map(drop).unwrap();
        loaded
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let cache = KeyCache::new(100);
        assert!(loads(&cache, 1, 40) && loads(&cache, 2, 40));
        assert!(!loads(&cache, 1, 40));
        assert!(loads(&cache, 3, 40));
        assert_eq!(cache.usage(), (80, 2));
        assert!(!loads(&cache, 1, 40) && loads(&cache, 2, 40));
        cache.remove(&[1; 32]);
        assert_eq!(cache.usage(), (40, 1));
        assert!(loads(&cache, 1, 40));
    }

    #[test]
    fn keys_that_do_not_fit_are_loaded_for_one_job() {
        let cache = KeyCache::new(100);
        assert!(loads(&cache, 1, 101) && loads(&cache, 1, 101));
        assert_eq!(cache.usage(), (0, 0));
        // A wrong expectation does not break the bound.
        let load = || Ok::<_, ()>(Box::new(Fake(500)) as Box<dyn ClientKeys>);
        cache.get_or_load([9; 32], 1, load).map(drop).unwrap();
        assert_eq!(cache.usage(), (0, 0));
    }
}
