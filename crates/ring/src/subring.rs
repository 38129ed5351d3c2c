//! NTT values of polynomials in `X^(N/M)`.
//!
//! A vector of slots that repeats with period `M/2` encodes to a polynomial in `X^(N/M)`: `M`
//! coefficients instead of `N`. Its NTT values are constant on aligned runs of `N/M` positions, so
//! a transform of size `M` finds them all and `M` words store them.

use crate::arith::pow_mod;
use crate::kernels::scale_limb;
use crate::limb::Limb;
use crate::prime::{Prime, PrimeError};

/// The transform from `M` coefficients (of `X^0, X^(N/M), X^(2N/M), ...`) to the `M` distinct NTT
/// values, in the order in which they stand in the NTT array of the whole ring.
#[derive(Debug)]
pub struct SubringNtt {
    prime: Prime,
    /// Position in the small transform's output of each value.
    order: Vec<u32>,
}

impl SubringNtt {
    /// The transform of size `size` that matches the whole ring's transform modulo `prime`.
    ///
    /// # Errors
    /// When `size` is not a power of two between 64 and the ring degree.
    pub fn new(prime: &Prime, size: usize) -> Result<Self, PrimeError> {
        if size > prime.degree() {
            return Err(PrimeError::Degree(size));
        }
        let small = Prime::new(prime.value(), size)?;
        // Both transforms start with the value at their root of unity. The small transform's root
        // is some odd power e of the one that the whole ring's root induces; multiplying exponents
        // by the inverse of e reorders the values.
        let run = (prime.degree() / size) as u64;
        let root = pow_mod(first_root(prime), run, prime.value());
        let small_root = first_root(&small);
        let modulus = 2 * size as u64;
        let induced = (1..modulus)
            .step_by(2)
            .find(|&e| pow_mod(small_root, e, prime.value()) == root)
            .ok_or(PrimeError::NotNttFriendly(prime.value()))?;
        let log_size = size.trailing_zeros();
        let reverse = |p: usize| p.reverse_bits() >> (usize::BITS - log_size);
        let order = (0..size)
            .map(|p| {
                let exponent = (2 * reverse(p) as u64 + 1) * induced % modulus;
                reverse((exponent as usize - 1) / 2) as u32
            })
            .collect();
        Ok(Self { prime: small, order })
    }

    /// Transforms signed coefficients into the distinct NTT values in Montgomery form.
    #[must_use]
    pub fn transform_montgomery(&self, coefficients: &[i64]) -> Limb {
        let mut values = Limb::stale(&self.prime);
        values.fill_with(|i| self.prime.reduce(i128::from(coefficients[i])));
        self.prime.forward_ntt(&mut values);
        let factor = self.prime.to_montgomery(self.prime.to_montgomery(1).value());
        scale_limb(&self.prime, &mut values, factor);
        let mut ordered = Limb::stale(&self.prime);
        ordered.fill_with(|i| values.get(self.order[i] as usize));
        ordered
    }
}

/// The value of `X` at the first position of the NTT array.
fn first_root(prime: &Prime) -> u64 {
    let mut monomial = Limb::zero(prime);
    monomial.set(1, 1);
    prime.forward_ntt(&mut monomial);
    monomial.get(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_whole_transform() {
        let degree = 1024;
        for q in [786_433, 268_369_921, 1_125_899_904_679_937] {
            let prime = Prime::new(q, degree).unwrap();
            for size in [64, 256, 1024] {
                let coefficients: Vec<i64> =
                    (0..size as i64).map(|i| i * i * 31 % 1009 - 500).collect();
                let small =
                    SubringNtt::new(&prime, size).unwrap().transform_montgomery(&coefficients);
                let mut whole = Limb::zero(&prime);
                for (i, &c) in coefficients.iter().enumerate() {
                    whole.set(i * (degree / size), prime.reduce(i128::from(c)));
                }
                prime.forward_ntt(&mut whole);
                for i in 0..degree {
                    let expected = prime.to_montgomery(whole.get(i)).value();
                    assert_eq!(small.get(i / (degree / size)), expected);
                }
            }
        }
        let prime = Prime::new(786_433, 64).unwrap();
        assert_eq!(SubringNtt::new(&prime, 128).unwrap_err(), PrimeError::Degree(128));
    }
}
