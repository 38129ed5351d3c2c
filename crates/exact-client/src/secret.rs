//! TFHE's secrets.

use core::fmt;

use blindsight_ckks_client::SecretRng;
use blindsight_exact::ExactParameters;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The secrets `S` and `z`: bits, uniform.
///
/// Wiped when dropped, and neither copied nor printed.
pub struct ExactSecret {
    ring: Zeroizing<Vec<i8>>,
    lwe: Zeroizing<Vec<i8>>,
}

impl ExactSecret {
    pub(crate) fn sample(set: &ExactParameters, ring: &mut SecretRng, lwe: &mut SecretRng) -> Self {
        Self { ring: bits(ring, set.degree()), lwe: bits(lwe, set.lwe_dimension()) }
    }

    /// The coefficients of `S`, each 0 or 1.
    pub(crate) fn ring(&self) -> &[i8] {
        &self.ring
    }

    /// The bits of `z`.
    pub(crate) fn lwe(&self) -> &[i8] {
        &self.lwe
    }
}

fn bits(rng: &mut SecretRng, count: usize) -> Zeroizing<Vec<i8>> {
    let mut bits = Zeroizing::new(vec![0; count]);
    for chunk in bits.chunks_mut(64) {
        let word = Zeroizing::new(rng.next_u64());
        for (i, bit) in chunk.iter_mut().enumerate() {
            *bit = (*word >> i & 1) as i8;
        }
    }
    bits
}

impl fmt::Debug for ExactSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExactSecret(..)")
    }
}

impl ZeroizeOnDrop for ExactSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_as_often_one_as_zero() {
        let bits = bits(&mut SecretRng::from_key(&[1; 32]), 10_000);
        assert!(bits.iter().all(|bit| [0, 1].contains(bit)));
        let ones = bits.iter().filter(|bit| **bit == 1).count();
        // Five standard deviations of 50.
        assert!(ones.abs_diff(5000) < 250, "{ones}");
    }
}
