//! The encrypted answer, made small.
//!
//! An answer of a few numbers occupies few distinct slots, which repeat: its plaintext is a
//! polynomial in `X^(N/2t)` for `t` distinct slots. So of `c0 + c1 s` only every `N/2t`-th
//! coefficient says anything: all of `c1` is needed, but only `2t` coefficients of `c0`. And a
//! modulus that is a power of two packs without waste, and can be smaller than the base prime if
//! less precision is enough.

use blindsight_ring::{Limb, Ntt, Poly};
use thiserror::Error;

use crate::ciphertext::Ciphertext;
use crate::parameters::Parameters;

/// A ciphertext in coefficients modulo a power of two, for a message with few distinct slots.
///
/// For each `j`, coefficient `j * stride` of `c0 + c1 s` is coefficient `j` of the message times
/// `scale`, plus noise; `stride` is `N / 2 period`.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactCiphertext {
    pub(crate) c0: Vec<u32>,
    pub(crate) c1: Vec<u32>,
    pub(crate) log2_modulus: u32,
    pub(crate) scale: f64,
}

/// Why a ciphertext cannot be made compact.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompactError {
    /// The ciphertext has not come down to the base prime.
    #[error("only a ciphertext at level 1 can be made compact, this one is at level {level}")]
    Level {
        /// Its level.
        level: usize,
    },
    /// The modulus is out of bounds.
    #[error(
        "the modulus 2^{log2} is not between 2^{} and 2^{}",
        CompactCiphertext::LEAST_LOG2_MODULUS,
        CompactCiphertext::MOST_LOG2_MODULUS
    )]
    Modulus {
        /// `log2` of the modulus asked for.
        log2: u32,
    },
    /// The period does not divide the slots.
    #[error("{period} is not a period of slots: a power of two up to {most}")]
    Period {
        /// The period asked for.
        period: usize,
        /// The number of slots.
        most: usize,
    },
}

impl CompactCiphertext {
    /// `log2` of the smallest modulus: below it the rounding noise is as large as the modulus.
    pub const LEAST_LOG2_MODULUS: u32 = 10;

    /// `log2` of the largest modulus: about that of the base prime, beyond which nothing is gained.
    pub const MOST_LOG2_MODULUS: u32 = 26;

    /// Makes a ciphertext at level 1 compact, whose slots repeat with `period`.
    ///
    /// The residues `x` modulo the base prime `q` become `round(2^k x / q)` modulo `2^k`, with `k =
    /// log2_modulus`. That adds noise of variance `(1 + h) / 12` to each coefficient of the message
    /// for a secret with `h` nonzero coefficients (Brakerski and Vaikuntanathan, ePrint 2011/344):
    /// a standard deviation of about 43 units of `1 / 2^k` of the modulus for `N = 2^15`.
    ///
    /// Coefficients that the period makes irrelevant are dropped: they hold noise, or what a
    /// message without this period would lose.
    ///
    /// # Errors
    /// [`CompactError`] when level, modulus or period do not fit.
    pub fn from_base_level(
        set: &Parameters,
        ciphertext: &Ciphertext,
        log2_modulus: u32,
        period: usize,
    ) -> Result<Self, CompactError> {
        let level = ciphertext.level();
        if level != 1 {
            return Err(CompactError::Level { level });
        }
        if !(Self::LEAST_LOG2_MODULUS..=Self::MOST_LOG2_MODULUS).contains(&log2_modulus) {
            return Err(CompactError::Modulus { log2: log2_modulus });
        }
        let most = set.slots();
        if !is_period(set, period) {
            return Err(CompactError::Period { period, most });
        }
        let base = set.chain().primes()[0].value();
        let switched = |poly: &Poly<Ntt>, stride: usize| {
            let coefficients = poly.clone().into_coefficients();
            let residues = residues(&coefficients.limbs()[0]);
            let wanted = residues.into_iter().step_by(stride);
            wanted.map(|x| switch_modulus(x, base, log2_modulus)).collect()
        };
        Ok(Self {
            c0: switched(&ciphertext.c0, most / period),
            c1: switched(&ciphertext.c1, 1),
            log2_modulus,
            scale: ciphertext.scale * f64::from(1_u32 << log2_modulus) / base as f64,
        })
    }

    /// The `2 * period` coefficients of the half that carries the message, each below
    /// `2^log2_modulus`: those of `X^0, X^stride, X^(2 stride), ...`.
    #[must_use]
    pub fn c0(&self) -> &[u32] {
        &self.c0
    }

    /// The `N` coefficients of the half that meets the secret, each below `2^log2_modulus`.
    #[must_use]
    pub fn c1(&self) -> &[u32] {
        &self.c1
    }

    /// `log2` of the modulus.
    #[must_use]
    pub fn log2_modulus(&self) -> u32 {
        self.log2_modulus
    }

    /// What the message is multiplied by.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The number of distinct slots.
    #[must_use]
    pub fn period(&self) -> usize {
        self.c0.len() / 2
    }

    /// The distance between the coefficients of the message in the ring.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.c1.len() / self.c0.len()
    }
}

/// Whether slots of this parameter set can repeat with this period.
pub(crate) fn is_period(set: &Parameters, period: usize) -> bool {
    period.is_power_of_two() && period <= set.slots()
}

/// `round(2^k x / q) mod 2^k`. Going from `x` to `x - q` changes nothing, so it does not matter
/// that the residue is not centred.
fn switch_modulus(x: u64, q: u64, k: u32) -> u32 {
    let rounded = ((u128::from(x) << k) + u128::from(q / 2)) / u128::from(q);
    (rounded & ((1 << k) - 1)) as u32
}

fn residues(limb: &Limb) -> Vec<u64> {
    match limb {
        Limb::Narrow(words) => words.iter().map(|&word| word.into()).collect(),
        Limb::Wide(words) => words.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{full, set};

    #[test]
    fn switching_rounds_to_the_nearest() {
        let (q, k) = (67_043_329, 20);
        for x in [0, 1, 31, 32, 33, q / 2, q / 2 + 1, q - 33, q - 1] {
            let exact = x as f64 / q as f64 * 1_048_576.0;
            let switched = f64::from(switch_modulus(x, q, k));
            let difference = (exact - switched + 524_288.0).rem_euclid(1_048_576.0) - 524_288.0;
            assert!(difference.abs() <= 0.5, "{x}: {difference}");
        }
        assert_eq!(switch_modulus(q - 1, q, k), 0, "rounds up to 2^20 = 0");
    }

    #[test]
    fn only_the_coefficients_of_the_period_are_kept() {
        let ciphertext = full(1);
        let whole = CompactCiphertext::from_base_level(set(), &ciphertext, 20, set().slots());
        let whole = whole.unwrap();
        let few = CompactCiphertext::from_base_level(set(), &ciphertext, 20, 16).unwrap();
        assert_eq!((whole.stride(), few.stride()), (1, 1024));
        assert_eq!((few.period(), few.c0().len()), (16, 32));
        for (j, c) in few.c0().iter().enumerate() {
            assert_eq!(*c, whole.c0()[1024 * j]);
        }
        assert_eq!(few.c1(), whole.c1());
        let q = set().chain().primes()[0].value() as f64;
        let scale = ciphertext.scale / q * 1_048_576.0;
        assert!((few.scale() / scale - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let compact = |level, log2, period| {
            CompactCiphertext::from_base_level(set(), &full(level), log2, period).err()
        };
        assert_eq!(compact(2, 20, 16), Some(CompactError::Level { level: 2 }));
        for log2 in [0, 9, 27, 64] {
            assert_eq!(compact(1, log2, 16), Some(CompactError::Modulus { log2 }));
        }
        let most = set().slots();
        for period in [0, 10, 2 * most] {
            let error = CompactError::Period { period, most };
            assert_eq!(compact(1, 20, period), Some(error));
        }
    }
}
