//! What can go wrong with operands.

use blindsight_ckks::keys::KeyKind;
use thiserror::Error;

/// A key that the circuit needs is not among the client's keys.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("the evaluation key {kind:?} for level {level} is missing")]
pub struct MissingKey {
    /// What the key would switch.
    pub kind: KeyKind,
    /// The level at which it is needed.
    pub level: usize,
}

/// Why an operation cannot be done.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum EvalError {
    /// The client's keys are incomplete.
    #[error(transparent)]
    MissingKey(#[from] MissingKey),
    /// An operand has too few limbs, or an operation would leave none.
    #[error("{operation} needs {needed} limbs, but there are {actual}")]
    Level {
        /// What was to be done.
        operation: &'static str,
        /// Limbs of the operand.
        actual: usize,
        /// Limbs needed.
        needed: usize,
    },
    /// Two scales that must agree do not.
    #[error("{operation} needs a scale of 2^{needed:.3}, but there is one of 2^{actual:.3}")]
    Scale {
        /// What was to be done.
        operation: &'static str,
        /// `log2` of the scale found.
        actual: f64,
        /// `log2` of the scale needed.
        needed: f64,
    },
    /// There is nothing to operate on.
    #[error("{operation} of nothing")]
    Empty {
        /// What was to be done.
        operation: &'static str,
    },
}

/// Relative difference up to which two scales count as equal: far below the noise.
const SCALE_TOLERANCE: f64 = 1e-6;

/// Checks that an operand has enough limbs.
pub(crate) fn check_level(
    operation: &'static str,
    actual: usize,
    needed: usize,
) -> Result<(), EvalError> {
    if actual >= needed { Ok(()) } else { Err(EvalError::Level { operation, actual, needed }) }
}

/// Checks that two scales agree.
pub(crate) fn check_scale(
    operation: &'static str,
    actual: f64,
    needed: f64,
) -> Result<(), EvalError> {
    // Written so that a NaN fails.
    if (actual / needed - 1.0).abs() < SCALE_TOLERANCE {
        Ok(())
    } else {
        let (actual, needed) = (actual.log2(), needed.log2());
        Err(EvalError::Scale { operation, actual, needed })
    }
}
