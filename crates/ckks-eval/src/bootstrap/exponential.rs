//! exp(2 pi i t) as a Chebyshev series and squarings, which removes the integer part of t.
//!
//! A raised ciphertext holds t + I with an unknown integer |I| <= K. With y = (t + I) / (K + 1/2)
//! in [-1, 1], the series gives exp(2 pi i (K + 1/2) y / 2^r), and r squarings give
//! exp(2 pi i (t + I)) = exp(2 pi i t). The squarings shorten the series, because its degree must
//! exceed theta = 2 pi (K + 1/2) / 2^r, and each doubles its error.
//!
//! Largest errors of the series of degree 31 with r = 2, before the squarings: 2.5e-6 for K = 11
//! and 2.2e-5 for K = 12.

use std::f64::consts::{PI, TAU};

use thiserror::Error;

/// Largest K.
pub(super) const MAX_OVERFLOW: u32 = 64;

/// Largest number of squarings.
pub(super) const MAX_SQUARINGS: u32 = 8;

/// Largest degree.
pub(super) const MAX_DEGREE: usize = 127;

/// The Chebyshev series sum_k c_k T_k(y) of exp(i theta y) on [-1, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialSeries {
    coefficients: Vec<[f64; 2]>,
    theta: f64,
    squarings: u32,
    max_error: f64,
}

impl ExponentialSeries {
    /// The series of that degree for |I| <= K = `overflow`, to be followed by r = `squarings`
    /// squarings.
    ///
    /// # Errors
    /// [`ExponentialError`] when a number is out of range, or the degree does not exceed
    /// theta = 2 pi (K + 1/2) / 2^r, below which the series does not converge.
    pub fn new(overflow: u32, squarings: u32, degree: usize) -> Result<Self, ExponentialError> {
        if overflow > MAX_OVERFLOW {
            return Err(ExponentialError::Overflow { overflow });
        }
        if squarings > MAX_SQUARINGS {
            return Err(ExponentialError::Squarings { squarings });
        }
        let theta = TAU * (f64::from(overflow) + 0.5) / f64::from(1_u32 << squarings);
        if degree > MAX_DEGREE || degree as f64 <= theta {
            return Err(ExponentialError::Degree { degree, theta });
        }
        let mut series = Self {
            coefficients: chebyshev_coefficients(theta, degree),
            theta,
            squarings,
            max_error: 0.0,
        };
        series.max_error = series.measure_error();
        Ok(series)
    }

    /// c_0, c_1, ..., c_d as real and imaginary parts. Those with an even index are real, those
    /// with an odd index imaginary.
    #[must_use]
    pub fn coefficients(&self) -> &[[f64; 2]] {
        &self.coefficients
    }

    /// d.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.coefficients.len() - 1
    }

    /// theta = 2 pi (K + 1/2) / 2^r.
    #[must_use]
    pub const fn theta(&self) -> f64 {
        self.theta
    }

    /// r: the number of squarings that shall follow.
    #[must_use]
    pub const fn squarings(&self) -> u32 {
        self.squarings
    }

    /// The largest |error| of the series seen on a fine grid, before the squarings. After them it
    /// is 2^r times as much.
    #[must_use]
    pub const fn max_error(&self) -> f64 {
        self.max_error
    }

    /// The series at y, by Clenshaw's recurrence.
    #[must_use]
    pub fn eval(&self, y: f64) -> [f64; 2] {
        let part = |p: usize| {
            let higher = self.coefficients[1..].iter().rev();
            let (b1, b2) = higher.fold((0.0, 0.0), |(b1, b2), c| (c[p] + 2.0 * y * b1 - b2, b1));
            self.coefficients[0][p] + y * b1 - b2
        };
        [part(0), part(1)]
    }

    fn measure_error(&self) -> f64 {
        // Equal steps of the angle, since the error oscillates fastest at the ends.
        let points = 64 * (self.degree() + 1);
        let ys = (0..=points).map(|i| (PI * i as f64 / points as f64).cos());
        let error = |y: f64| {
            let [re, im] = self.eval(y);
            let (sin, cos) = (self.theta * y).sin_cos();
            (re - cos).hypot(im - sin)
        };
        ys.map(error).fold(0.0, f64::max)
    }
}

/// Why a series was refused.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ExponentialError {
    /// K is too large.
    #[error("the integer part of a bootstrap may be at most {MAX_OVERFLOW}, not {overflow}")]
    Overflow {
        /// The K asked for.
        overflow: u32,
    },
    /// Too many squarings.
    #[error("an exponential takes at most {MAX_SQUARINGS} squarings, not {squarings}")]
    Squarings {
        /// The number asked for.
        squarings: u32,
    },
    /// The degree is too large, or too small to converge.
    #[error(
        "an exponential of this range needs a degree above {theta:.1} and up to {MAX_DEGREE}, not {degree}"
    )]
    Degree {
        /// The degree asked for.
        degree: usize,
        /// The degree must exceed this.
        theta: f64,
    },
}

/// c_k = (2 - [k = 0]) i^k J_k(theta), where J_k is Bessel's function.
fn chebyshev_coefficients(theta: f64, degree: usize) -> Vec<[f64; 2]> {
    // The quadrature with n nodes adds the coefficients 2n - k, 2n + k, 4n - k and so on. They
    // vanish in double precision, because 2n - k lies far beyond theta.
    let nodes = 2 * degree + 64;
    let angles = (0..nodes).map(|j| PI * (j as f64 + 0.5) / nodes as f64);
    let samples: Vec<(f64, [f64; 2])> = angles
        .map(|angle| {
            let (sin, cos) = (theta * angle.cos()).sin_cos();
            (angle, [cos, sin])
        })
        .collect();
    let coefficient = |k: usize| {
        // By symmetry the other part is zero; computing it would leave rounding errors.
        let part = k % 2;
        let terms = samples.iter().map(|(angle, f)| f[part] * (k as f64 * angle).cos());
        let mean = terms.sum::<f64>() / nodes as f64;
        let mut c = [0.0; 2];
        c[part] = if k == 0 { mean } else { 2.0 * mean };
        c
    };
    (0..=degree).map(coefficient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_as_documented() {
        for (overflow, max_error) in [(11, 2.5e-6), (12, 2.2e-5)] {
            let series = ExponentialSeries::new(overflow, 2, 31).unwrap();
            let ratio = series.max_error() / max_error;
            assert!((0.9..=1.0).contains(&ratio), "{overflow}: {}", series.max_error());
        }
    }

    #[test]
    fn coefficients_are_bessel_functions() {
        // J_0(pi) and J_1(pi), from tables.
        let series = ExponentialSeries::new(0, 0, 24).unwrap();
        assert!((series.coefficients()[0][0] + 0.304_242_177_644_093).abs() < 1e-14);
        assert!((series.coefficients()[1][1] - 2.0 * 0.284_615_343_179_752).abs() < 1e-14);
        assert!(series.max_error() < 1e-13);
    }

    #[test]
    fn even_coefficients_are_real_and_odd_ones_imaginary() {
        let series = ExponentialSeries::new(11, 2, 31).unwrap();
        assert_eq!(series.degree(), 31);
        for (k, c) in series.coefficients().iter().enumerate() {
            assert_eq!(c[(k + 1) % 2], 0.0);
        }
    }

    #[test]
    fn squarings_remove_the_integer_part() {
        let (overflow, squarings) = (11, 2);
        let series = ExponentialSeries::new(overflow, squarings, 31).unwrap();
        for integer in [-11, -3, 0, 8, 11] {
            for t in [-0.45, -0.1, 0.0, 0.3, 0.5] {
                let [mut re, mut im] = series.eval((t + f64::from(integer)) / 11.5);
                for _ in 0..squarings {
                    (re, im) = (re * re - im * im, 2.0 * re * im);
                }
                let (sin, cos) = (TAU * t).sin_cos();
                assert!((re - cos).hypot(im - sin) < 4.01 * series.max_error());
            }
        }
    }

    #[test]
    fn impossible_series_are_refused() {
        let overflow = MAX_OVERFLOW + 1;
        let refused = ExponentialSeries::new(overflow, 2, 31);
        assert_eq!(refused, Err(ExponentialError::Overflow { overflow }));
        let squarings = MAX_SQUARINGS + 1;
        let refused = ExponentialSeries::new(11, squarings, 31);
        assert_eq!(refused, Err(ExponentialError::Squarings { squarings }));
        for degree in [0, 18, MAX_DEGREE + 1, usize::MAX] {
            let refused = ExponentialSeries::new(11, 2, degree);
            assert!(matches!(refused, Err(ExponentialError::Degree { .. })));
        }
    }
}
