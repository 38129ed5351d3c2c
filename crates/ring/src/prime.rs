//! An NTT-friendly prime with everything that arithmetic modulo it needs.

use core::fmt;
use core::ops::RangeInclusive;

use thiserror::Error;

use crate::arith::{inv_mod_prime, is_prime, mul_mod, reduce_signed};
use crate::limb::Limb;
use crate::transform::Transform;

/// Primes must lie below `2^50`: a Montgomery product with radix `2^52` then leaves two bits for
/// lazily accumulated sums (see [`crate::kernels`]).
pub const MAX_PRIME_BITS: u32 = 50;

/// Residues of primes below `2^31` are stored in 32 bits: half the memory traffic, and the 32-bit
/// NTT is fastest there.
pub const NARROW_PRIME_BITS: u32 = 31;

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

/// A prime `q = 1 mod 2N` below `2^50` with its transforms and Montgomery constants (radix `2^52`).
pub struct Prime {
    value: u64,
    degree: usize,
    transform: Transform,
    /// `-q^-1 mod 2^52`.
    neg_inverse: u64,
    /// `2^52 mod q`: the factor that puts a constant in Montgomery form.
    montgomery_one: u64,
    degree_inverse: u64,
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
        if !degree.is_power_of_two() || !DEGREES.contains(&degree) {
            return Err(PrimeError::Degree(degree));
        }
        if value >> MAX_PRIME_BITS != 0 || value <= degree as u64 {
            return Err(PrimeError::Size(value));
        }
        if !is_prime(value) || value % (2 * degree as u64) != 1 {
            return Err(PrimeError::NotNttFriendly(value));
        }
        let neg_inverse = neg_inverse_52(value);
        let transform =
            Transform::new(value, degree, neg_inverse).ok_or(PrimeError::NotNttFriendly(value))?;
        let mut prime = Self {
            value,
            degree,
            transform,
            neg_inverse,
            montgomery_one: ((1_u128 << 52) % u128::from(value)) as u64,
            degree_inverse: inv_mod_prime(degree as u64, value),
            imaginary_unit: 0,
        };
        let mut monomial = Limb::zero(&prime);
        monomial.set(degree / 2, 1);
        prime.forward_ntt(&mut monomial);
        prime.imaginary_unit = monomial.get(0);
        Ok(prime)
    }

    /// The prime itself.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The ring degree `N`.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Whether residues are stored in 32 bits.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.value >> NARROW_PRIME_BITS == 0
    }

    /// The number of bits of a residue on the wire.
    #[must_use]
    pub fn bits(&self) -> u32 {
        64 - (self.value - 1).leading_zeros()
    }

    /// `log2` of the prime.
    #[must_use]
    pub fn log2(&self) -> f64 {
        (self.value as f64).log2()
    }

    /// `-q^-1 mod 2^52`, the Montgomery reduction constant.
    #[must_use]
    pub fn neg_inverse(&self) -> u64 {
        self.neg_inverse
    }

    /// `N^-1 mod q`: what an unscaled inverse transform leaves to multiply by.
    #[must_use]
    pub fn degree_inverse(&self) -> u64 {
        self.degree_inverse
    }

    /// The residue of `X^(N/2)` on the first half of the NTT array (its negative on the second):
    /// multiplying by the complex constant `a + ib` is multiplying by `a + b * unit` on one half
    /// and by `a - b * unit` on the other.
    #[must_use]
    pub fn imaginary_unit(&self) -> u64 {
        self.imaginary_unit
    }

    /// `x * 2^52 mod q`: a constant in Montgomery form.
    #[must_use]
    pub fn to_montgomery(&self, x: u64) -> u64 {
        mul_mod(x % self.value, self.montgomery_one, self.value)
    }

    /// The residue of a signed integer.
    #[must_use]
    pub fn reduce(&self, x: i128) -> u64 {
        reduce_signed(x, self.value)
    }

    /// Transforms coefficients (natural order) into NTT values (bit-reversed order) in place.
    pub fn forward_ntt(&self, limb: &mut Limb) {
        self.transform.forward(limb);
    }

    /// Transforms NTT values back, leaving every coefficient `N` times too large: callers fold
    /// [`Self::degree_inverse`] into a multiplication that they do anyway.
    pub fn inverse_ntt_unscaled(&self, limb: &mut Limb) {
        self.transform.inverse_unscaled(limb);
    }

    /// Writes the coefficients of `from`, which holds NTT values, to `to`, times the plain residue
    /// `factor`.
    pub fn inverse_ntt_scaled(&self, from: &Limb, to: &mut Limb, factor: u64) {
        let scale = mul_mod(factor % self.value, self.degree_inverse, self.value);
        self.transform.inverse_scaled(self, from, to, scale);
    }
}

impl fmt::Debug for Prime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prime({}, N = {})", self.value, self.degree)
    }
}

impl PartialEq for Prime {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.degree == other.degree
    }
}

impl Eq for Prime {}

/// `-q^-1 mod 2^52` for odd `q`, by Newton's iteration: each step doubles the correct bits.
fn neg_inverse_52(q: u64) -> u64 {
    let mut inverse = 1_u64;
    for _ in 0..6 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(q.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg() & ((1 << 52) - 1)
}

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
