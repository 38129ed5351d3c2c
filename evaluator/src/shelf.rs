//! Things that take much memory and much time to make, kept between uses as far as memory allows.
//!
//! Whoever uses something holds a [`Lease`]: it is not dropped meanwhile, nor forgotten in the sum
//! of bytes. What is missing is made once, by the first who asks; room for it is made before. What
//! does not fit at all is made when nobody else uses anything, and stays until room is needed.

mod inner;

use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inner::Inner;

/// A shelf of values `V` by their names `K`.
pub struct Shelf<K, V: ?Sized> {
    inner: Mutex<Inner<K, V>>,
    changed: Condvar,
    limit: u64,
    on_evict: Box<dyn Fn(&K) + Send + Sync>,
}

/// The bytes that a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// Its own.
    pub bytes: u64,
    /// What it has in common with others: a name of that, and its bytes. It counts once.
    pub shared: Option<(usize, u64)>,
}

/// What is wanted: its name, and the bytes that are expected to be taken by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<K> {
    /// The name.
    pub key: K,
    /// Bytes.
    pub expected: u64,
}

/// Why there is nothing to use.
#[derive(Debug, PartialEq, Eq)]
pub enum AcquireError<E> {
    /// Whoever waited gave up.
    GivenUp,
    /// It could not be made.
    Load(E),
}

/// Values in use.
pub struct Lease<'a, K: Clone + Eq + Hash, V: ?Sized> {
    shelf: &'a Shelf<K, V>,
    keys: Vec<K>,
    values: Vec<Arc<V>>,
}

/// How often somebody who waits looks whether to give up.
const PATIENCE: Duration = Duration::from_millis(50);

impl<K: Clone + Eq + Hash, V: ?Sized> Shelf<K, V> {
    /// An empty shelf for so many bytes. `on_evict` is told what had to make room.
    #[must_use]
    pub fn new(limit: u64, on_evict: impl Fn(&K) + Send + Sync + 'static) -> Self {
        let inner = Mutex::new(Inner::default());
        Self { inner, changed: Condvar::new(), limit, on_evict: Box::new(on_evict) }
    }

    /// Takes all of `wanted` into use, or nothing: two who need several things never wait for each
    /// other. What is missing is made by `load`, once; others who want it wait.
    ///
    /// # Errors
    /// Those of `load`, and [`AcquireError::GivenUp`] as soon as `give_up` says so.
    pub fn acquire<E>(
        &self,
        wanted: &[Wanted<K>],
        give_up: &dyn Fn() -> bool,
        mut load: impl FnMut(&K) -> Result<(Arc<V>, Weight), E>,
    ) -> Result<Lease<'_, K, V>, AcquireError<E>> {
        let missing = self.reserve(wanted, give_up).ok_or(AcquireError::GivenUp)?;
        // From here on its end gives everything back, also what could not be made.
        let keys = wanted.iter().map(|wanted| wanted.key.clone()).collect();
        let mut lease = Lease { shelf: self, keys, values: Vec::new() };
        for key in &missing {
            let (value, weight) = load(key).map_err(AcquireError::Load)?;
            let mut inner = self.inner();
            inner.fill(key, value, weight);
            let evicted = inner.make_room(self.limit, &lease.keys);
            drop(inner);
            self.changed.notify_all();
            self.tell(evicted);
        }
        let inner = self.inner();
        lease.values = lease.keys.iter().filter_map(|key| inner.value(key)).collect();
        drop(inner);
        Ok(lease)
    }

    /// Drops what is called so, at once or with the end of its use.
    pub fn remove(&self, key: &K) {
        let removed = self.inner().forget(key);
        drop(removed);
        self.changed.notify_all();
    }

    /// What is there, with its own bytes.
    #[must_use]
    pub fn list(&self) -> Vec<(K, u64)> {
        self.inner().list()
    }

    /// All bytes together, those being made included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner().bytes()
    }

    fn reserve(&self, wanted: &[Wanted<K>], give_up: &dyn Fn() -> bool) -> Option<Vec<K>> {
        loop {
            if give_up() {
                return None;
            }
            let mut inner = self.inner();
            let (reserved, evicted) = inner.try_reserve(wanted, self.limit);
            if !evicted.is_empty() {
                drop(inner);
                self.tell(evicted);
            } else if reserved.is_none() {
                // Poisoned or not: the next round looks again.
                drop(self.changed.wait_timeout(inner, PATIENCE));
            }
            if reserved.is_some() {
                return reserved;
            }
        }
    }

    /// Values are dropped here, where nobody waits for the lock.
    fn tell(&self, evicted: Vec<(K, Arc<V>)>) {
        for (key, value) in evicted {
            drop(value);
            (self.on_evict)(&key);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, V: ?Sized> Lease<'_, K, V> {
    /// The values, in the order in which they were wanted.
    #[must_use]
    pub fn values(&self) -> &[Arc<V>] {
        &self.values
    }
}

impl<K: Clone + Eq + Hash, V: ?Sized> Drop for Lease<'_, K, V> {
    fn drop(&mut self) {
        self.values.clear();
        let mut inner = self.shelf.inner();
        let unwanted = inner.release(&self.keys);
        let evicted = inner.make_room(self.shelf.limit, &[]);
        drop(inner);
        self.shelf.changed.notify_all();
        drop(unwanted);
        self.shelf.tell(evicted);
    }
}

#[cfg(test)]
mod tests;
