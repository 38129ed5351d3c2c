//! Activations as real polynomials on [-1, 1], for circuits without bootstraps.

use std::f64::consts::PI;

use super::density::Density;
use super::least_squares::solve_positive_definite;

/// Points of the interval that a fit goes by.
const POINTS: usize = 2048;

/// The part of the weight that is spread over the whole interval: where no value was seen, the
/// polynomial must not run away.
const EVERYWHERE: f64 = 0.02;

/// A polynomial by its factors of the Chebyshev polynomials `T_0, T_1, ...`, and how far it is off.
#[derive(Clone, Debug, PartialEq)]
pub struct ChebyshevFit {
    coefficients: Vec<f64>,
    rms_error: f64,
}

impl ChebyshevFit {
    /// The polynomial of a degree that is nearest to `function` over the values that occur, in the
    /// least squares; without a density, all values do. `None` when the function is not finite.
    #[must_use]
    pub fn new(
        function: impl Fn(f64) -> f64,
        degree: usize,
        density: Option<&Density>,
    ) -> Option<Self> {
        let samples: Vec<Sample> = samples(&function, density);
        let size = degree + 1;
        let (mut gram, mut right) = (vec![vec![0.0; size]; size], vec![0.0; size]);
        for Sample { u, value, mass } in &samples {
            // The same for all points is what makes Chebyshev polynomials orthogonal.
            let weight = mass + EVERYWHERE / POINTS as f64;
            let basis: Vec<f64> = polynomials(*u).take(size).collect();
            for (i, row) in gram.iter_mut().enumerate() {
                row.iter_mut().zip(&basis).for_each(|(sum, b)| *sum += weight * basis[i] * b);
                right[i] += weight * basis[i] * value;
            }
        }
        let coefficients = solve_positive_definite(gram, right)?;
        let off = |s: &Sample| s.mass * (eval(&coefficients, s.u) - s.value).powi(2);
        let rms_error = samples.iter().map(off).sum::<f64>().sqrt();
        rms_error.is_finite().then_some(Self { coefficients, rms_error })
    }

    /// Factors of the Chebyshev polynomials, that of the constant first.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The error over the values that occur, root mean square.
    #[must_use]
    pub fn rms_error(&self) -> f64 {
        self.rms_error
    }

    /// The polynomial's value.
    #[must_use]
    pub fn eval(&self, u: f64) -> f64 {
        eval(&self.coefficients, u)
    }
}

/// A point with the part of all values that are nearest to it.
struct Sample {
    u: f64,
    value: f64,
    mass: f64,
}

fn samples(function: impl Fn(f64) -> f64, density: Option<&Density>) -> Vec<Sample> {
    let at = |angle: f64| (PI * angle / POINTS as f64).cos();
    let below = |u: f64| density.map_or((u + 1.0) / 2.0, |density| density.below(u));
    let sample = |i: usize| {
        let [right, u, left] = [0.0, 0.5, 1.0].map(|part| at(i as f64 + part));
        Sample { u, value: function(u), mass: below(right) - below(left) }
    };
    (0..POINTS).map(sample).collect()
}

/// `T_0(u)`, `T_1(u)`, and so on.
fn polynomials(u: f64) -> impl Iterator<Item = f64> {
    let next = move |&(last, now): &(f64, f64)| Some((now, 2.0 * u * now - last));
    std::iter::successors(Some((1.0, u)), next).map(|(value, _)| value)
}

fn eval(coefficients: &[f64], u: f64) -> f64 {
    polynomials(u).zip(coefficients).map(|(t, c)| t * c).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_found_again() {
        // 4 u^3 - 3 u = T_3.
        let fit = ChebyshevFit::new(|u| 4.0 * u.powi(3) - 3.0 * u, 5, None).unwrap();
        for (c, expected) in fit.coefficients().iter().zip([0.0, 0.0, 0.0, 1.0, 0.0, 0.0]) {
            assert!((c - expected).abs() < 1e-12, "{fit:?}");
        }
        assert!(fit.rms_error() < 1e-12);
    }

    #[test]
    fn values_that_occur_count_most() {
        let relu = |u: f64| u.max(0.0);
        let middle = Density::new(-0.2, 0.2, &[1.0]).unwrap();
        let [anywhere, there] =
            [None, Some(&middle)].map(|density| ChebyshevFit::new(relu, 7, density).unwrap());
        let worst = |fit: &ChebyshevFit, end: f64| {
            let points = (-100..=100).map(|i| f64::from(i) / 100.0 * end);
            points.map(|u| (fit.eval(u) - relu(u)).abs()).fold(0.0, f64::max)
        };
        assert!(worst(&there, 0.2) < 0.6 * worst(&anywhere, 0.2));
        assert!(there.rms_error() < anywhere.rms_error());
        // It stays near elsewhere.
        assert!(worst(&there, 1.0) < 0.3, "{}", worst(&there, 1.0));
    }

    #[test]
    fn what_is_not_finite_is_not_fitted() {
        assert_eq!(ChebyshevFit::new(|u| 1.0 / (u - u), 7, None), None);
    }
}
