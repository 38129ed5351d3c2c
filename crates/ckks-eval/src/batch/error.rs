//! Why a network cannot be run on batches.

use thiserror::Error;

/// What is wrong with a plan, or with what it is run on.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum BatchError {
    /// No layers, or no inputs.
    #[error("a batch circuit needs at least one input and one layer")]
    Empty,
    /// A layer has no or too many values.
    #[error("layer {layer} has {width} values: it must have 1 to {most}")]
    Width {
        /// Index of the layer.
        layer: usize,
        /// Its values.
        width: usize,
        /// The most that a layer may have.
        most: usize,
    },
    /// A block names a value twice, or one that does not exist, or has more or fewer weights than
    /// inputs times outputs.
    #[error("block {block} of layer {layer} does not fit its layer")]
    Block {
        /// Index of the layer.
        layer: usize,
        /// Index of the block.
        block: usize,
    },
    /// Weights have too many or too few bits, or one is larger than they allow.
    #[error("the weights of layer {layer} do not fit {bits} bits, or these do not fit the primes")]
    Weight {
        /// Index of the layer.
        layer: usize,
        /// Bits of a weight with its sign.
        bits: u32,
    },
    /// A bias or a scale leaves the range in which it is exact.
    #[error("a bias or the scale of layer {layer} is out of range")]
    Scale {
        /// Index of the layer.
        layer: usize,
    },
    /// Too many squares one after another.
    #[error("ciphertexts of {parts} parts: there may be {most} at most")]
    Parts {
        /// Parts of the result.
        parts: usize,
        /// The most there may be.
        most: usize,
    },
    /// The modulus chain has no such level.
    #[error("level {level} does not exist: the modulus chain has {most} primes")]
    Level {
        /// The level asked for.
        level: usize,
        /// The number of primes of the chain.
        most: usize,
    },
    /// Other ciphertexts than the network reads.
    #[error("{found} ciphertexts, or of another level: the network reads {expected}")]
    Inputs {
        /// Ciphertexts given.
        found: usize,
        /// Ciphertexts that are read.
        expected: usize,
    },
}
