//! From residues back to numbers.

use blindsight_ring::arith::{inv_mod_prime, mul_mod};
use blindsight_ring::{Coefficients, Poly};
use zeroize::Zeroizing;

/// The coefficients of a polynomial, each in the centred interval of its modulus, as floating
/// point numbers: exact below `2^53`, rounded above.
///
/// The modulus must lie below `2^126`.
pub(crate) fn centred(poly: &Poly<Coefficients>) -> Zeroizing<Vec<f64>> {
    let primes = poly.basis().primes();
    let steps = garner_steps(primes.iter().map(|p| p.value()).collect());
    let modulus = steps.iter().fold(1, |m, step| m * u128::from(step.prime));
    debug_assert!(modulus < 1 << 126);
    let mut digits = Zeroizing::new(vec![0; steps.len()]);
    let degree = primes.first().map_or(0, |p| p.degree());
    let mut number = |i| {
        let mut number = 0;
        let mut weight = 1;
        for (k, step) in steps.iter().enumerate() {
            let digit = step.digit(poly.limbs()[k].get(i), &digits);
            digits[k] = digit;
            number += weight * u128::from(digit);
            weight *= u128::from(step.prime);
        }
        if number > modulus / 2 { -((modulus - number) as f64) } else { number as f64 }
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
}
