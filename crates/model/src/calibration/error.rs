//! What can go wrong when a model is measured.

use std::error::Error;
use std::fmt;

use thiserror::Error as ThisError;

use super::MAX_MAGNITUDE;
use crate::cifar::CifarError;
use crate::fingerprint::Fingerprint;
use crate::plain::PlainError;

/// A place where ranges are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The input of the activation of that number, from 0 in execution order.
    Activation(usize),
    /// The scores.
    Scores,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activation(index) => write!(f, "the input of activation {index}"),
            Self::Scores => f.write_str("the scores"),
        }
    }
}

/// Why a model could not be calibrated, or a calibration not be used.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The margin makes no sense.
    #[error("a margin is a factor from 1 to 10, not {factor}")]
    BadMargin {
        /// The factor asked for.
        factor: f32,
    },
    /// There was nothing to measure.
    #[error("a calibration needs at least one picture")]
    NoPictures,
    /// A value is infinite, not a number, or absurdly large.
    #[error("{place} exceed {MAX_MAGNITUDE} or are not finite: the weights are unusable")]
    TooLarge {
        /// Where.
        place: Place,
    },
    /// No value other than zero was seen.
    #[error("{place} are always zero, so no bound can be given")]
    AlwaysZero {
        /// Where.
        place: Place,
    },
    /// The second pass was not over the pictures of the first.
    #[error("the two passes of a calibration must be over the same pictures")]
    OtherPictures,
    /// The calibration is of another model.
    #[error("this calibration is of the model {measured}, but the model given is {given}")]
    OtherModel {
        /// The model that was measured.
        measured: Fingerprint,
        /// The model given.
        given: Fingerprint,
    },
    /// The calibration is of a network with other activations.
    #[error("this calibration is of a network with other activations or other channels")]
    OtherNetwork,
    /// The caller asked to stop.
    #[error("the measurement was stopped")]
    Stopped,
    /// An input could not be read or prepared.
    #[error(transparent)]
    Input(Box<dyn Error + Send + Sync>),
    /// A picture could not be read.
    #[error(transparent)]
    Cifar(#[from] CifarError),
    /// The network does not read pictures of this size.
    #[error(transparent)]
    Plain(#[from] PlainError),
}
