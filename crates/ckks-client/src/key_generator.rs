//! Generation of all evaluation keys, one after another.

use core::iter::FusedIterator;

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::parameters::Parameters;

use crate::key_generation::generate_key;
use crate::sampling::SecretRng;
use crate::secret::SecretKey;

/// Yields every key of [`Parameters::keys`] in order.
///
/// A key exists only from the moment it is asked for, so a client can send each before it makes
/// the next, and never holds the whole set. How long each is on the wire is known beforehand: see
/// [`KeySetManifest`](blindsight_ckks::wire::KeySetManifest).
#[derive(Debug)]
pub struct KeyGenerator<'a> {
    set: &'a Parameters,
    secret: &'a SecretKey,
    rng: &'a mut SecretRng,
    next: usize,
}

impl<'a> KeyGenerator<'a> {
    /// The generator of all keys of a parameter set.
    ///
    /// # Panics
    /// If the secret key belongs to another parameter set.
    #[must_use]
    pub fn new(set: &'a Parameters, secret: &'a SecretKey, rng: &'a mut SecretRng) -> Self {
        secret.assert_belongs_to(set);
        Self { set, secret, rng, next: 0 }
    }

    /// The number of keys made so far.
    #[must_use]
    pub fn done(&self) -> usize {
        self.next
    }

    /// The number of keys in the whole set.
    #[must_use]
    pub fn total(&self) -> usize {
        self.set.keys().len()
    }
}

impl Iterator for KeyGenerator<'_> {
    type Item = SeededKey;

    fn next(&mut self) -> Option<SeededKey> {
        (self.next < self.total()).then(|| {
            let key = generate_key(self.set, self.secret, self.next, self.rng);
            self.next += 1;
            key
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.total() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for KeyGenerator<'_> {}
impl FusedIterator for KeyGenerator<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{rng, secret, set};

    #[test]
    fn all_keys_come_in_order() {
        let mut rng = rng(16);
        let mut generator = KeyGenerator::new(set(), secret(), &mut rng);
        let total = set().keys().len();
        for index in 0..total {
            assert_eq!((generator.done(), generator.len()), (index, total - index));
            assert_eq!(generator.next().unwrap().index, index);
        }
        assert_eq!(generator.done(), generator.total());
        assert!(generator.next().is_none() && generator.next().is_none());
    }
}
