//! What can go wrong.

use blindsight_ckks_eval::EvalError;
use blindsight_ckks_eval::linear_transform::PlanError;
use blindsight_exact::label::Classes;
use blindsight_exact::wire::ReadError;
use blindsight_ring::PrimeError;
use thiserror::Error;

/// Why there is no exact answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExactError {
    /// A part of the key.
    #[error("the key for exact answers: {0}")]
    Key(#[from] ReadError),
    /// The number of classes.
    #[error(transparent)]
    Classes(#[from] Classes),
    /// The ring of TFHE has no primes.
    #[error(transparent)]
    Ring(#[from] PrimeError),
    /// The scores cannot be taken out of their slots.
    #[error("the scores cannot be taken out of their slots: {0}")]
    Plan(#[from] PlanError),
    /// The layout of the scores.
    #[error("{what} of the scores is of no use for an exact answer")]
    Layout {
        /// What it is that does not fit.
        what: &'static str,
    },
    /// A step of CKKS.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A ciphertext that has not come down to the base prime.
    #[error("a score is at level {level}, but only level 1 has a bridge")]
    Level {
        /// Its level.
        level: usize,
    },
    /// Another number of scores than a decision is between.
    #[error("{found} scores, but the decision is between {expected} classes")]
    Scores {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A key of another set.
    #[error("the key for exact answers belongs to another parameter set")]
    OtherSet,
    /// A picture for another network.
    #[error("a picture of {found} pixels, but the network reads {expected}")]
    Pixels {
        /// What the network reads.
        expected: usize,
        /// What the picture has.
        found: usize,
    },
    /// Whoever watched ended the run.
    #[error("the run was ended")]
    Ended,
    /// The system has no random bytes.
    #[error("the system has no random bytes to hide an answer with")]
    Entropy,
}
