//! What can go wrong.

use std::io;
use std::path::PathBuf;

use blindsight_model::dataset::DatasetError;
use blindsight_model::picture::PreparationError;
use blindsight_model::sequential::{FileError, SequentialError};
use blindsight_model::tensor::TensorError;
use thiserror::Error;

/// Why a network was not trained, or its file not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The layers are no network.
    #[error(transparent)]
    Network(#[from] SequentialError),
    /// A layer has no derivative here.
    #[error(
        "layer {index}: {activation} cannot be trained; square, relu, identity, sigmoid, tanh, sign \
         and quadratics can"
    )]
    Activation {
        /// Position of the layer.
        index: usize,
        /// The function.
        activation: String,
    },
    /// There are no samples, or not as many numbers as they need.
    #[error(
        "there are {labels} samples of {each} numbers: they need {expected}, and there are {found}"
    )]
    Samples {
        /// How many labels there are.
        labels: usize,
        /// Numbers of a sample.
        each: usize,
        /// Numbers that all samples have together.
        expected: usize,
        /// Numbers that are there.
        found: usize,
    },
    /// Samples are of another shape than the input of the network.
    #[error("the network reads {expected} numbers, but a sample has {found}")]
    Input {
        /// What the network reads.
        expected: usize,
        /// What a sample has.
        found: usize,
    },
    /// The results are no inputs again.
    #[error("the network gives {found} numbers, and its inputs have {expected}")]
    NoReconstruction {
        /// Numbers of an input.
        expected: usize,
        /// Numbers of a result.
        found: usize,
    },
    /// A network without a latent code has no encoder.
    #[error("no layer is a latent code, so there is no encoder before it")]
    NoCode,
    /// A teacher is a network for something else.
    #[error(
        "the teacher reads {} numbers and gives {}, but the network reads {} and gives {}",
        .found[0], .found[1], .expected[0], .expected[1]
    )]
    Teacher {
        /// Numbers of an input and of a result of the network.
        expected: [usize; 2],
        /// Those of its teacher.
        found: [usize; 2],
    },
    /// A label is no class of the network.
    #[error("there are labels up to {found}, but the network has {classes} classes")]
    Label {
        /// The largest label.
        found: usize,
        /// The number of scores.
        classes: usize,
    },
    /// A picture of the data set has no label.
    #[error("{name} has no label")]
    NoLabel {
        /// What the data set calls the picture.
        name: String,
    },
    /// A setting is out of range.
    #[error("{what} is out of range")]
    Setting {
        /// Which one.
        what: &'static str,
    },
    /// A function that is to be replaced has not been, for want of values.
    #[error("the function of layer {index} is not fitted: it has met too few different values")]
    NotFitted {
        /// Position of the layer.
        index: usize,
    },
    /// The loss is infinite or not a number.
    #[error(
        "the loss is not finite in epoch {epoch}, batch {batch}; the first layer whose result is not \
         finite is {}; the weights are those from before that epoch",
        .layer.map_or("none: the loss itself overflowed".to_owned(), |layer| layer.to_string())
    )]
    NotFinite {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch in the epoch, from 1.
        batch: usize,
        /// Position of the first layer whose result is not finite.
        layer: Option<usize>,
    },
    /// The data set cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The data set's pictures do not fit.
    #[error(transparent)]
    Preparation(#[from] PreparationError),
    /// Samples have a shape that no network reads.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The network's file cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be written.
    #[error("{}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}
