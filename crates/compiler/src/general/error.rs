//! Why a network cannot be run.

use blindsight_ckks::keys::KeyError;
use blindsight_model::tensor::Shape;
use thiserror::Error;

use super::emit::MOST_WEIGHTS;
use super::sparse::MOST_ENTRIES;

/// Why a network cannot be run on a ring.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum GeneralError {
    /// The calibration is of another network.
    #[error("the calibration has other activations or channels than the network")]
    Calibration,
    /// A linear part of the network is too large to be written as a matrix.
    #[error("the linear layers up to node {node} are a matrix of more than {MOST_ENTRIES} entries")]
    Matrix {
        /// The node.
        node: usize,
    },
    /// An activation cannot be approximated well enough by a polynomial.
    #[error(
        "activation {activation} is off by {} % of its range with a polynomial of degree {degree}",
        percent
    )]
    Fit {
        /// Number of the activation, from 0.
        activation: usize,
        /// Its degree.
        degree: usize,
        /// The error, root mean square, in hundredths of the range.
        percent: u32,
    },
    /// No ring is secure with so many levels.
    #[error("the network needs {needed} levels, which no ring without bootstraps has")]
    Depth {
        /// Levels.
        needed: usize,
    },
    /// The matrices would take too much memory.
    #[error(
        "the linear layers need {needed} weights in {slots} slots or more; at most {MOST_WEIGHTS} \
         are encoded"
    )]
    Weights {
        /// Weights up to the layer that was too many.
        needed: usize,
        /// Slots of the ring.
        slots: usize,
    },
    /// A value grows beyond the modulus that is left to it.
    #[error("the result of step {step} grows beyond its modulus on one of the inputs")]
    Modulus {
        /// The step that makes it, from 0.
        step: usize,
    },
    /// There are no keys for a level.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A value does not fit the slots.
    #[error("a value of {shape} does not fit the {slots} slots of the largest ring that was tried")]
    Slots {
        /// Shape of the value.
        shape: Shape,
        /// Slots of the ring.
        slots: usize,
    },
}
