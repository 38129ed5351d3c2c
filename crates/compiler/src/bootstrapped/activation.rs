//! The trigonometric polynomial of each block's activation.

use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::activation::{Density, Range, Smoothing, TrigPolynomial, Weighting, fit};

use crate::bootstrapped::lowering::LoweredActivation;
use crate::compile::CompileError;

/// An approximation whose error, root mean square over the values that were seen, is a larger part
/// of the range than this means that the range is wrong. (The largest error says little: it lies
/// where hardly any value does.)
const WORST_ERROR: f64 = 0.02;

/// Fits the activation of a block with the highest degree that there are levels for.
pub(crate) fn polynomial(
    bootstrap: &BootstrapParameters,
    block: usize,
    activation: &LoweredActivation,
) -> Result<TrigPolynomial, CompileError> {
    let range = Range::new(1.0, bootstrap.literal().fill)
        .expect("a checked bootstrap fills part of the circle");
    let degree = bootstrap.activation_degree();
    let (low, high, masses) = activation.histogram();
    let weighting = match Density::new(low, high, &masses) {
        Ok(density) => Weighting::Density { density, smoothing: Smoothing::default() },
        // Nothing was measured: every input is as likely as any other.
        Err(_) => Weighting::Minimax,
    };
    let fitted = fit(|u| activation.eval(u), range, degree, 1.0, &weighting)
        .map_err(|source| CompileError::Fit { block, source })?;
    if fitted.rms_error() > WORST_ERROR {
        return Err(CompileError::PoorFit { block, error: fitted.rms_error() });
    }
    Ok(fitted.polynomial().clone())
}
