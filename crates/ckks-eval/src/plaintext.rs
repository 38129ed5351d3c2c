//! Encoded plaintexts that are added to ciphertexts.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ring::{Ntt, Poly};

use crate::evaluator::Context;

/// Slot values encoded at one level and scale.
#[derive(Debug)]
pub struct Plaintext {
    poly: Poly<Ntt>,
}

impl Plaintext {
    /// Encodes values that repeat over the slots: a power of two of them.
    #[must_use]
    pub fn encode(context: &Context, values: &[Complex64], scale: f64, level: usize) -> Self {
        let set = context.set();
        let short = set.encoder().encode(values, scale);
        // A short period is a polynomial in a power of X.
        let gap = set.degree() / short.len();
        let mut coefficients = vec![0_i64; set.degree()];
        for (i, c) in short.into_iter().enumerate() {
            coefficients[i * gap] = c;
        }
        Self { poly: Poly::from_signed(&set.modulus(level), &coefficients).into_ntt() }
    }

    /// Adds the values to the slots of a ciphertext of the same level and scale.
    pub fn add_to(&self, c: &mut Ciphertext) {
        c.c0.add_assign(&self.poly);
    }
}
