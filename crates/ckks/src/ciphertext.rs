//! Ciphertexts.

use blindsight_ring::sampling::Seed;
use blindsight_ring::{Ntt, Poly};

use crate::evaluation_key::uniform;

/// A ciphertext `(c0, c1)`: `c0 + c1 s` is the encoded message times `scale`, plus noise.
///
/// Its level is its number of limbs: the modulus is the product of the first `level` primes of the
/// chain.
#[derive(Debug, Clone)]
pub struct Ciphertext {
    /// The half that carries the message.
    pub c0: Poly<Ntt>,
    /// The half that meets the secret.
    pub c1: Poly<Ntt>,
    /// What the message is multiplied by: tracked exactly, since no two primes are equal.
    pub scale: f64,
}

impl Ciphertext {
    /// The number of limbs.
    #[must_use]
    pub fn level(&self) -> usize {
        self.c0.basis().len()
    }

    /// Drops limbs down to `level`: the same message under a smaller modulus.
    pub fn drop_to(&mut self, level: usize) {
        self.c0.truncate(level);
        self.c1.truncate(level);
    }
}

/// A fresh ciphertext as it travels: `c1` is uniform and only its seed is sent.
#[derive(Debug, Clone)]
pub struct SeededCiphertext {
    /// The half that carries the message.
    pub c0: Poly<Ntt>,
    /// Expands to `c1`.
    pub seed: Seed,
    /// What the message is multiplied by.
    pub scale: f64,
}

impl SeededCiphertext {
    /// The ciphertext with both halves: recomputes the uniform one.
    #[must_use]
    pub fn expand(self) -> Ciphertext {
        let c1 = uniform(self.c0.basis(), &self.seed, 0);
        Ciphertext { c0: self.c0, c1, scale: self.scale }
    }
}
