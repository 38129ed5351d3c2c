//! What can go wrong.

use blindsight_ckks::wire::ReadError;
use blindsight_ckks_client::EntropyError;
use blindsight_compiler::CompileError;
use blindsight_engine::{BundleError, EvaluateError, LoadError};
use blindsight_model::calibration::CalibrationError;
use blindsight_model::plain::PlainError;
use blindsight_session::SessionError;
use thiserror::Error;

/// Why a network is not planned, or an input not classified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncryptedError {
    /// There are no inputs.
    #[error("there are no inputs")]
    Empty,
    /// More inputs than a request holds.
    #[error("a request holds {most} inputs, but there are {found}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many a request holds.
        most: usize,
    },
    /// An input is of another shape than the network reads.
    #[error("input {index} has {found} numbers: the network reads {expected}")]
    Shape {
        /// Its index.
        index: usize,
        /// Its numbers.
        found: usize,
        /// What the network reads.
        expected: usize,
    },
    /// A label is no class of the network.
    #[error("input {index} is said to be of class {found}, but there are {classes} classes")]
    Label {
        /// Its index.
        index: usize,
        /// Its label.
        found: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// The ranges of the network's values cannot be measured.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// The network cannot be run encrypted.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The compiled model cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The compiled model cannot be made ready.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The client refuses.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] ReadError),
    /// The evaluator refuses.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The same of a network of signs.
    #[cfg(feature = "exact")]
    #[error(transparent)]
    Signs(#[from] blindsight_engine::label::LabelError),
    /// The plain network does not run.
    #[error(transparent)]
    Plain(#[from] PlainError),
    /// There is no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}
