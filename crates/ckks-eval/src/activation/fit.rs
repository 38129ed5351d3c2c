//! Finding the trigonometric polynomial of an activation.

use thiserror::Error;

use super::density::{Density, Smoothing};
use super::least_squares::{Sample, solve};
use super::range::Range;
use super::trig_polynomial::{MAX_DEGREE, TrigPolynomial};

/// A density may reach over at most this many periods of the range, smoothed tails included.
pub const MAX_SPAN: f64 = 4.0;

/// Weight of the squared coefficients against the mean squared error. It keeps sum |c| of a ReLU
/// below 2 in a bound that fits its density; 1e-5 would bring it to 1.3 and cost ResNet20's scores
/// 2% of precision. It limits smooth activations to errors of about 2e-5, far below the noise.
const RIDGE: f64 = 1e-7;

/// Cells of a fit over one period, and points of the search for the largest error.
const CELLS_PER_PERIOD: f64 = 2048.0;

/// Rounds of reweighting; a ReLU of degree 15 gains a tenth between rounds 60 and 150, but
/// only 2% by round 400.
const LAWSON_ROUNDS: usize = 150;

/// Fits an activation on a range by a polynomial of that degree.
///
/// The polynomial gives f(x) / `output_unit`. A unit equal to the bound keeps a ReLU between 0
/// and 1, where the precision of the ciphertext is relative to the bound.
///
/// # Errors
/// [`FitError`] when the degree is not from 1 to [`MAX_DEGREE`], the unit is not a positive
/// number, the function is not finite where it is needed, or the density and the range do not
/// belong together.
pub fn fit(
    function: impl Fn(f64) -> f64,
    range: Range,
    degree: usize,
    output_unit: f64,
    weighting: &Weighting,
) -> Result<Fit, FitError> {
    if !(1..=MAX_DEGREE).contains(&degree) {
        return Err(FitError::Degree { degree });
    }
    if !(output_unit.is_normal() && output_unit > 0.0) {
        return Err(FitError::OutputUnit { output_unit });
    }
    let sample = |x: f64, weight: f64| {
        let value = function(x) / output_unit;
        let t = range.to_circle(x);
        let sample = Sample { t, value, weight };
        let checked = value.is_finite().then_some(sample);
        checked.ok_or(FitError::FunctionNotFinite { x })
    };
    let evenly = cells(-range.bound(), range.bound(), range);
    let evenly: Vec<Sample> =
        evenly.map(|cell| sample(cell.middle, 1.0)).collect::<Result<_, _>>()?;
    let (polynomial, rms_error) = match weighting {
        Weighting::Minimax => {
            let polynomial = minimax(&evenly, degree)?;
            let rms_error = rms_error(&polynomial, &evenly);
            (polynomial, rms_error)
        }
        Weighting::Density { density, smoothing } => {
            let samples = weighted_points(density, *smoothing, range)?
                .map(|(x, weight)| sample(x, weight))
                .collect::<Result<Vec<_>, _>>()?;
            let polynomial = solve(&samples, degree, RIDGE).ok_or(FitError::IllConditioned)?;
            let rms_error = rms_error(&polynomial, &samples);
            (polynomial, rms_error)
        }
    };
    let max_error = errors(&polynomial, &evenly).fold(0.0, |max: f64, e| max.max(e.abs()));
    Ok(Fit { polynomial, range, output_unit, max_error, rms_error })
}

/// Which errors of a fit matter.
#[derive(Clone, Debug, PartialEq)]
pub enum Weighting {
    /// The largest error on the range, by Lawson's iteratively reweighted least squares.
    Minimax,
    /// The mean squared error over the inputs that occur. Inputs beyond the bound count with the
    /// value that they wrap to, so that a rare one may be given up for a narrower range.
    Density {
        /// Where the inputs were seen.
        density: Density,
        /// What is added for those not seen.
        smoothing: Smoothing,
    },
}

/// A fitted activation. Errors are in output units.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    polynomial: TrigPolynomial,
    range: Range,
    output_unit: f64,
    max_error: f64,
    rms_error: f64,
}

impl Fit {
    /// The polynomial in t = a x / B that gives the activation in output units.
    #[must_use]
    pub const fn polynomial(&self) -> &TrigPolynomial {
        &self.polynomial
    }

    /// The range on which it was fitted.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.range
    }

    /// The value of the activation that the polynomial gives as 1.
    #[must_use]
    pub const fn output_unit(&self) -> f64 {
        self.output_unit
    }

    /// The largest error seen on a fine grid over [-B, B], in output units.
    #[must_use]
    pub const fn max_error(&self) -> f64 {
        self.max_error
    }

    /// The root of the weighted mean squared error, in output units: over the smoothed density,
    /// or evenly over [-B, B] for [`Weighting::Minimax`].
    #[must_use]
    pub const fn rms_error(&self) -> f64 {
        self.rms_error
    }

    /// What the encrypted network computes in place of f(x), up to noise.
    #[must_use]
    pub fn eval(&self, x: f64) -> f64 {
        self.output_unit * self.polynomial.eval(self.range.to_circle(x))
    }
}

/// Why an activation could not be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// The degree is not supported.
    #[error("an activation's polynomial has a degree from 1 to {MAX_DEGREE}, not {degree}")]
    Degree {
        /// The degree asked for.
        degree: usize,
    },
    /// The output unit is no usable number.
    #[error("the unit of an activation's output must be a positive number, not {output_unit}")]
    OutputUnit {
        /// The unit asked for.
        output_unit: f64,
    },
    /// The activation is infinite or not a number.
    #[error("the activation is not finite at {x}")]
    FunctionNotFinite {
        /// Where.
        x: f64,
    },
    /// The inputs reach so far beyond the bound that a fit makes no sense.
    #[error("inputs from {low} to {high} do not fit a range whose period is {period}")]
    InputsBeyondRange {
        /// Smallest input, tails included.
        low: f64,
        /// Largest input, tails included.
        high: f64,
        /// Period of the range.
        period: f64,
    },
    /// The equations do not determine the coefficients in double precision.
    #[error("the fit is too ill-conditioned to be solved")]
    IllConditioned,
}

/// A small interval of inputs, represented by its middle.
#[derive(Clone, Copy, Debug)]
struct Cell {
    middle: f64,
    low: f64,
    high: f64,
}

fn cells(low: f64, high: f64, range: Range) -> impl ExactSizeIterator<Item = Cell> {
    let count = ((high - low) / range.period() * CELLS_PER_PERIOD).ceil();
    let count = count.max(1.0) as u32;
    let step = (high - low) / f64::from(count);
    (0..count).map(move |i| {
        let at = |steps: f64| low + (f64::from(i) + steps) * step;
        let (middle, low, high) = (at(0.5), at(0.0), at(1.0));
        Cell { middle, low, high }
    })
}

/// Inputs and the mass around each, where there is any.
fn weighted_points(
    density: &Density,
    smoothing: Smoothing,
    range: Range,
) -> Result<impl Iterator<Item = (f64, f64)>, FitError> {
    let bound = range.bound();
    let period = range.period();
    let (low, high) = smoothing.support(density);
    let (least, most) = (low.min(-bound), high.max(bound));
    let in_span = most - least <= MAX_SPAN * period;
    if !in_span {
        return Err(FitError::InputsBeyondRange { low, high, period });
    }
    // The mass of a cell, not the density at its middle: a spike narrower than a cell counts too.
    let below = move |x: f64| {
        let floor = (x.clamp(-bound, bound) + bound) / (2.0 * bound);
        smoothing.below(density, x) + smoothing.floor() * floor
    };
    let point = move |cell: Cell| (cell.middle, below(cell.high) - below(cell.low));
    let points = cells(least, most, range).map(point);
    Ok(points.filter(|&(_, weight)| weight > 0.0))
}

/// The polynomial with nearly the least largest error at the samples.
///
/// Lawson: raise the weight of a point by its error, and repeat. The largest error does not fall
/// in every round, so the best round is kept.
fn minimax(samples: &[Sample], degree: usize) -> Result<TrigPolynomial, FitError> {
    let mut samples = samples.to_vec();
    let mut best: Option<(f64, TrigPolynomial)> = None;
    for _ in 0..LAWSON_ROUNDS {
        let polynomial = solve(&samples, degree, RIDGE).ok_or(FitError::IllConditioned)?;
        let errors: Vec<f64> = errors(&polynomial, &samples).map(f64::abs).collect();
        let max = errors.iter().copied().fold(0.0, f64::max);
        if best.as_ref().is_none_or(|(least, _)| max < *least) {
            best = Some((max, polynomial));
        }
        if max == 0.0 {
            break;
        }
        for (sample, error) in samples.iter_mut().zip(errors) {
            // No weight reaches zero, from which it could not rise again.
            sample.weight *= error / max + 1e-5;
        }
        let total: f64 = samples.iter().map(|sample| sample.weight).sum();
        let normalise = samples.len() as f64 / total;
        samples.iter_mut().for_each(|sample| sample.weight *= normalise);
    }
    let best = best.map(|(_, polynomial)| polynomial);
    best.ok_or(FitError::IllConditioned)
}

fn rms_error(polynomial: &TrigPolynomial, samples: &[Sample]) -> f64 {
    let weights: f64 = samples.iter().map(|sample| sample.weight).sum();
    let weighted = errors(polynomial, samples).zip(samples);
    let squares: f64 = weighted.map(|(e, sample)| sample.weight * e * e).sum();
    (squares / weights).sqrt()
}

fn errors(polynomial: &TrigPolynomial, samples: &[Sample]) -> impl Iterator<Item = f64> {
    let error = |sample: &Sample| polynomial.eval(sample.t) - sample.value;
    samples.iter().map(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILL: f64 = 0.45;

    fn relu(x: f64) -> f64 {
        x.max(0.0)
    }

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn unit_range() -> Range {
        Range::new(1.0, FILL).unwrap()
    }

    /// A bell with `deviations` standard deviations in a bound of 1, like a layer's inputs.
    fn bell(deviations: f64) -> Density {
        let middles = (0..512).map(|i| (2.0 * f64::from(i) + 1.0) / 512.0 - 1.0);
        let weights: Vec<f64> = middles.map(|x| (-0.5 * (deviations * x).powi(2)).exp()).collect();
        Density::new(-1.0, 1.0, &weights).unwrap()
    }

    fn by_density(density: Density) -> Weighting {
        let smoothing = Smoothing::default();
        Weighting::Density { density, smoothing }
    }

    fn mean_over(density: &Density, range: Range, value: impl Fn(f64) -> f64) -> f64 {
        let cells = cells(-range.bound(), range.bound(), range);
        let mass = |cell: Cell| density.below(cell.high) - density.below(cell.low);
        cells.map(|cell| mass(cell) * value(cell.middle)).sum()
    }

    #[test]
    fn minimax_relu_keeps_its_bounds() {
        for (degree, most) in [(15, 0.0034), (23, 0.0022), (31, 0.0016)] {
            let fit = fit(relu, unit_range(), degree, 1.0, &Weighting::Minimax).unwrap();
            let max_error = fit.max_error();
            assert!(max_error <= most, "{degree}: {max_error}");
            assert!(fit.rms_error() < max_error);
            assert!(fit.polynomial().sum_abs() < 2.2);
            assert!(fit.polynomial().sum_abs_by_power() < 12.0);
        }
    }

    #[test]
    fn smooth_activations_fit_far_better() {
        fn silu(x: f64) -> f64 {
            x * sigmoid(x)
        }
        fn gelu(x: f64) -> f64 {
            0.5 * x * (1.0 + (0.797_884_56 * (x + 0.044_715 * x.powi(3))).tanh())
        }
        type Case = (&'static str, fn(f64) -> f64, f64, f64);
        let cases: [Case; 5] = [
            ("SiLU", silu, 6.0, 6.0),
            ("sigmoid", sigmoid, 6.0, 1.0),
            ("tanh", f64::tanh, 3.0, 1.0),
            ("GELU", gelu, 4.0, 4.0),
            ("identity", |x| x, 5.0, 5.0),
        ];
        // The jump from f(B) back to f(-B) limits them, so they get a wider gap.
        for (fill, degree, most) in [(0.45, 15, 3.6e-3), (0.4, 15, 5e-5), (0.45, 31, 5e-5)] {
            for (name, function, bound, unit) in cases {
                let range = Range::new(bound, fill).unwrap();
                let fit = fit(function, range, degree, unit, &Weighting::Minimax).unwrap();
                let max_error = fit.max_error();
                assert!(max_error < most, "{name} {fill} {degree}: {max_error}");
                assert!(fit.polynomial().sum_abs() < 2.4, "{name}");
            }
        }
    }

    #[test]
    fn a_fit_for_the_density_is_better_where_it_matters() {
        let density = bell(8.0);
        let range = unit_range();
        let rms = |weighting: &Weighting| {
            let fit = fit(relu, range, 15, 1.0, weighting).unwrap();
            mean_over(&density, range, |x| (fit.eval(x) - relu(x)).powi(2)).sqrt()
        };
        let worst_case = rms(&Weighting::Minimax);
        let weighted = rms(&by_density(density.clone()));
        assert!(weighted < 0.7 * worst_case, "{weighted} and {worst_case}");
    }

    #[test]
    fn a_fit_for_the_density_stays_bounded() {
        for deviations in [6.0, 8.0, 20.0] {
            for degree in [15, 23, 31] {
                let weighting = by_density(bell(deviations));
                let fit = fit(relu, unit_range(), degree, 1.0, &weighting).unwrap();
                assert!(fit.max_error() < 0.05, "{deviations} {degree}");
                assert!(fit.polynomial().sum_abs() < 2.0);
                assert!(fit.polynomial().sum_abs_by_power() < 20.0);
            }
        }
    }

    #[test]
    fn errors_have_no_mean_over_the_density() {
        let density = bell(8.0);
        let weighting = Weighting::Density { density: density.clone(), smoothing: Smoothing::NONE };
        let fit = fit(relu, unit_range(), 15, 1.0, &weighting).unwrap();
        let mean = mean_over(&density, fit.range(), |x| fit.eval(x) - relu(x));
        assert!(mean.abs() < 1e-3 * fit.rms_error(), "{mean}");
    }

    #[test]
    fn inputs_beyond_the_bound_wrap_in_the_fit_too() {
        let range = Range::new(0.5, FILL).unwrap();
        let wide = by_density(Density::new(-1.0, 1.0, &[1.0]).unwrap());
        let narrow = by_density(Density::new(-0.4, 0.4, &[1.0]).unwrap());
        let rms = |weighting| fit(relu, range, 15, 0.5, weighting).unwrap().rms_error();
        assert!(rms(&wide) > 0.1);
        assert!(rms(&narrow) < 0.01);
    }

    #[test]
    fn a_spike_counts_however_narrow() {
        let spike = Density::new(0.3, 0.300_001, &[1.0]).unwrap();
        let fit = fit(relu, unit_range(), 3, 1.0, &by_density(spike)).unwrap();
        assert!((fit.eval(0.3) - 0.3).abs() < 2e-3, "{}", fit.eval(0.3));
    }

    #[test]
    fn units_and_bounds_only_scale() {
        let plain = fit(relu, unit_range(), 15, 1.0, &Weighting::Minimax).unwrap();
        let range = Range::new(40.0, FILL).unwrap();
        let scaled = fit(relu, range, 15, 80.0, &Weighting::Minimax).unwrap();
        assert!((scaled.max_error() - plain.max_error() / 2.0).abs() < 1e-6);
        for x in [-39.0, -1.0, 0.0, 7.0, 40.0] {
            assert!((scaled.eval(x) - 40.0 * plain.eval(x / 40.0)).abs() < 1e-3);
        }
        // An input beyond the bound wraps.
        assert!((scaled.eval(55.0) - scaled.eval(55.0 - range.period())).abs() < 1e-9);
    }

    #[test]
    fn impossible_fits_are_refused() {
        let minimax = &Weighting::Minimax;
        for degree in [0, MAX_DEGREE + 1, usize::MAX] {
            let refused = fit(relu, unit_range(), degree, 1.0, minimax);
            assert_eq!(refused, Err(FitError::Degree { degree }));
        }
        for output_unit in [0.0, -1.0, f64::INFINITY] {
            let refused = fit(relu, unit_range(), 7, output_unit, minimax);
            assert_eq!(refused, Err(FitError::OutputUnit { output_unit }));
        }
        let refused = fit(f64::sqrt, unit_range(), 7, 1.0, minimax);
        assert!(matches!(refused, Err(FitError::FunctionNotFinite { x }) if x < 0.0));
        let refused = fit(|_| f64::MAX, unit_range(), 7, 1.0, minimax);
        assert_eq!(refused, Err(FitError::IllConditioned));
        let narrow = Range::new(0.1, FILL).unwrap();
        let refused = fit(relu, narrow, 7, 1.0, &by_density(bell(8.0)));
        assert!(matches!(refused, Err(FitError::InputsBeyondRange { .. })));
        let endless = Density::new(-1e308, 0.0, &[1.0]).unwrap();
        let refused = fit(relu, narrow, 7, 1.0, &by_density(endless));
        assert!(matches!(refused, Err(FitError::InputsBeyondRange { .. })));
    }

    #[test]
    fn every_degree_can_be_fitted() {
        for degree in [1, 2, 7, 40, MAX_DEGREE] {
            for weighting in [Weighting::Minimax, by_density(bell(8.0))] {
                let fit = fit(relu, unit_range(), degree, 1.0, &weighting).unwrap();
                assert_eq!(fit.polynomial().degree(), degree);
                assert!(fit.rms_error() < 0.5 / degree as f64);
            }
        }
    }
}
