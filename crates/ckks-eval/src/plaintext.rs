//! Encoded plaintexts that are added to ciphertexts.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ring::{Limb, Ntt, Poly};

use crate::context::Context;
use crate::error::{EvalError, check_level, check_scale};

/// Slot values encoded at one level and scale.
#[derive(Debug)]
pub struct Plaintext {
    poly: Poly<Ntt>,
    scale: f64,
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
        Self { poly: Poly::from_signed(&set.modulus(level), &coefficients).into_ntt(), scale }
    }

    /// The bytes that the plaintext occupies in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.poly.limbs().iter().map(Limb::byte_len).sum()
    }

    /// Adds the values to the slots of a ciphertext of the same level and scale.
    ///
    /// # Errors
    /// When level or scale differ.
    pub fn add_to(&self, c: &mut Ciphertext) -> Result<(), EvalError> {
        const OPERATION: &str = "adding a plaintext";
        let (own, other) = (self.poly.basis().len(), c.level());
        check_level(OPERATION, own.min(other), own.max(other))?;
        check_scale(OPERATION, c.scale, self.scale)?;
        c.c0.add_assign(&self.poly);
        Ok(())
    }
}
