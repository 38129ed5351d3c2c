//! Automorphisms `X -> X^g` of the ring, as permutations of NTT values.

use thiserror::Error;

/// An automorphism of `Z[X]/(X^N + 1)`, given by an odd exponent modulo `2N`.
///
/// Slots are indexed by the powers of 5: the exponent `5^r` rotates them by `r` positions to the
/// left (slot `j` receives what slot `j + r` held), and `2N - 1` conjugates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GaloisElement(u32);

/// An exponent that is even or not below `2N`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{0} is not an odd exponent below twice the ring degree")]
pub struct GaloisError(pub u32);

impl GaloisElement {
    /// The automorphism with the given exponent.
    ///
    /// # Errors
    /// When the exponent is even or too large.
    pub fn new(exponent: u32, degree: usize) -> Result<Self, GaloisError> {
        if exponent % 2 == 1 && (exponent as usize) < 2 * degree {
            Ok(Self(exponent))
        } else {
            Err(GaloisError(exponent))
        }
    }

    /// The rotation of the `degree / 2` slots by `steps` to the left (negative: to the right).
    #[must_use]
    pub fn rotation(steps: i64, degree: usize) -> Self {
        let steps = steps.rem_euclid(degree as i64 / 2) as u64;
        Self(crate::arith::pow_mod(5, steps, 2 * degree as u64) as u32)
    }

    /// Complex conjugation of the slots.
    #[must_use]
    pub fn conjugation(degree: usize) -> Self {
        Self(2 * degree as u32 - 1)
    }

    /// The identity.
    #[must_use]
    pub fn identity() -> Self {
        Self(1)
    }

    /// The exponent.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0
    }

    /// The automorphism that undoes this one.
    #[must_use]
    pub fn inverse(self, degree: usize) -> Self {
        // The odd residues modulo 2N = 2^k form a group of exponent 2^(k-2).
        let order = degree as u64 / 2;
        Self(crate::arith::pow_mod(u64::from(self.0), order - 1, 2 * degree as u64) as u32)
    }

    /// Applies the automorphism to small signed coefficients.
    #[must_use]
    pub fn apply_to_coefficients<T>(self, coefficients: &[T]) -> Vec<T>
    where
        T: Copy + Default + core::ops::Neg<Output = T>,
    {
        let degree = coefficients.len();
        let mut image = vec![T::default(); degree];
        for (i, &c) in coefficients.iter().enumerate() {
            let exponent = i * self.0 as usize % (2 * degree);
            if exponent < degree {
                image[exponent] = c;
            } else {
                image[exponent - degree] = -c;
            }
        }
        image
    }
}

/// An automorphism as a permutation of an NTT array in bit-reversed order.
///
/// Position `p` of the array is the value at the root with exponent `2 rev(p) + 1`. Multiplying
/// exponents by `g` maps aligned groups of eight positions onto aligned groups, because the three
/// lowest bits of `p` are the three highest of `rev(p)`: one load, one permutation within a
/// register, one store per group.
#[derive(Debug, Clone)]
pub struct Permutation {
    targets: Vec<Target>,
    patterns: [[u64; 8]; 8],
}

/// Where one group of eight goes, and how its words are arranged there.
#[derive(Debug, Clone, Copy)]
pub struct Target(u32);

impl Target {
    /// The index of the receiving group.
    #[inline(always)]
    #[must_use]
    pub fn group(self) -> usize {
        (self.0 >> 3) as usize
    }
}

impl Permutation {
    /// The permutation that `element` makes of the NTT values of a ring of degree `degree`.
    #[must_use]
    pub fn new(element: GaloisElement, degree: usize) -> Self {
        let log_degree = degree.trailing_zeros();
        let reverse = |p: usize| p.reverse_bits() >> (usize::BITS - log_degree);
        // The value at position p of the image is the value of the source at position source(p).
        let source = |p: usize| {
            let exponent = (2 * reverse(p) + 1) * element.0 as usize % (2 * degree);
            reverse((exponent - 1) / 2)
        };
        let mut targets = vec![Target(0); degree / 8];
        let mut patterns = [[0; 8]; 8];
        for group in 0..degree / 8 {
            let first = source(8 * group);
            let pattern = first % 8;
            targets[first / 8] = Target((group as u32) << 3 | pattern as u32);
            for (lane, index) in patterns[pattern].iter_mut().enumerate() {
                let from = source(8 * group + lane);
                debug_assert_eq!(from / 8, first / 8, "groups of eight map onto groups of eight");
                *index = (from % 8) as u64;
            }
        }
        Self { targets, patterns }
    }

    /// For each group of eight, in order, where it goes.
    #[inline(always)]
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The arrangement within a group: lane `i` of the image is lane `pattern[i]` of the source.
    #[inline(always)]
    #[must_use]
    pub fn pattern(&self, target: Target) -> &[u64; 8] {
        &self.patterns[(target.0 & 7) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels;
    use crate::limb::Limb;
    use crate::prime::Prime;

    #[test]
    fn permuting_values_is_substituting_in_coefficients() {
        let degree = 256;
        let prime = Prime::new(7681, degree).unwrap();
        let coefficients: Vec<i64> = (0..degree as i64).map(|i| i * i % 101 - 50).collect();
        let ntt = |c: &[i64]| {
            let mut limb = Limb::zero(&prime);
            limb.fill_with(|i| prime.reduce(i128::from(c[i])));
            prime.forward_ntt(&mut limb);
            limb
        };
        for element in [
            GaloisElement::rotation(1, degree),
            GaloisElement::rotation(-37, degree),
            GaloisElement::conjugation(degree),
            GaloisElement::identity(),
        ] {
            let expected = ntt(&element.apply_to_coefficients(&coefficients));
            let mut image = Limb::stale(&prime);
            let permutation = Permutation::new(element, degree);
            let (Limb::Narrow(out), Limb::Narrow(x)) = (&mut image, &ntt(&coefficients)) else {
                panic!("7681 is a narrow prime")
            };
            kernels::permute::<u32>(&permutation, out, x);
            assert!((0..degree).all(|i| image.get(i) == expected.get(i)), "{element:?}");
            let back = element
                .inverse(degree)
                .apply_to_coefficients(&element.apply_to_coefficients(&coefficients));
            assert_eq!(back, coefficients);
        }
    }

    #[test]
    fn rejects_bad_exponents() {
        assert_eq!(GaloisElement::new(4, 64), Err(GaloisError(4)));
        assert_eq!(GaloisElement::new(129, 64), Err(GaloisError(129)));
        assert!(GaloisElement::new(127, 64).is_ok());
    }
}
