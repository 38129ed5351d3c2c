//! From residues back to numbers.

mod wide;

use blindsight_ckks::product::ProductCiphertext;
use blindsight_ring::arith::{inv_mod_prime, mul_mod};
use blindsight_ring::{Basis, Coefficients, Poly};
use zeroize::Zeroizing;

use wide::Wide;

/// How many of the lowest limbs can be composed.
pub(crate) fn most_limbs(basis: &Basis) -> usize {
    let fits = |&count: &usize| basis.prefix(count).log2() <= ProductCiphertext::MOST_LOG2;
    (0..=basis.len()).rev().find(fits).unwrap_or(0)
}

/// The coefficients of a polynomial, each in the centred interval of its modulus, as floating
/// point numbers: exact below `2^53`, rounded above.
///
/// There are [`most_limbs`] at most.
pub(crate) fn centred(poly: &Poly<Coefficients>) -> Zeroizing<Vec<f64>> {
    let primes = poly.basis().primes();
    debug_assert!(primes.len() <= most_limbs(poly.basis()));
    let steps = garner_steps(primes.iter().map(|p| p.value()).collect());
    let modulus = steps.iter().fold(Wide::ONE, |m, step| m.multiply_add(step.prime, 0));
    let mut digits = Zeroizing::new(vec![0; steps.len()]);
    let degree = primes.first().map_or(0, |p| p.degree());
    let mut number = |i| {
        for (k, step) in steps.iter().enumerate() {
            digits[k] = step.digit(poly.limbs()[k].get(i), &digits);
        }
        let mixed = steps.iter().zip(digits.iter()).rev();
        let number = mixed.fold(Wide::ZERO, |n, (step, &digit)| n.multiply_add(step.prime, digit));
        // Odd, and so nothing lies half way.
        let (less, _) = modulus.minus(number);
        if less.minus(number).1 { -less.to_f64() } else { number.to_f64() }
    };
    // Of its full length from the start: what grows leaves parts of itself behind.
    let mut numbers = Zeroizing::new(vec![0.0; degree]);
    numbers.iter_mut().enumerate().for_each(|(i, to)| *to = number(i));
    numbers
}

/// One step of Garner's algorithm: the mixed-radix digit that belongs to one prime.
struct Step {
    prime: u64,
    /// The earlier primes with their inverses modulo this one.
    inverses: Vec<u64>,
}

fn garner_steps(primes: Vec<u64>) -> Vec<Step> {
    let step = |(k, &prime): (usize, &u64)| Step {
        prime,
        inverses: primes[..k].iter().map(|earlier| inv_mod_prime(earlier % prime, prime)).collect(),
    };
    primes.iter().enumerate().map(step).collect()
}

impl Step {
    /// The digit of a number with this residue and these earlier digits.
    fn digit(&self, residue: u64, earlier: &[u64]) -> u64 {
        let q = self.prime;
        self.inverses
            .iter()
            .zip(earlier)
            .fold(residue, |rest, (&inverse, &digit)| mul_mod(rest + (q - digit % q), inverse, q))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use blindsight_ring::{Basis, Prime};

    use super::*;

    #[test]
    fn numbers_come_back() {
        let degree = 64;
        let values = [7_681, 268_369_921, 34_359_410_689];
        let primes = values.map(|q| Arc::new(Prime::new(q, degree).unwrap()));
        for count in 1..=3 {
            let basis = Basis::new(primes[..count].to_vec());
            let modulus: i128 = values[..count].iter().map(|&q| i128::from(q)).product();
            let numbers: Vec<i128> =
                (0..degree as i128).map(|i| (i - 32) * modulus / 64 + i % 2).collect();
            let mut poly = Poly::<Coefficients>::stale(&basis);
            for (prime, limb) in basis.primes().iter().zip(poly.limbs_mut()) {
                limb.fill_with(|i| prime.reduce(numbers[i]));
            }
            // The most negative number is its own wrap: -modulus/2 rounded towards zero is inside.
            let expected: Vec<f64> = numbers.iter().map(|&n| n as f64).collect();
            assert_eq!(*centred(&poly), expected, "{count} primes");
        }
    }

    /// Numbers of 200 bits, as sums of two parts that are no longer than 100.
    #[test]
    fn long_numbers_come_back() {
        let degree = 64;
        let basis = wide_basis(degree, 4);
        assert!(basis.log2() > 199.9, "{}", basis.log2());
        let shift = basis.log2() as u32 / 2 - 2;
        let halves = |i: usize| {
            let sign = if i.is_multiple_of(2) { 1 } else { -1 };
            (sign * ((1_i128 << (shift - 1)) + i as i128 * 977), i as i128 * 31)
        };
        let mut poly = Poly::<Coefficients>::stale(&basis);
        for (prime, limb) in basis.primes().iter().zip(poly.limbs_mut()) {
            let factor = prime.reduce(1 << shift);
            limb.fill_with(|i| {
                let (high, low) = halves(i);
                let high = mul_mod(prime.reduce(high), factor, prime.value());
                (high + prime.reduce(low)) % prime.value()
            });
        }
        for (i, found) in centred(&poly).iter().enumerate() {
            let (high, low) = halves(i);
            let expected = high as f64 * 2_f64.powi(shift as i32) + low as f64;
            assert!((found - expected).abs() <= expected.abs() * 2_f64.powi(-52), "{i}");
        }
    }

    #[test]
    fn no_more_limbs_are_taken_than_fit() {
        let basis = wide_basis(64, 6);
        assert_eq!(most_limbs(&basis), 5);
        assert_eq!(most_limbs(&basis.prefix(3)), 3);
    }

    /// Primes of 50 bits.
    fn wide_basis(degree: usize, count: usize) -> Basis {
        let candidates = (1..).map(|k| (1_u64 << 50) - k * 2 * degree as u64 + 1);
        let primes = candidates.filter_map(|q| Prime::new(q, degree).ok()).map(Arc::new);
        Basis::new(primes.take(count).collect())
    }
}
