//! What can be wrong with an object inside a sound frame.

use blindsight_ring::bits::BitsError;

use super::ExpectedScale;
use super::frame::WireError;
use crate::keys::{KeyError, KeyLayout};

/// Why bytes are not the object that was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The frame, or a field of fixed length, is wrong.
    #[error(transparent)]
    Frame(#[from] WireError),
    /// Packed residues are not residues of their modulus.
    #[error("limb {limb} of {what}: {source}")]
    Residues {
        /// The polynomial.
        what: &'static str,
        /// Its limb, counted from 0.
        limb: usize,
        /// What is wrong with the limb.
        source: BitsError,
    },
    /// The reader asked for a level that the parameter set does not have.
    #[error("level {level} does not exist: the modulus chain has {most} primes")]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
        /// The number of primes of the chain.
        most: usize,
    },
    /// A ciphertext at another level.
    #[error("the ciphertext is at level {found}, but level {expected} is expected here")]
    Level {
        /// The level the reader wants.
        expected: usize,
        /// The level of the ciphertext.
        found: usize,
    },
    /// A scale that the reader does not accept.
    #[error("the scale is {found}, but {expected} is expected here")]
    Scale {
        /// What the reader accepts.
        expected: ExpectedScale,
        /// The scale found.
        found: f64,
    },
    /// A ciphertext with another number of parts.
    #[error("the ciphertext has {found} parts, but {expected} are expected here")]
    Parts {
        /// The number that the reader wants.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// A description of a key that no parameter set allows.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No kind of key has this number, or this automorphism does not exist.
    #[error("a key of kind {number} with exponent {exponent} does not exist")]
    KeyKind {
        /// The number of the kind.
        number: u8,
        /// The exponent of the automorphism.
        exponent: u32,
    },
    /// A key with too many digits.
    #[error("a key with {found} digits; at most {} are allowed", KeyLayout::MOST_DIGITS)]
    KeyDigits {
        /// The digits announced.
        found: usize,
    },
    /// Another key than the one that is expected.
    #[error("this is another evaluation key than the one that belongs here")]
    OtherKey,
    /// The keys of a set do not stand in their order.
    #[error("key {index} of the key set does not stand in its place")]
    KeyOrder {
        /// Its place, counted from 0.
        index: usize,
    },
    /// A key set that gives a key another length.
    #[error("the key set gives evaluation key {index} {found} bytes instead of {expected}")]
    KeyLength {
        /// The index of the key.
        index: usize,
        /// The length of this key in this parameter set.
        expected: u64,
        /// The length announced.
        found: u64,
    },
    /// A response whose slots repeat with another period.
    #[error("the response has {found} distinct slots, but {expected} are expected here")]
    Period {
        /// The period the reader wants.
        expected: usize,
        /// The period found.
        found: u32,
    },
    /// A period that no ciphertext of the ring can have.
    #[error("{period} is not a period of slots: a power of two up to {most}")]
    NoSuchPeriod {
        /// The period asked for.
        period: usize,
        /// The number of slots.
        most: usize,
    },
    /// A response modulo a power of two that no response has.
    #[error("the response's modulus is 2^{found}, which is not 2^{least} to 2^{most}")]
    ResponseModulus {
        /// `log2` of the smallest modulus.
        least: u32,
        /// `log2` of the largest modulus.
        most: u32,
        /// `log2` of the modulus found.
        found: u32,
    },
}
