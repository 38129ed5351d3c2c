//! Parameter sets: data that cannot be built insecure or inconsistent.
//!
//! A [`Literal`] is plain data; [`Parameters::new`] checks it against the security table, the
//! sizes of digits and special primes, the scale schedule and the declared failure probability,
//! and derives everything else. There is no other way to make a [`Parameters`].

mod failure;
mod literal;
mod preset;

use std::sync::Arc;

use blindsight_ring::{Basis, Prime, PrimeError};
use thiserror::Error;

pub use failure::log2_overflow_probability;
pub use literal::{Chain, Literal};

use crate::encoding::Encoder;
use crate::keys::{self, KeyKind, KeyLayout, KeySpec, Special};
use crate::security::{self, Insecure};
use crate::wire::frame::ParameterFingerprint;

/// A checked parameter set with its primes, transforms, key layouts and encoding tables.
#[derive(Debug)]
pub struct Parameters {
    literal: Literal,
    fingerprint: ParameterFingerprint,
    chain: Basis,
    wide_special: Basis,
    narrow_special: Basis,
    /// `scales[l - 1]` is the scale of a ciphertext with `l` limbs between the end of the
    /// activation and the end of coefficients-to-slots; meaningless outside.
    scales: Vec<f64>,
    keys: Vec<KeySpec>,
    encoder: Encoder,
}

/// Why a literal is not a parameter set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// A modulus is not a suitable prime.
    #[error(transparent)]
    Prime(#[from] PrimeError),
    /// The same prime is used twice.
    #[error("the prime {0} occurs twice")]
    RepeatedPrime(u64),
    /// A key's modulus is beyond the security table.
    #[error("key at level {level}: {source}")]
    InsecureKey {
        /// Limbs of the chain in the key.
        level: usize,
        /// The limit that is exceeded.
        source: Insecure,
    },
    /// The special primes do not exceed the largest digit by [`KeyLayout::MARGIN_BITS`].
    #[error("key at level {level}: special primes of {special:.1} bits for a digit of {digit:.1}")]
    SmallSpecial {
        /// Limbs of the chain in the key.
        level: usize,
        /// `log2` of the product of its special primes.
        special: f64,
        /// `log2` of its largest digit.
        digit: f64,
    },
    /// A scale left the range in which products stay below the modulus and above the noise.
    #[error("the scale at level {level} is 2^{log2:.2}, outside 2^25..2^36")]
    Scale {
        /// Limbs at this point of the circuit.
        level: usize,
        /// `log2` of the scale.
        log2: f64,
    },
    /// The bound on the integer part does not hold with the declared probability.
    #[error(
        "the integer part leaves its bound with probability 2^{actual:.1}, declared 2^{declared:.1}"
    )]
    Failure {
        /// `log2` of the probability in one bootstrap.
        actual: f64,
        /// `log2` of the declared bound.
        declared: f64,
    },
}

impl Parameters {
    /// Checks a literal and derives the parameter set.
    ///
    /// # Errors
    /// When the set would be insecure or inconsistent: see [`ParameterError`].
    pub fn new(literal: Literal) -> Result<Self, ParameterError> {
        let degree = literal.degree();
        let basis = |values: &[u64]| -> Result<Basis, ParameterError> {
            let primes = values.iter().map(|&q| Prime::new(q, degree).map(Arc::new));
            Ok(Basis::new(primes.collect::<Result<_, _>>()?))
        };
        let set = Self {
            fingerprint: fingerprint_of(&literal),
            chain: basis(&literal.chain.primes())?,
            wide_special: basis(&literal.wide_special)?,
            narrow_special: basis(&literal.narrow_special)?,
            scales: Vec::new(),
            keys: Vec::new(),
            encoder: Encoder::new(degree),
            literal,
        };
        set.check_primes_distinct()?;
        let scales = set.derive_scales()?;
        let keys = keys::schedule(&set);
        let set = Self { scales, keys, ..set };
        set.check_keys()?;
        set.check_failure()?;
        Ok(set)
    }

    /// The data the set was made from.
    #[must_use]
    pub fn literal(&self) -> &Literal {
        &self.literal
    }

    /// What identifies the set on the wire.
    #[must_use]
    pub fn fingerprint(&self) -> ParameterFingerprint {
        self.fingerprint
    }

    /// The ring degree `N`.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.literal.degree()
    }

    /// The number of slots, `N/2`.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.degree() / 2
    }

    /// The modulus chain, bottom prime first.
    #[must_use]
    pub fn chain(&self) -> &Basis {
        &self.chain
    }

    /// The first `level` primes of the chain: the modulus of a ciphertext with `level` limbs.
    #[must_use]
    pub fn modulus(&self, level: usize) -> Basis {
        self.chain.prefix(level)
    }

    /// The special primes a key layout uses.
    #[must_use]
    pub fn special(&self, special: Special) -> Basis {
        match special {
            Special::Wide(count) => self.wide_special.prefix(count),
            Special::WideAndNarrow => self.wide_special.join(&self.narrow_special.prefix(1)),
            Special::Narrow(count) => self.narrow_special.prefix(count),
        }
    }

    /// The levels at which the steps of the circuit start.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.literal.chain.levels()
    }

    /// The scale of a ciphertext with `level` limbs in the polynomial part of the circuit: from the
    /// output of coefficients-to-slots down to the output of the activation.
    #[must_use]
    pub fn scale(&self, level: usize) -> f64 {
        self.scales[level - 1]
    }

    /// All evaluation keys that the circuit uses, each at the level at which it is used.
    #[must_use]
    pub fn keys(&self) -> &[KeySpec] {
        &self.keys
    }

    /// The index of the key of this kind that is generated nearest above `level`.
    #[must_use]
    pub fn find_key(&self, kind: KeyKind, level: usize) -> Option<usize> {
        let fitting = self
            .keys
            .iter()
            .enumerate()
            .filter(|(_, spec)| spec.kind == kind && spec.layout.level >= level);
        fitting.min_by_key(|(_, spec)| spec.layout.level).map(|(index, _)| index)
    }

    /// Encoding tables.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// `log2` of the probability that one bootstrap meets an integer part beyond its bound.
    #[must_use]
    pub fn log2_failure(&self) -> f64 {
        let literal = &self.literal;
        log2_overflow_probability(literal.sparse_weight, literal.integer_bound, self.slots())
    }

    fn check_primes_distinct(&self) -> Result<(), ParameterError> {
        let bases = [&self.chain, &self.wide_special, &self.narrow_special];
        let mut seen: Vec<u64> = Vec::new();
        for prime in bases.iter().flat_map(|basis| basis.primes()) {
            if seen.contains(&prime.value()) {
                return Err(ParameterError::RepeatedPrime(prime.value()));
            }
            seen.push(prime.value());
        }
        Ok(())
    }

    /// Squaring and rescaling takes scale `s` at level `l` to `s^2 / q_l` at level `l - 1`: the top
    /// scale fixes all others.
    fn derive_scales(&self) -> Result<Vec<f64>, ParameterError> {
        let levels = self.levels();
        let mut scales = vec![0.0; self.chain.len()];
        scales[levels.chebyshev - 1] = self.literal.top_scale;
        for level in (levels.linear..=levels.chebyshev).rev() {
            let scale: f64 = scales[level - 1];
            if !(25.0..=36.0).contains(&scale.log2()) {
                return Err(ParameterError::Scale { level, log2: scale.log2() });
            }
            if level > levels.linear {
                let prime = self.chain.primes()[level - 1].value() as f64;
                scales[level - 2] = scale * scale / prime;
            }
        }
        Ok(scales)
    }

    fn check_keys(&self) -> Result<(), ParameterError> {
        for spec in &self.keys {
            let layout = &spec.layout;
            let level = layout.level;
            let special = self.special(layout.special).log2();
            let digit = layout.largest_digit_bits(self);
            if special < digit + KeyLayout::MARGIN_BITS {
                return Err(ParameterError::SmallSpecial { level, special, digit });
            }
            let modulus = self.modulus(level).log2() + special;
            let insecure = |source| ParameterError::InsecureKey { level, source };
            let log_degree = self.literal.log_degree;
            if spec.kind.is_under_sparse_secret() {
                let weight = self.literal.sparse_weight;
                security::check_sparse(log_degree, weight, modulus).map_err(insecure)?;
            } else {
                security::check_ternary(log_degree, modulus).map_err(insecure)?;
            }
        }
        Ok(())
    }

    fn check_failure(&self) -> Result<(), ParameterError> {
        let (actual, declared) = (self.log2_failure(), self.literal.declared_log2_failure);
        if actual <= declared { Ok(()) } else { Err(ParameterError::Failure { actual, declared }) }
    }
}

/// Numbers of limbs at the boundaries of the circuit, bottom first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// After slots-to-coefficients, where the modulus is raised.
    pub base: usize,
    /// Entering slots-to-coefficients.
    pub slots_to_coefficients: usize,
    /// Leaving the activation and entering a linear layer.
    pub linear: usize,
    /// Entering the activation polynomial.
    pub activation: usize,
    /// Entering the squarings of the exponential.
    pub squarings: usize,
    /// Leaving coefficients-to-slots and entering the Chebyshev polynomial.
    pub chebyshev: usize,
    /// The whole chain: after raising the modulus.
    pub top: usize,
}

/// The SHA-256 of everything in a literal that both sides must agree on.
fn fingerprint_of(literal: &Literal) -> ParameterFingerprint {
    use sha2::{Digest, Sha256};
    ParameterFingerprint(Sha256::digest(literal.canonical_text().as_bytes()).into())
}
