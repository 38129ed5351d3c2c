//! From CKKS to TFHE by switching the ring.
//!
//! With `Y = X^16`, the secret of CKKS is `s = sum_i X^i s_i(Y)`, and of `c0 + c1 s` the coefficients of
//! the powers of `Y` are `c0 + sum_i a_i s_i`, where `a_i` holds every sixteenth coefficient of `c1`,
//! from minus `i` on: a ciphertext under sixteen secrets in the ring of degree 2048, which costs
//! nothing. One key switch takes it to one of them, `S`: digits of the `a_i`, times encryptions of
//! the `s_i` under `S`. There is no key the other way.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_exact::{Decomposition, ExactParameters, TorusRing};
use blindsight_ring::{Limb, NttMontgomery, Poly};
use rayon::prelude::*;

use crate::error::ExactError;
use crate::lwe::Lwe;

/// The key that takes the secret of CKKS to `S`.
#[derive(Debug)]
pub struct Bridge {
    ring: TorusRing,
    decomposition: Decomposition,
    parts: usize,
    /// Mask and body of each sample, ready to be factors.
    samples: Vec<[Poly<NttMontgomery>; 2]>,
}

impl Bridge {
    /// Makes the samples of the key, each its mask and its body, ready to be factors.
    ///
    /// # Errors
    /// When the ring has no primes.
    pub(crate) fn new(set: &ExactParameters, samples: &[u64]) -> Result<Self, ExactError> {
        let decomposition = set.literal().bridge;
        let terms = (set.scheme_degree() as f64).log2() + f64::from(decomposition.levels).log2();
        let log2_sum = f64::from(decomposition.log2_base) - 1.0 + 63.0 + terms;
        let ring = TorusRing::new(set.degree(), log2_sum)?;
        let sample = |words: &[u64]| {
            let (mask, body) = words.split_at(set.degree());
            [mask, body].map(|words| ring.residues(words).into_montgomery())
        };
        let samples = samples.par_chunks_exact(2 * set.degree()).map(sample).collect();
        Ok(Self { ring, decomposition, parts: set.parts(), samples })
    }

    /// The bytes that the key occupies in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.samples.iter().flatten().flat_map(Poly::limbs).map(Limb::byte_len).sum()
    }

    /// Coefficient 0 of a ciphertext's message, as a part of the base prime's circle, under `S`.
    ///
    /// # Errors
    /// When the ciphertext is not at level 1.
    pub fn coefficient_0(&self, ciphertext: &Ciphertext) -> Result<Lwe, ExactError> {
        let [mask, body] = self.switch_ring(ciphertext)?;
        Ok(Lwe::of_ring_sample(&mask, body[0]))
    }

    /// The coefficients of the powers of `Y`, each as [`Self::coefficient_0`] is.
    ///
    /// # Errors
    /// When the ciphertext is not at level 1.
    pub fn coefficients(&self, ciphertext: &Ciphertext) -> Result<Vec<Lwe>, ExactError> {
        let [mut mask, body] = self.switch_ring(ciphertext)?;
        let coefficient = |body: &u64| {
            let lwe = Lwe::of_ring_sample(&mask, *body);
            // Divided by Y, the next coefficient is the lowest.
            mask.rotate_left(1);
            if let Some(last) = mask.last_mut() {
                *last = last.wrapping_neg();
            }
            lwe
        };
        Ok(body.iter().map(coefficient).collect())
    }

    /// A ring sample under `S` of the powers of `Y`.
    fn switch_ring(&self, ciphertext: &Ciphertext) -> Result<[Vec<u64>; 2], ExactError> {
        let level = ciphertext.level();
        if level != 1 {
            return Err(ExactError::Level { level });
        }
        let [c0, c1] = [&ciphertext.c0, &ciphertext.c1].map(|poly| {
            let q = poly.basis().primes()[0].value();
            let coefficients = poly.clone().into_coefficients();
            let limb = &coefficients.limbs()[0];
            (0..limb.len()).map(|i| to_circle(limb.get(i), q)).collect::<Vec<u64>>()
        });
        let [mask, mut body] = self.key_switch(&c1);
        let own = c0.iter().step_by(self.parts);
        body.iter_mut().zip(own).for_each(|(b, c)| *b = b.wrapping_add(*c));
        Ok([mask, body])
    }

    /// A sample of `c1 s` under `S`, the powers of `Y` alone.
    fn key_switch(&self, c1: &[u64]) -> [Vec<u64>; 2] {
        let mut sums: Option<[Poly<_>; 2]> = None;
        for part in 0..self.parts {
            let digits = digits(&every(c1, part, self.parts), self.decomposition);
            let levels = self.decomposition.levels as usize;
            for (digit, sample) in digits.iter().zip(&self.samples[part * levels..]) {
                let digit = self.ring.signed(digit);
                let products = [&sample[0], &sample[1]].map(|factor| digit.multiply(factor));
                match &mut sums {
                    None => sums = Some(products),
                    Some(sums) => sums.iter_mut().zip(&products).for_each(|(s, p)| s.add_assign(p)),
                }
            }
        }
        let degree = c1.len() / self.parts;
        let words = |sum: Poly<_>| {
            let mut words = vec![0; degree];
            self.ring.words(&sum.into_coefficients(), &mut words);
            words
        };
        sums.map_or_else(Default::default, |sums| sums.map(words))
    }
}

/// `a_i`: every so many of the coefficients from minus `part` on; those below 0 come around with a
/// minus.
fn every(c1: &[u64], part: usize, parts: usize) -> Vec<u64> {
    let below = c1.len() - part;
    let coefficient = |index: usize| match (index * parts).checked_sub(part) {
        Some(index) => c1[index],
        None => c1[below].wrapping_neg(),
    };
    (0..c1.len() / parts).map(coefficient).collect()
}

/// `round(2^64 x / q)`.
fn to_circle(x: u64, q: u64) -> u64 {
    // Below 2^64: x is below q, and q is no larger than 2^50.
    (((u128::from(x) << 64) + u128::from(q / 2)) / u128::from(q)) as u64
}

/// The digits of numbers, balanced around 0: of all numbers the smallest first.
fn digits(words: &[u64], decomposition: Decomposition) -> Vec<Vec<i64>> {
    let Decomposition { log2_base, levels } = decomposition;
    let kept = log2_base * levels;
    let mut rest: Vec<u64> =
        words.iter().map(|w| (w >> (63 - kept)).wrapping_add(1) >> 1).collect();
    let mut level = || {
        let digit = |rest: &mut u64| {
            let low = *rest & ((1 << log2_base) - 1);
            let carry = low >> (log2_base - 1);
            *rest = (*rest >> log2_base) + carry;
            low as i64 - ((carry << log2_base) as i64)
        };
        rest.iter_mut().map(digit).collect()
    };
    // What is carried out of the highest digit is once around the circle.
    (0..levels).map(|_| level()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_make_the_number_again() {
        let words: Vec<u64> = (0..1000_u64)
            .map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .chain([0, u64::MAX])
            .collect();
        for (log2_base, levels) in [(23, 1), (8, 3), (1, 4)] {
            let decomposition = Decomposition { log2_base, levels };
            let digits = digits(&words, decomposition);
            assert_eq!(digits.len(), levels as usize);
            for (i, word) in words.iter().enumerate() {
                let mut sum = 0_u64;
                for (level, digits) in (1..=levels).rev().zip(&digits) {
                    assert!(digits[i].unsigned_abs() <= 1 << (log2_base - 1));
                    sum = sum.wrapping_add((digits[i] as u64) << (64 - log2_base * level));
                }
                let error = word.wrapping_sub(sum) as i64;
                assert!(error.unsigned_abs() <= 1 << (63 - log2_base * levels), "{word}: {error}");
            }
        }
    }

    #[test]
    fn every_sixteenth_coefficient_is_the_product_s() {
        // c1 s by the schoolbook, and by parts: the coefficients of X^0, X^4, X^8, X^12.
        let (degree, parts) = (16, 4);
        let c1: Vec<u64> = (0..degree as u64).map(|i| i * i + 3).collect();
        let s: Vec<u64> = (0..degree as u64).map(|i| (i * 7 % 3).wrapping_sub(1)).collect();
        let product = |x: &[u64], y: &[u64]| {
            let n = x.len();
            let mut product = vec![0_u64; n];
            for (i, x) in x.iter().enumerate() {
                for (j, y) in y.iter().enumerate() {
                    let term = x.wrapping_mul(*y);
                    let to = &mut product[(i + j) % n];
                    *to = if i + j < n { to.wrapping_add(term) } else { to.wrapping_sub(term) };
                }
            }
            product
        };
        let whole = product(&c1, &s);
        let mut found = vec![0_u64; degree / parts];
        for part in 0..parts {
            let s: Vec<u64> = s.iter().skip(part).step_by(parts).copied().collect();
            let terms = product(&every(&c1, part, parts), &s);
            found.iter_mut().zip(terms).for_each(|(x, t)| *x = x.wrapping_add(t));
        }
        assert_eq!(found, whole.into_iter().step_by(parts).collect::<Vec<_>>());
    }

    #[test]
    fn residues_are_parts_of_the_circle() {
        let q = 47_382_529;
        assert_eq!(to_circle(0, q), 0);
        assert_eq!(to_circle(q / 2 + 1, q) >> 63, 1);
        assert_eq!(to_circle(q - 1, q), (((u128::from(q) - 1) << 64) / u128::from(q)) as u64);
    }
}
