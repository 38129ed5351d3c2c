//! Activations as trigonometric polynomials, which bootstraps compute.

use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::activation::{
    Density, FitError, Range, Smoothing, TrigPolynomial, Weighting, fit,
};

/// Why a function cannot be computed by a bootstrap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NoFit {
    /// There is no polynomial.
    Fit(FitError),
    /// It is off by this part of the range.
    Poor(f64),
}

/// Fits a function on `[-1, 1]` with the highest degree that there are levels for. Inputs lie in an
/// interval, with so much mass in each of its bins. The error, root mean square over these, is at
/// most `worst`. (The largest error says little: it lies where hardly any value does.)
pub(crate) fn polynomial(
    bootstrap: &BootstrapParameters,
    function: impl Fn(f64) -> f64,
    (low, high, masses): (f64, f64, Vec<f64>),
    worst: f64,
) -> Result<TrigPolynomial, NoFit> {
    let range = Range::new(1.0, bootstrap.literal().fill)
        .expect("a checked bootstrap fills part of the circle");
    let degree = bootstrap.activation_degree();
    let weighting = match Density::new(low, high, &masses) {
        Ok(density) => Weighting::Density { density, smoothing: Smoothing::default() },
        // Nothing was measured: every input is as likely as any other.
        Err(_) => Weighting::Minimax,
    };
    let fitted = fit(function, range, degree, 1.0, &weighting).map_err(NoFit::Fit)?;
    if fitted.rms_error() > worst {
        return Err(NoFit::Poor(fitted.rms_error()));
    }
    Ok(fitted.polynomial().clone())
}
