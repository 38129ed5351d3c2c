//! Rings and bootstraps: the real one, and small ones that are quick and protect nobody.

use std::sync::Arc;

use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::bootstrap::{BootstrapLiteral, StepGroup};
use blindsight_ring::arith::is_prime;

/// What the small bootstraps differ by.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) log_degree: u32,
    /// Butterfly stages of each group, smallest first.
    pub(crate) to_coefficients: Vec<u32>,
    /// The same, largest first.
    pub(crate) to_slots: Vec<u32>,
    pub(crate) babies: usize,
    pub(crate) hoisted: usize,
    /// Levels of the activation.
    pub(crate) activation: usize,
}

/// The parameter set of the product.
pub(crate) fn real() -> BootstrapParameters {
    let set = Parameters::new(Literal::bootstrapped_2_15()).unwrap();
    BootstrapParameters::new(Arc::new(set), BootstrapLiteral::degree_15()).unwrap()
}

impl Shape {
    /// Two groups each way.
    pub(crate) fn two_groups(log_degree: u32) -> Self {
        let lower = (log_degree - 1) / 2;
        let upper = log_degree - 1 - lower;
        let (to_coefficients, to_slots) = (vec![lower, upper], vec![upper, lower]);
        Self { log_degree, to_coefficients, to_slots, babies: 8, hoisted: 3, activation: 4 }
    }

    /// A bootstrap of this shape with a scheme made for it. Its primes have the sizes that the real
    /// ones have in the same places.
    pub(crate) fn parameters(&self) -> BootstrapParameters {
        let literal = self.literal();
        let mut bits = vec![25.5];
        bits.extend(self.to_coefficients.iter().map(|_| 23.0));
        bits.extend([20.2, 19.6]);
        // The last three of the series bring the scale from 2^33 to 2^31, where it stays.
        let steady = self.activation + literal.squarings + literal.chebyshev - 3;
        bits.extend(std::iter::repeat_n(31.0, steady));
        bits.extend([35.0, 37.0, 31.0]);
        bits.extend(self.to_slots.iter().map(|_| 26.0));
        let set = ring(self.log_degree, &bits, [5, 4], Some(28));
        BootstrapParameters::new(set, literal).unwrap()
    }

    fn literal(&self) -> BootstrapLiteral {
        let mut coefficients_to_slots = self.groups(self.to_slots.iter().rev());
        coefficients_to_slots.reverse();
        BootstrapLiteral {
            slots_to_coefficients: self.groups(self.to_coefficients.iter()),
            coefficients_to_slots,
            activation: self.activation,
            ..BootstrapLiteral::degree_15()
        }
    }

    /// Groups of so many stages, smallest first.
    fn groups<'a>(&self, stages: impl Iterator<Item = &'a u32>) -> Vec<StepGroup> {
        let Self { babies, hoisted, .. } = *self;
        let mut below = 0;
        let groups = stages.map(|stages| {
            let first_len = 2 << below;
            below += stages;
            StepGroup { first_len, last_len: 1 << below, babies, hoisted }
        });
        groups.collect()
    }
}

/// A small ring: a chain of primes of about these bits, and so many special primes, wide and narrow.
pub(crate) fn ring(
    log_degree: u32,
    bits: &[f64],
    [wide, narrow]: [usize; 2],
    sparse_weight: Option<usize>,
) -> Arc<Parameters> {
    assert!(log_degree <= 12, "what is insecure should look so");
    let mut taken = Vec::new();
    // From the top: what a prime differs from its power of two grows towards the bottom.
    let mut chain: Vec<u64> =
        bits.iter().rev().map(|b| prime_below(*b, log_degree, &mut taken)).collect();
    chain.reverse();
    let mut special =
        |bits, count| (0..count).map(|_| prime_below(bits, log_degree, &mut taken)).collect();
    let (wide_special, narrow_special) = (special(50.0, wide), special(31.0, narrow));
    let literal = Literal { log_degree, chain, wide_special, narrow_special, sparse_weight };
    Arc::new(Parameters::insecure(literal).unwrap())
}

/// The largest prime below `2^bits` that the ring has a transform for and that is not taken yet.
fn prime_below(bits: f64, log_degree: u32, taken: &mut Vec<u64>) -> u64 {
    let step = 2 << log_degree;
    let last = bits.exp2() as u64 / step;
    let candidates = (1..last).rev().map(|k| k * step + 1);
    let prime = candidates.filter(|q| is_prime(*q)).find(|q| !taken.contains(q)).unwrap();
    taken.push(prime);
    prime
}
