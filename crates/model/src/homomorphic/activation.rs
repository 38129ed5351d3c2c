//! The trigonometric polynomial of each block's activation.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::activation::{Density, Range, Smoothing, TrigPolynomial, Weighting, fit};

use super::CompileError;
use crate::lowering::LoweredActivation;

/// The degree of the activations' trigonometric polynomials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivationDegree(usize);

/// An approximation worse than this fraction of the range means that the range is wrong.
const WORST_ERROR: f64 = 0.1;

impl ActivationDegree {
    /// The highest degree that the parameter set has levels for.
    #[must_use]
    pub fn of(set: &Parameters) -> Self {
        Self((1 << set.literal().chain.activation.len()) - 1)
    }
}

pub(super) fn polynomial(
    set: &Parameters,
    block: usize,
    activation: &LoweredActivation,
    ActivationDegree(degree): ActivationDegree,
) -> Result<TrigPolynomial, CompileError> {
    let range =
        Range::new(1.0, set.literal().fill).expect("a checked set fills part of the circle");
    let (low, high, masses) = activation.histogram();
    let weighting = match Density::new(low, high, &masses) {
        Ok(density) => Weighting::Density { density, smoothing: Smoothing::default() },
        // Nothing was measured: every input is as likely as any other.
        Err(_) => Weighting::Minimax,
    };
    let fitted = fit(|u| activation.eval(u), range, degree, 1.0, &weighting)
        .map_err(|source| CompileError::Fit { block, source })?;
    if fitted.max_error() > WORST_ERROR {
        return Err(CompileError::PoorFit { block, error: fitted.max_error() });
    }
    Ok(fitted.polynomial().clone())
}
