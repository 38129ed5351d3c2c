//! The ring and the modulus chain of a leveled program.

use std::sync::Arc;

use blindsight_ckks::keys::KeyLayout;
use blindsight_ckks::parameters::{Literal, ParameterError, Parameters};
use blindsight_ckks::security;
use blindsight_ring::Prime;

/// `log2` of the degrees that are tried, smallest first.
pub(super) const LOG_DEGREES: std::ops::RangeInclusive<u32> = 12..=15;

/// `log2` of scales: below, rounding is seen in the scores; above, nothing is gained.
const SCALE_BITS: std::ops::RangeInclusive<u32> = 20..=28;

/// Bits of the smallest prime above the scale: answers stay below an eighth of it.
const HEADROOM_BITS: u32 = 4;

/// Bits of a special prime.
const SPECIAL_BITS: std::ops::RangeInclusive<u32> = 28..=31;

/// Most special primes.
const MOST_SPECIAL: usize = 8;

/// How many bits larger than its size a prime may be: those of the chain lie on both sides of it.
pub(super) const PRIME_SLACK: f64 = 0.1;

/// The error of a value after a linear layer, root mean square, is at most this part of its range.
pub(super) const LARGEST_NOISE: f64 = 1.0 / 8192.0;

/// A ring with a chain and special primes.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) set: Arc<Parameters>,
    /// The scale of values.
    pub(super) scale: f64,
}

/// The sizes of the primes of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    log_degree: u32,
    levels: usize,
    scale: u32,
    special: u32,
    specials: usize,
}

impl Ring {
    /// The ring of this degree whose keys are smallest, with so many levels above the last one;
    /// `None` when none is precise and secure.
    pub(super) fn new(log_degree: u32, depth: usize) -> Result<Option<Self>, ParameterError> {
        let Some(sizes) = Sizes::smallest(log_degree, depth + 1) else { return Ok(None) };
        let Some(literal) = sizes.literal() else { return Ok(None) };
        let set = Arc::new(Parameters::new(literal)?);
        Ok(Some(Self { set, scale: 2_f64.powi(sizes.scale as i32) }))
    }

    /// Whether there is one.
    pub(super) fn exists(log_degree: u32, depth: usize) -> bool {
        Sizes::smallest(log_degree, depth + 1).is_some()
    }
}

/// The noise of a value of this scale after a linear layer, root mean square: twice a rounding under a
/// ternary secret, because key switches add about as much. A slot has `N/2` coefficients with variance
/// `(2 N / 3) / 12` each.
fn noise(log_degree: u32, scale: f64) -> f64 {
    2.0 * f64::from(log_degree).exp2() / 6.0 / scale
}

impl Sizes {
    fn smallest(log_degree: u32, levels: usize) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for scale in SCALE_BITS {
            for special in SPECIAL_BITS {
                for specials in 1..=MOST_SPECIAL {
                    let sizes = Self { log_degree, levels, scale, special, specials };
                    let Some(bits) = sizes.key_bits().filter(|_| sizes.is_sound()) else {
                        continue;
                    };
                    // Of equal keys the larger scale.
                    let cost = bits - f64::from(scale) * 1e-3;
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, sizes));
                    }
                }
            }
        }
        best.map(|(_, sizes)| sizes)
    }

    fn chain_bits(self) -> u32 {
        self.smallest_prime() + (self.levels as u32 - 1) * self.scale
    }

    fn smallest_prime(self) -> u32 {
        (self.scale + HEADROOM_BITS).min(31)
    }

    fn is_sound(self) -> bool {
        let all = self.chain_bits() + self.specials as u32 * self.special;
        let noise = noise(self.log_degree, f64::from(self.scale).exp2());
        // Those nearest to a scale may lie above it.
        f64::from(all) + PRIME_SLACK * self.levels as f64
            <= security::ternary_limit(self.log_degree)
            && noise <= LARGEST_NOISE
    }

    /// The bits of a coefficient of a key at the top, over all digits; `None` when a limb is too
    /// large for the special primes, or the digits are too many.
    fn key_bits(self) -> Option<f64> {
        let room = f64::from(self.specials as u32 * self.special) - 0.5 - KeyLayout::MARGIN_BITS;
        let (mut digits, mut filled) = (1, 0.0);
        for limb in 0..self.levels {
            let bits = if limb == 0 { self.smallest_prime() } else { self.scale };
            let bits = f64::from(bits) + PRIME_SLACK;
            if bits > room {
                return None;
            }
            if filled + bits > room {
                (digits, filled) = (digits + 1, 0.0);
            }
            filled += bits;
        }
        let all = self.chain_bits() + self.specials as u32 * self.special;
        (digits <= KeyLayout::MOST_DIGITS).then(|| f64::from(digits as u32) * f64::from(all))
    }

    /// The primes, or `None` if there are not enough of the size.
    fn literal(self) -> Option<Literal> {
        let mut primes = Primes::new(self.log_degree);
        let special = (0..self.specials).map(|_| primes.below(1 << self.special));
        let narrow_special = special.collect::<Option<_>>()?;
        let mut chain = vec![primes.below(1 << self.smallest_prime())?];
        for _ in 1..self.levels {
            chain.push(primes.nearest(1 << self.scale)?);
        }
        Some(Literal {
            log_degree: self.log_degree,
            chain,
            wide_special: Vec::new(),
            narrow_special,
            sparse_weight: None,
        })
    }
}

/// Numbers that are looked at for a prime of a size: one in some tens is prime.
const MOST_TRIED: usize = 1 << 12;

/// Primes that are 1 modulo `2 N`, each once.
pub(crate) struct Primes {
    degree: usize,
    used: Vec<u64>,
}

impl Primes {
    pub(crate) fn new(log_degree: u32) -> Self {
        Self::besides(log_degree, Vec::new())
    }

    /// All but these.
    pub(super) fn besides(log_degree: u32, used: Vec<u64>) -> Self {
        Self { degree: 1 << log_degree, used }
    }

    /// The largest one of so many bits.
    pub(super) fn of_bits(&mut self, bits: u32) -> Option<u64> {
        let step = 2 * self.degree as u64;
        let (low, high) = ((1 << (bits - 1)) / step, (1 << bits) / step);
        self.first((low.max(1)..high).rev().take(MOST_TRIED).map(|k| k * step + 1))
    }

    pub(crate) fn below(&mut self, bound: u64) -> Option<u64> {
        let step = 2 * self.degree as u64;
        let candidates = (1..bound / step / 8).map(|k| bound - k * step + 1);
        self.first(candidates)
    }

    fn nearest(&mut self, target: u64) -> Option<u64> {
        let step = 2 * self.degree as u64;
        let sides =
            (0..target / step / 8).flat_map(|k| [target + 1 + k * step, target + 1 - k * step]);
        self.first(sides)
    }

    fn first(&mut self, candidates: impl Iterator<Item = u64>) -> Option<u64> {
        let mut candidates = candidates.filter(|q| !self.used.contains(q));
        let prime = candidates.find(|q| Prime::new(*q, self.degree).is_ok())?;
        self.used.push(prime);
        Some(prime)
    }
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::keys::{KeyKind, KeyList, KeySpec};
    use blindsight_ckks::wire::KeySetManifest;

    use super::*;

    #[test]
    fn rings_are_secure_and_keys_small() {
        for (log_degree, depth, most) in [(13, 3, 420_000), (14, 9, 3_000_000)] {
            let ring = Ring::new(log_degree, depth).unwrap().unwrap();
            assert_eq!(ring.set.top_level(), depth + 1);
            assert!(noise(log_degree, ring.scale) <= LARGEST_NOISE);
            // The largest key there is passes the door that checks security.
            let layout = KeyLayout::packed(&ring.set, depth + 1).unwrap();
            let key = KeySpec::new(&ring.set, KeyKind::Relinearisation, layout).unwrap();
            let list = KeyList::new(vec![key]).unwrap();
            let bytes = KeySetManifest::new(&ring.set, &list).total_byte_len();
            assert!(bytes <= most, "{log_degree}: {bytes}");
        }
    }

    #[test]
    fn what_does_not_fit_has_no_ring() {
        assert!(Ring::new(12, 9).unwrap().is_none());
        assert!(Ring::new(13, 20).unwrap().is_none());
        assert!(Ring::new(15, 40).unwrap().is_none());
    }
}
