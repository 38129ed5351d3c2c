//! Why a key may not exist.

use thiserror::Error;

use super::KeyLayout;
use crate::security::Insecure;

/// Why a parameter set has no such key.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// The chain has no such level.
    #[error("a key at level {level}, but the modulus chain has {most} primes")]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
        /// The highest level.
        most: usize,
    },
    /// The digits are not consecutive ranges of limbs that cover the level, or too many.
    #[error(
        "the digits of a key at level {level} must be 1 to {} consecutive ranges that cover it",
        KeyLayout::MOST_DIGITS
    )]
    Digits {
        /// Limbs of the chain in the key.
        level: usize,
    },
    /// The parameter set has fewer special primes.
    #[error("a key at level {level} asks for special primes that the parameter set does not have")]
    NoSuchSpecial {
        /// Limbs of the chain in the key.
        level: usize,
    },
    /// The special primes do not exceed the largest digit by [`KeyLayout::MARGIN_BITS`].
    #[error(
        "a key at level {level}: special primes of {special:.1} bits for a digit of {digit:.1}"
    )]
    SmallSpecial {
        /// Limbs of the chain in the key.
        level: usize,
        /// `log2` of the product of its special primes.
        special: f64,
        /// `log2` of its largest digit.
        digit: f64,
    },
    /// The key's modulus is beyond the security table.
    #[error("a key at level {level}: {source}")]
    Insecure {
        /// Limbs of the chain in the key.
        level: usize,
        /// The limit that is exceeded.
        source: Insecure,
    },
    /// The parameter set has no sparse secret.
    #[error("a key of the sparse secret, but the parameter set has none")]
    NoSparseSecret,
    /// A key under the sparse secret above the smallest modulus.
    #[error("a key under the sparse secret exists at level 1 only, not at {level}")]
    SparseLevel {
        /// The level asked for.
        level: usize,
    },
    /// A key out of the raised modulus below the top, or with several digits.
    #[error(
        "a key out of the raised modulus has one digit at the highest level, not level {level}"
    )]
    RaisedLevel {
        /// The level asked for.
        level: usize,
    },
    /// The exponent is that of no automorphism, or of the identity.
    #[error("{exponent} is not the exponent of an automorphism that needs a key")]
    Exponent {
        /// The exponent asked for.
        exponent: usize,
    },
    /// The same key twice.
    #[error("the same key is listed twice")]
    Repeated,
    /// Too many keys.
    #[error("{found} keys, but at most {most} are allowed")]
    TooMany {
        /// Keys listed.
        found: usize,
        /// The most allowed.
        most: usize,
    },
}
