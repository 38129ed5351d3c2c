//! A prime modulus with the constants that arithmetic modulo it needs, without its transforms.

use crate::arith::{inv_mod_prime, mul_mod, pow_mod, reduce_signed};

/// Primes must lie below `2^50`: a Montgomery product with radix `2^52` then leaves two bits for
/// lazily accumulated sums (see [`crate::kernels`]).
pub const MAX_PRIME_BITS: u32 = 50;

/// Residues of primes below `2^31` are stored in 32 bits: half the memory traffic, and the 32-bit
/// NTT is fastest there.
pub const NARROW_PRIME_BITS: u32 = 31;

/// A prime below `2^50`, the degree of the ring modulo it, and Montgomery constants (radix `2^52`):
/// what limbs and kernels need of a [`Prime`](crate::Prime).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modulus {
    value: u64,
    degree: usize,
    neg_inverse: u64,
    /// `2^52 mod q`: the factor that puts a constant in Montgomery form.
    montgomery_one: u64,
    degree_inverse: u64,
}

/// `x * 2^52 mod q`: a residue `x` in Montgomery form, ready to be a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MontgomeryResidue(u64);

impl MontgomeryResidue {
    /// `x * 2^52 mod q`, as a residue: what multiplies by `x` and divides by `2^52` at once.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }
}

impl Modulus {
    /// The constants of `value`, an odd prime below `2^50` and above `degree`.
    pub(crate) fn new(value: u64, degree: usize) -> Self {
        Self {
            value,
            degree,
            neg_inverse: neg_inverse_52(value),
            montgomery_one: ((1_u128 << 52) % u128::from(value)) as u64,
            degree_inverse: inv_mod_prime(degree as u64, value),
        }
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

    /// A constant in Montgomery form.
    #[must_use]
    pub fn to_montgomery(&self, x: u64) -> MontgomeryResidue {
        MontgomeryResidue(mul_mod(x % self.value, self.montgomery_one, self.value))
    }

    /// The residue of a signed integer.
    #[must_use]
    pub fn reduce(&self, x: i128) -> u64 {
        reduce_signed(x, self.value)
    }

    /// The residue of the integer nearest to `x`, however large; 0 for what is no number.
    #[must_use]
    pub fn reduce_f64(&self, x: f64) -> u64 {
        if !x.is_finite() {
            return 0;
        }
        // 53 bits hold a number's digits: beyond 2^100 it is an integer times a power of two.
        let halvings = (x.abs().log2() - 100.0).max(0.0) as u32;
        let digits = x * 2_f64.powi(-(halvings as i32));
        let power = pow_mod(2, u64::from(halvings), self.value);
        mul_mod(self.reduce(digits.round() as i128), power, self.value)
    }
}

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
    fn montgomery_constants() {
        for q in [257, 268_369_921, 34_359_410_689, 1_125_899_904_679_937] {
            let modulus = Modulus::new(q, 64);
            assert_eq!(modulus.neg_inverse().wrapping_mul(q) & ((1 << 52) - 1), (1 << 52) - 1);
            assert_eq!(mul_mod(modulus.degree_inverse(), 64, q), 1);
            assert_eq!(modulus.to_montgomery(3).value(), mul_mod(3, 1 << 52, q));
        }
    }

    #[test]
    fn residues_of_floating_point_numbers() {
        for q in [257, 268_369_921, 1_125_899_904_679_937] {
            let modulus = Modulus::new(q, 64);
            for x in [0.0, 0.4, -0.6, 1e9, -12_345.5, -1e30, 1.5e36] {
                assert_eq!(modulus.reduce_f64(x), modulus.reduce(f64::round(x) as i128), "{x}");
            }
            let power = |k| pow_mod(2, k, q);
            assert_eq!(modulus.reduce_f64(2_f64.powi(240)), power(240));
            assert_eq!(modulus.reduce_f64(-(2_f64.powi(1000))), q - power(1000));
            let sum = (power(200) + power(160)) % q;
            assert_eq!(modulus.reduce_f64(2_f64.powi(200) + 2_f64.powi(160)), sum);
            assert_eq!([f64::NAN, f64::INFINITY].map(|x| modulus.reduce_f64(x)), [0, 0]);
        }
    }
}
