//! Recycled, 64-byte aligned buffers.
//!
//! A polynomial's limb is 128 or 256 KiB: asking the allocator for it costs more in page faults
//! than transforming it. Buffers come back when dropped and are handed out again with whatever
//! they held, so a caller must write every word it reads. Secrets are zeroised by their owners
//! before they are dropped.

use core::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aligned_vec::{AVec, ConstAlign};

type Storage<W> = AVec<W, ConstAlign<64>>;

/// A fixed-length array of machine words from the pool.
pub struct Buffer<W: Pooled> {
    storage: Option<Storage<W>>,
}

/// The buffers of one word type that wait to be used again, by `log2` of their length: weights that
/// repeat are short, and must not be in the way of limbs.
#[derive(Debug)]
pub struct Shelf<W> {
    free: [Mutex<Vec<Storage<W>>>; CLASSES],
}

/// Longer buffers share the last class.
const CLASSES: usize = 20;

impl<W> Shelf<W> {
    const fn new() -> Self {
        Self { free: [const { Mutex::new(Vec::new()) }; CLASSES] }
    }

    fn of(&self, len: usize) -> MutexGuard<'_, Vec<Storage<W>>> {
        let class = (len.max(1).ilog2() as usize).min(CLASSES - 1);
        self.free[class].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A word type that has a shelf of its own.
pub trait Pooled: Copy + Default + Send + Sync + 'static {
    /// The shelf for this type.
    fn shelf() -> &'static Shelf<Self>;
}

/// More buffers of a length than a whole classification holds at its peak: a backstop, not a tuning
/// knob.
const SHELF_LIMIT: usize = 4096;

static NARROW: Shelf<u32> = Shelf::new();
static WIDE: Shelf<u64> = Shelf::new();

impl Pooled for u32 {
    fn shelf() -> &'static Shelf<Self> {
        &NARROW
    }
}

impl Pooled for u64 {
    fn shelf() -> &'static Shelf<Self> {
        &WIDE
    }
}

impl<W: Pooled> Buffer<W> {
    /// A buffer of `len` words with arbitrary (initialised) content.
    #[must_use]
    pub fn stale(len: usize) -> Self {
        let recycled = {
            let mut free = W::shelf().of(len);
            // Nearly all buffers of a class have one length, so this almost always takes the last.
            free.iter().rposition(|b| b.len() == len).map(|i| free.swap_remove(i))
        };
        let storage =
            recycled.unwrap_or_else(|| AVec::from_iter(64, (0..len).map(|_| W::default())));
        Self { storage: Some(storage) }
    }

    /// A buffer of `len` zeros.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let mut buffer = Self::stale(len);
        buffer.fill(W::default());
        buffer
    }
}

impl<W: Pooled> Drop for Buffer<W> {
    fn drop(&mut self) {
        if let Some(storage) = self.storage.take() {
            let mut free = W::shelf().of(storage.len());
            if free.len() < SHELF_LIMIT {
                free.push(storage);
            }
        }
    }
}

impl<W: Pooled> Deref for Buffer<W> {
    type Target = [W];

    fn deref(&self) -> &[W] {
        self.storage.as_deref().unwrap_or_default()
    }
}

impl<W: Pooled> DerefMut for Buffer<W> {
    fn deref_mut(&mut self) -> &mut [W] {
        self.storage.as_deref_mut().unwrap_or_default()
    }
}

impl<W: Pooled> Clone for Buffer<W> {
    fn clone(&self) -> Self {
        let mut copy = Self::stale(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_recycled() {
        // A length that no other test asks for, since tests share the shelf.
        let buffer = Buffer::<u32>::zeroed(777);
        assert_eq!(buffer.as_ptr() as usize % 64, 0);
        let address = buffer.as_ptr();
        drop(buffer);
        let again = Buffer::<u32>::stale(777);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(again.len(), 777);
    }
}
