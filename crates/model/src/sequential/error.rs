//! What can be wrong with layers, and with files of them.

use thiserror::Error;

use super::{MAX_DESCRIPTION_BYTES, MAX_LAYERS, MAX_NUMBERS};
use crate::classes::ClassNamesError;
use crate::fold::FoldError;
use crate::graph::{GraphError, NodeError, ParameterError};
use crate::picture::PreparationError;
use crate::tensor::{Shape, TensorError};
use crate::weights::WeightsError;

/// Why layers are no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SequentialError {
    /// The input is empty or too large.
    #[error("the input is impossible: {0}")]
    Input(#[from] TensorError),
    /// There are no layers, or too many.
    #[error("a network has 1 to {MAX_LAYERS} layers, not {found}")]
    Layers {
        /// How many there are.
        found: usize,
    },
    /// The feature maps are too large.
    #[error("input and results of layers have {found} numbers; at most {MAX_NUMBERS} are accepted")]
    TooLarge {
        /// How many numbers they have together.
        found: usize,
    },
    /// A layer is impossible or does not fit what it reads.
    #[error("layer {index} ({layer}) does not fit: {reason}")]
    Layer {
        /// Its position, from 0.
        index: usize,
        /// What kind of layer it is.
        layer: &'static str,
        /// What does not fit.
        #[source]
        reason: LayerError,
    },
    /// A stride or a padding was written where no convolution stands before it.
    #[error("a {what} belongs to the convolution before it, but layer {after} follows none")]
    NoConvolution {
        /// What was written.
        what: &'static str,
        /// How many layers stand before it.
        after: usize,
    },
}

/// Why one layer does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayerError {
    /// It is impossible by itself.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// What is read is no vector of an even length, one half means and the other variances.
    #[error("a code is read from a vector of an even length, not from {0}")]
    NoHalves(Shape),
    /// It does not fit what it reads.
    #[error(transparent)]
    Shape(#[from] NodeError),
}

/// Why a file is no trained network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read as weights, or its tensors are not those of its layers.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// What it says of itself is not good.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The numbers of a layer are impossible.
    #[error("layer {index} has impossible parameters: {reason}")]
    Parameters {
        /// Its position, from 0.
        index: usize,
        /// What is wrong.
        #[source]
        reason: ParameterError,
    },
    /// The graph does not hold together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The batch normalisations cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// There are not as many numbers for a tensor as it needs.
    #[error("tensor {name} needs {expected} numbers, but there are {found}")]
    Count {
        /// The tensor's name.
        name: String,
        /// What its dimensions ask for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The file could not be put together.
    #[error("the file could not be written: {0}")]
    Write(#[from] safetensors::SafeTensorError),
}

/// Why what a network says of itself was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The file's metadata have no such entry.
    #[error("the file's metadata do not describe layers")]
    Missing,
    /// The description is too long.
    #[error("the description has {found} bytes; at most {MAX_DESCRIPTION_BYTES} are accepted")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is no description, or one of impossible layers.
    #[error("the description of the layers cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// There is not one name for each score.
    #[error("there are {found} names of classes, but {expected} scores")]
    Classes {
        /// How many scores the network gives.
        expected: usize,
        /// How many names there are.
        found: usize,
    },
    /// A name of a class is not good.
    #[error(transparent)]
    ClassNames(#[from] ClassNamesError),
    /// Mean and deviation do not fit the input.
    #[error(transparent)]
    Normalisation(#[from] PreparationError),
}
