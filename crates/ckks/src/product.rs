//! Ciphertexts as products leave them.

use blindsight_ring::{Ntt, Poly};

/// A ciphertext of several parts: `parts[0] + parts[1] s + parts[2] s^2 + ...` is the message times
/// `scale`, plus noise. A product has one part less than its factors together, until a key brings it
/// back to two; who has no key, or wants none, leaves it so.
#[derive(Debug, Clone)]
pub struct ProductCiphertext {
    /// What the powers of the secret are multiplied by, one part or more, all modulo the same
    /// primes.
    pub parts: Vec<Poly<Ntt>>,
    /// What the message is multiplied by.
    pub scale: f64,
}

impl ProductCiphertext {
    /// The most parts that a ciphertext may have: three squarings of a fresh one leave 9.
    pub const MOST_PARTS: usize = 16;

    /// The largest `log2` of a modulus: readers compose residues in integers of 256 bits, with a bit
    /// to spare.
    pub const MOST_LOG2: f64 = 254.0;

    /// The number of limbs.
    #[must_use]
    pub fn level(&self) -> usize {
        self.parts.first().map_or(0, |part| part.basis().len())
    }
}
