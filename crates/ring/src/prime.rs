//! An NTT-friendly prime with everything that arithmetic modulo it needs.

use core::fmt;
use core::ops::{Deref, RangeInclusive};

use thiserror::Error;

use crate::arith::{is_prime, mul_mod};
use crate::limb::Limb;
use crate::modulus::{MAX_PRIME_BITS, Modulus};
use crate::transform::Transform;

/// The smallest and the largest ring degree that the transforms support.
pub const DEGREES: RangeInclusive<usize> = 1 << 6..=1 << 16;

/// Why a number cannot serve as a modulus.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrimeError {
    /// The ring degree is not a power of two in [`DEGREES`].
    #[error("ring degree {0} is not a power of two from 2^6 to 2^16")]
    Degree(usize),
    /// The modulus is too small or too large.
    #[error("modulus {0} is not below 2^50 and above the ring degree")]
    Size(u64),
    /// The modulus is composite, or the ring has no `2N`-th root of unity modulo it.
    #[error("modulus {0} is not a prime that is 1 modulo twice the ring degree")]
    NotNttFriendly(u64),
}

/// A prime `q = 1 mod 2N` below `2^50` with its transforms. Its constants are those of the
/// [`Modulus`] that it dereferences to.
pub struct Prime {
    modulus: Modulus,
    transform: Transform,
    /// The value that `X^(N/2)` takes on the first half of the NTT array; it takes the negative on
    /// the second half. It is a square root of -1.
    imaginary_unit: u64,
}

impl Prime {
    /// Prepares arithmetic modulo `value` in the ring of degree `degree`.
    ///
    /// # Errors
    /// When the degree is unsupported or the value is not a suitable prime.
    pub fn new(value: u64, degree: usize) -> Result<Self, PrimeError> {
        Self::check(value, degree)?;
        let modulus = Modulus::new(value, degree);
        let transform = Transform::new(&modulus).ok_or(PrimeError::NotNttFriendly(value))?;
        let mut prime = Self { modulus, transform, imaginary_unit: 0 };
        let mut monomial = Limb::zero(&prime);
        monomial.set(degree / 2, 1);
        prime.forward_ntt(&mut monomial);
        prime.imaginary_unit = monomial.get(0);
        Ok(prime)
    }

    /// Whether [`Prime::new`] would take the value, without the tables, which take most of its time.
    ///
    /// # Errors
    /// As [`Prime::new`].
    pub fn check(value: u64, degree: usize) -> Result<(), PrimeError> {
        if !degree.is_power_of_two() || !DEGREES.contains(&degree) {
            return Err(PrimeError::Degree(degree));
        }
        if value >> MAX_PRIME_BITS != 0 || value <= degree as u64 {
            return Err(PrimeError::Size(value));
        }
        if !is_prime(value) || value % (2 * degree as u64) != 1 {
            return Err(PrimeError::NotNttFriendly(value));
        }
        Ok(())
    }

    /// The residue of `X^(N/2)` on the first half of the NTT array (its negative on the second):
    /// multiplying by the complex constant `a + ib` is multiplying by `a + b * unit` on one half
    /// and by `a - b * unit` on the other.
    #[must_use]
    pub fn imaginary_unit(&self) -> u64 {
        self.imaginary_unit
    }

    /// Transforms coefficients (natural order) into NTT values (bit-reversed order) in place.
    pub fn forward_ntt(&self, limb: &mut Limb) {
        self.transform.forward(limb);
    }

    /// Transforms NTT values back, leaving every coefficient `N` times too large: callers fold
    /// [`Modulus::degree_inverse`] into a multiplication that they do anyway.
    pub fn inverse_ntt_unscaled(&self, limb: &mut Limb) {
        self.transform.inverse_unscaled(limb);
    }

    /// Writes the coefficients of `from`, which holds NTT values, to `to`, times the plain residue
    /// `factor`.
    pub fn inverse_ntt_scaled(&self, from: &Limb, to: &mut Limb, factor: u64) {
        let scale = mul_mod(factor % self.value(), self.degree_inverse(), self.value());
        self.transform.inverse_scaled(&self.modulus, from, to, scale);
    }
}

impl Deref for Prime {
    type Target = Modulus;

    fn deref(&self) -> &Modulus {
        &self.modulus
    }
}

impl fmt::Debug for Prime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prime({}, N = {})", self.value(), self.degree())
    }
}

impl PartialEq for Prime {
    fn eq(&self, other: &Self) -> bool {
        self.modulus == other.modulus
    }
}

impl Eq for Prime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_unsuitable_moduli() {
        assert_eq!(Prime::new(97, 100).unwrap_err(), PrimeError::Degree(100));
        assert_eq!(Prime::new(97, 32).unwrap_err(), PrimeError::Degree(32));
        assert_eq!(Prime::new(786_433, 1 << 17).unwrap_err(), PrimeError::Degree(1 << 17));
        assert_eq!(Prime::new(1 << 50, 64).unwrap_err(), PrimeError::Size(1 << 50));
        assert_eq!(Prime::new(257 * 3, 64).unwrap_err(), PrimeError::NotNttFriendly(771));
        assert_eq!(Prime::new(131, 64).unwrap_err(), PrimeError::NotNttFriendly(131));
    }

    #[test]
    fn imaginary_unit_squares_to_minus_one() {
        for q in [257, 268_369_921, 34_359_410_689, 1_125_899_904_679_937] {
            let prime = Prime::new(q, 128).unwrap();
            assert_eq!(mul_mod(prime.imaginary_unit(), prime.imaginary_unit(), q), q - 1);
            let mut monomial = Limb::zero(&prime);
            monomial.set(64, 1);
            prime.forward_ntt(&mut monomial);
            for i in 0..128 {
                let expected =
                    if i < 64 { prime.imaginary_unit() } else { q - prime.imaginary_unit() };
                assert_eq!(monomial.get(i), expected);
            }
        }
    }
}
