//! Rings for batches: as many primes as the modulus needs, each as wide as the weights leave room.

use std::sync::Arc;

use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ckks::security;
use blindsight_ring::kernels::PRODUCT_BITS;
use blindsight_ring::modulus::MAX_PRIME_BITS;

use crate::general::ring::Primes;
use crate::noise::{FRESH, in_slot};

/// `log2` of the degrees that are tried.
pub(super) const LOG_DEGREES: std::ops::RangeInclusive<u32> = 11..=14;

/// The fewest bits of a prime: there are enough of them in every ring.
const LEAST_PRIME_BITS: u32 = 24;

/// What primes may fall short of their bits, all together.
const PRIME_SLACK: f64 = 0.01;

/// The noise of a slot of a fresh ciphertext, root mean square: the real part of a sum of `N` errors,
/// each with the rounding of its coefficient, up or down at random.
pub(super) fn noise(log_degree: u32) -> f64 {
    in_slot(2_f64.powi(log_degree as i32), FRESH * FRESH + 1.0 / 6.0)
}

/// The most bits of a modulus: what is secure, and what a client can read.
fn most_bits(log_degree: u32) -> f64 {
    security::ternary_limit(log_degree).min(ProductCiphertext::MOST_LOG2)
}

/// The set with a modulus of at least so many bits, for weights of `weight_bits`; `None` where none
/// is secure.
pub(super) fn set(log_degree: u32, needed: f64, weight_bits: u32) -> Option<Arc<Parameters>> {
    let widest = (PRODUCT_BITS - weight_bits).min(MAX_PRIME_BITS);
    // Primes are a little smaller than their bits say.
    let bits = (needed + PRIME_SLACK).max(f64::from(LEAST_PRIME_BITS)).ceil() as u32;
    if f64::from(bits) > most_bits(log_degree) {
        return None;
    }
    let limbs = bits.div_ceil(widest);
    let mut primes = Primes::new(log_degree);
    let size = |limb: u32| bits / limbs + u32::from(limb < bits % limbs);
    let chain: Option<Vec<u64>> = (0..limbs).map(|limb| primes.below(1 << size(limb))).collect();
    let literal = Literal {
        log_degree,
        chain: chain?,
        wide_special: Vec::new(),
        narrow_special: Vec::new(),
        sparse_weight: None,
    };
    let set = Parameters::new(literal).ok()?;
    (set.chain().log2() >= needed).then(|| Arc::new(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_is_needed_and_are_secure() {
        for log_degree in LOG_DEGREES {
            for needed in [20.0, 45.5, 49.9, 60.0, 99.5, 120.0, 199.0, 390.0] {
                let Some(set) = set(log_degree, needed, 6) else {
                    assert!(needed + 2.0 > most_bits(log_degree), "{log_degree}");
                    continue;
                };
                assert!(
                    set.chain().log2() >= needed && set.chain().log2() < needed.max(24.0) + 8.0
                );
                assert!(set.chain().primes().iter().all(|p| p.bits() <= 46));
            }
        }
    }

    #[test]
    fn the_noise_is_that_of_an_encryption() {
        // Of 2^11 coefficients with variance 10.26, the real part of each of 2^10 slots.
        assert!((noise(11) - 102.5).abs() < 0.5, "{}", noise(11));
    }
}
