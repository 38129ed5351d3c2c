//! Secret randomness: the generator and the samplers of secret keys and errors.
//!
//! It lives here and not beside the public expansion in the ring crate, so that the evaluator
//! cannot even link it.

mod gaussian;
pub mod ternary;

use core::fmt;

use blindsight_ring::sampling::Seed;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use zeroize::{ZeroizeOnDrop, Zeroizing};

pub use gaussian::DiscreteGaussian;

/// The cryptographically secure generator behind secrets and errors: ChaCha20, 20 rounds.
///
/// This crate never asks the operating system for entropy, so that it runs anywhere: the caller
/// brings a key. The generator is neither `Clone` nor serialisable, because a repeated stream
/// would repeat errors, which reveals the secret key. Its state lives on the heap, where moving the
/// generator leaves no copy of it, and is wiped when it is dropped.
pub struct SecretRng {
    stream: Box<ChaCha20Rng>,
    /// What comes instead of the stream, over and over: so a test chooses what is sampled.
    #[cfg(test)]
    replayed: Option<std::iter::Cycle<std::vec::IntoIter<u64>>>,
}

impl SecretRng {
    /// Starts the generator from a key, which must come from the operating system's entropy
    /// source and serve only once. A fixed key is for tests.
    ///
    /// The caller's own copy of the key is the caller's to wipe.
    #[must_use]
    pub fn from_key(key: &[u8; 32]) -> Self {
        Self {
            stream: Box::new(ChaCha20Rng::from_seed(*key)),
            #[cfg(test)]
            replayed: None,
        }
    }

    /// A generator whose words are chosen.
    #[cfg(test)]
    pub(crate) fn replaying(words: Vec<u64>) -> Self {
        Self { replayed: Some(words.into_iter().cycle()), ..Self::from_key(&[0; 32]) }
    }

    /// A generator of its own, keyed by this one: for work that is done side by side.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        self.fill_bytes(&mut *key);
        Self::from_key(&key)
    }

    /// 64 uniform bits.
    #[must_use]
    pub fn next_u64(&mut self) -> u64 {
        #[cfg(test)]
        if let Some(word) = self.replayed.as_mut().and_then(Iterator::next) {
            return word;
        }
        self.stream.next_u64()
    }

    /// Overwrites `out` with uniform words.
    pub fn fill_u64(&mut self, out: &mut [u64]) {
        out.fill_with(|| self.next_u64());
    }

    /// Overwrites `out` with uniform bytes.
    pub fn fill_bytes(&mut self, out: &mut [u8]) {
        self.stream.fill_bytes(out);
    }

    /// A fresh public seed. Publishing it reveals nothing about the generator's other output.
    #[must_use]
    pub fn next_seed(&mut self) -> Seed {
        let mut bytes = [0; Seed::BYTES];
        self.fill_bytes(&mut bytes);
        Seed::from_bytes(bytes)
    }
}

impl fmt::Debug for SecretRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretRng(..)")
    }
}

impl ZeroizeOnDrop for SecretRng {}

// Wiping relies on a feature of `chacha20`: without it, this line does not compile.
const _: () = require_zeroize_on_drop::<ChaCha20Rng>();

const fn require_zeroize_on_drop<T: ZeroizeOnDrop>() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_key_same_words() {
        let mut a = SecretRng::from_key(&[7; 32]);
        let mut b = SecretRng::from_key(&[7; 32]);
        let mut c = SecretRng::from_key(&[8; 32]);
        let words: Vec<u64> = (0..40).map(|_| a.next_u64()).collect();
        let mut filled = [0; 40];
        b.fill_u64(&mut filled);
        assert_eq!(words, filled);
        assert_ne!(words[0], c.next_u64());
    }

    #[test]
    fn is_chacha20() {
        // The keystream of the all-zero key, nonce and counter (RFC 8439, appendix A.1, vector 1).
        let mut bytes = [0; 16];
        SecretRng::from_key(&[0; 32]).fill_bytes(&mut bytes);
        let expected = 0x28bd_8653_e56a_5d40_903d_f1a0_ade0_b876_u128;
        assert_eq!(u128::from_le_bytes(bytes), expected);
    }

    #[test]
    fn fresh_seeds_differ() {
        let mut rng = SecretRng::from_key(&[1; 32]);
        assert_ne!(rng.next_seed(), rng.next_seed());
    }

    #[test]
    fn debug_tells_nothing() {
        let rng = SecretRng::from_key(&[0xAB; 32]);
        assert_eq!(format!("{rng:?}"), "SecretRng(..)");
    }
}
