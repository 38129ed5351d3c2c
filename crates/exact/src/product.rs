//! Exact products of polynomials modulo `2^64`.

use std::sync::Arc;

use blindsight_ring::arith::{inv_mod_prime, mul_mod};
use blindsight_ring::{Basis, Coefficients, Limb, Ntt, Poly, Prime, PrimeError};

/// `Z[X]/(X^n + 1)` with products that are right modulo `2^64`: computed modulo primes whose product
/// exceeds every result, and put together.
#[derive(Debug)]
pub struct TorusRing {
    basis: Basis,
    /// For each prime but the first, the inverse of the product of those before it.
    inverses: Vec<u64>,
}

impl TorusRing {
    /// The ring of a degree, for results below `2^log2_result` in absolute value, made of primes
    /// that are fast without vectors of wide integers.
    ///
    /// # Errors
    /// When no primes fit the degree.
    pub fn new(degree: usize, log2_result: f64) -> Result<Self, PrimeError> {
        let mut primes: Vec<Arc<Prime>> = Vec::new();
        let mut bits = 0.0;
        let step = 2 * degree as u64;
        let mut candidate = (1 << 31) / step * step + 1;
        // Signs take a bit, and putting together is surest away from the edge.
        while bits < log2_result + 2.0 {
            if primes.len() == MOST_PRIMES {
                return Err(PrimeError::Degree(degree));
            }
            candidate = candidate.checked_sub(step).ok_or(PrimeError::Degree(degree))?;
            match Prime::new(candidate, degree) {
                Ok(prime) => {
                    bits += prime.log2();
                    primes.push(Arc::new(prime));
                }
                Err(PrimeError::NotNttFriendly(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let inverse = |i: usize| {
            let q = primes[i].value();
            let before = primes[..i].iter().fold(1, |p, x| mul_mod(p, x.value() % q, q));
            inv_mod_prime(before, q)
        };
        let inverses = (1..primes.len()).map(inverse).collect();
        Ok(Self { basis: Basis::new(primes), inverses })
    }

    /// The primes, for factors whose residues the caller keeps.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The residues of numbers on the circle, each taken between `-2^63` and `2^63`.
    #[must_use]
    pub fn residues(&self, words: &[u64]) -> Poly<Ntt> {
        let signed: Vec<i64> = words.iter().map(|&word| word as i64).collect();
        self.signed(&signed)
    }

    /// The residues of whole numbers.
    #[must_use]
    pub fn signed(&self, numbers: &[i64]) -> Poly<Ntt> {
        Poly::from_signed(&self.basis, numbers).into_ntt()
    }

    /// Writes the numbers modulo `2^64` that have these residues.
    pub fn words(&self, residues: &Poly<Coefficients>, out: &mut [u64]) {
        let mut digits = [0; MOST_PRIMES];
        for (index, word) in out.iter_mut().enumerate() {
            *word = self.word(residues.limbs(), index, &mut digits);
        }
    }

    /// One number, by its digits in the mixed base of the primes (Garner's algorithm).
    fn word(&self, limbs: &[Limb], index: usize, digits: &mut [u64; MOST_PRIMES]) -> u64 {
        let primes = self.basis.primes();
        let (mut word, mut weight) = (0_u64, 1_u64);
        for (i, prime) in primes.iter().enumerate() {
            let q = prime.value();
            let residue = limbs[i].get(index);
            digits[i] = if i == 0 {
                residue
            } else {
                // What the digits so far make modulo this prime.
                let known = (0..i)
                    .rev()
                    .fold(0, |known, j| (known * (primes[j].value() % q) + digits[j] % q) % q);
                (residue + q - known) % q * self.inverses[i - 1] % q
            };
            word = word.wrapping_add(digits[i].wrapping_mul(weight));
            weight = weight.wrapping_mul(q);
        }
        // The upper half are negative numbers. Results stay far from the middle, so that the highest
        // digit tells; as a mask, because results may depend on a secret.
        let last = primes.len() - 1;
        let negative = (primes[last].value() / 2).wrapping_sub(digits[last]) >> 63;
        word.wrapping_sub(weight & negative.wrapping_neg())
    }
}

/// Room for the digits of a number: 248 bits, which no product of two numbers on the circle has.
const MOST_PRIMES: usize = 8;

#[cfg(test)]
mod tests {
    use blindsight_ring::sampling::{Seed, StreamId, UniformExpander};

    use super::*;

    fn schoolbook(x: &[u64], y: &[i64]) -> Vec<u64> {
        let n = x.len();
        let mut product = vec![0_u64; n];
        for (i, x) in x.iter().enumerate() {
            for (j, y) in y.iter().enumerate() {
                let term = x.wrapping_mul(*y as u64);
                let to = &mut product[(i + j) % n];
                *to = if i + j < n { to.wrapping_add(term) } else { to.wrapping_sub(term) };
            }
        }
        product
    }

    #[test]
    fn products_are_exact() {
        let degree = 256;
        let mut x = vec![0; degree];
        UniformExpander::new(&Seed::from_bytes([3; 32]), StreamId::new(0, 0, 0)).fill_words(&mut x);
        x[0] = 1 << 63;
        for (log2, mask) in [(72.0, 1), (95.0, (1 << 23) - 1)] {
            let ring = TorusRing::new(degree, log2).unwrap();
            let y: Vec<i64> =
                x.iter().map(|w| (w >> 30 & mask) as i64 - (mask / 2) as i64).collect();
            let product = ring.residues(&x).multiply(&ring.signed(&y).into_montgomery());
            let mut found = vec![0; degree];
            ring.words(&product.into_coefficients(), &mut found);
            assert_eq!(found, schoolbook(&x, &y));
        }
    }

    #[test]
    fn extremes_keep_their_sign() {
        let degree = 256;
        let ring = TorusRing::new(degree, 64.0 + 8.0).unwrap();
        for x in [i64::MIN, -1, 0, 1, i64::MAX] {
            for ones in [1_i64, -1] {
                let factor = ring.signed(&vec![ones; degree]).into_montgomery();
                let product = ring.residues(&vec![x as u64; degree]).multiply(&factor);
                let mut found = vec![0; degree];
                ring.words(&product.into_coefficients(), &mut found);
                assert_eq!(found, schoolbook(&vec![x as u64; degree], &vec![ones; degree]));
            }
        }
    }
}
