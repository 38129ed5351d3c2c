//! Real parts of polynomials on the unit circle.

use std::f64::consts::TAU;

use thiserror::Error;

/// Largest degree of a [`TrigPolynomial`].
pub const MAX_DEGREE: usize = 63;

/// g(t) = Re sum_{k=0..d} c_k exp(2 pi i k t), of period 1.
#[derive(Clone, Debug, PartialEq)]
pub struct TrigPolynomial {
    coefficients: Vec<[f64; 2]>,
}

impl TrigPolynomial {
    /// The polynomial with coefficients c_0, c_1, ..., c_d as real and imaginary parts.
    ///
    /// # Errors
    /// [`TrigPolynomialError`] when there are fewer than 2 or more than [`MAX_DEGREE`] + 1
    /// coefficients, or one is not finite.
    pub fn new(coefficients: Vec<[f64; 2]>) -> Result<Self, TrigPolynomialError> {
        if !(2..=MAX_DEGREE + 1).contains(&coefficients.len()) {
            let found = coefficients.len();
            return Err(TrigPolynomialError::Length { found });
        }
        let broken = |c: &[f64; 2]| !c.iter().all(|part| part.is_finite());
        match coefficients.iter().position(broken) {
            Some(power) => Err(TrigPolynomialError::NotFinite { power }),
            None => Ok(Self { coefficients }),
        }
    }

    /// c_0, c_1, ..., c_d as real and imaginary parts.
    #[must_use]
    pub fn coefficients(&self) -> &[[f64; 2]] {
        &self.coefficients
    }

    /// d, at least 1.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.coefficients.len() - 1
    }

    /// g(t).
    #[must_use]
    pub fn eval(&self, t: f64) -> f64 {
        let (sin, cos) = (TAU * t).sin_cos();
        let [re, _] = self.coefficients.iter().rev().fold([0.0, 0.0], |acc, c| {
            let [re, im]: [f64; 2] = acc;
            [re * cos - im * sin + c[0], re * sin + im * cos + c[1]]
        });
        re
    }

    /// By how much g(t) changes, to first order, with the magnitude of E = exp(2 pi i t) and with
    /// its angle in radians: the real part of z = sum_k k c_k E^k, and that of i z.
    #[must_use]
    pub fn slopes(&self, t: f64) -> [f64; 2] {
        let by_power = self.coefficients.iter().enumerate();
        by_power.fold([0.0, 0.0], |[radius, angle], (k, [re, im])| {
            let (sin, cos) = (TAU * t * k as f64).sin_cos();
            let k = k as f64;
            [radius + k * (re * cos - im * sin), angle - k * (re * sin + im * cos)]
        })
    }

    /// sum_k |c_k|: bounds |g|, and the error of g when every power has an error of 1.
    #[must_use]
    pub fn sum_abs(&self) -> f64 {
        self.magnitudes().sum()
    }

    /// sum_k k |c_k|: bounds, to first order, the error of g when E = exp(2 pi i t) has an error
    /// of 1.
    #[must_use]
    pub fn sum_abs_by_power(&self) -> f64 {
        let by_power = self.magnitudes().enumerate();
        by_power.map(|(k, magnitude)| k as f64 * magnitude).sum()
    }

    fn magnitudes(&self) -> impl Iterator<Item = f64> {
        self.coefficients.iter().map(|c| c[0].hypot(c[1]))
    }
}

/// Why coefficients were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrigPolynomialError {
    /// Too few or too many coefficients.
    #[error(
        "a trigonometric polynomial has 2 to {max} coefficients, not {found}",
        max = MAX_DEGREE + 1
    )]
    Length {
        /// Number of coefficients given.
        found: usize,
    },
    /// A coefficient is infinite or not a number.
    #[error("the coefficient of the power {power} is not finite")]
    NotFinite {
        /// Its index.
        power: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_definition() {
        let polynomial =
            TrigPolynomial::new(vec![[0.5, 9.0], [1.0, -2.0], [0.0, 0.25], [-3.0, 4.0]]).unwrap();
        assert_eq!(polynomial.degree(), 3);
        for t in [-0.4, 0.0, 0.1, 0.33, 1.1] {
            let x = TAU * t;
            let direct = 0.5 + x.cos() + 2.0 * x.sin()
                - 0.25 * (2.0 * x).sin()
                - 3.0 * (3.0 * x).cos()
                - 4.0 * (3.0 * x).sin();
            assert!((polynomial.eval(t) - direct).abs() < 1e-13);
        }
    }

    #[test]
    fn slopes_are_those_of_nearby_values() {
        let c = vec![[0.5, 9.0], [1.0, -2.0], [0.0, 0.25], [-3.0, 4.0]];
        let polynomial = TrigPolynomial::new(c.clone()).unwrap();
        const STEP: f64 = 1e-6;
        // A circle that is larger by a factor has larger coefficients.
        let scaled = |factor: f64| {
            let powers = (0..).map(|k| factor.powi(k));
            let scaled = c.iter().zip(powers).map(|([re, im], p)| [re * p, im * p]);
            TrigPolynomial::new(scaled.collect()).unwrap()
        };
        for t in [-0.4, 0.0, 0.1, 0.33] {
            let [radius, angle] = polynomial.slopes(t);
            let here = polynomial.eval(t);
            assert!(((scaled(1.0 + STEP).eval(t) - here) / STEP - radius).abs() < 1e-3);
            assert!(((polynomial.eval(t + STEP / TAU) - here) / STEP - angle).abs() < 1e-3);
        }
    }

    #[test]
    fn sums_of_magnitudes() {
        let polynomial = TrigPolynomial::new(vec![[-1.0, 0.0], [0.0, 2.0], [3.0, -4.0]]).unwrap();
        assert!((polynomial.sum_abs() - 8.0).abs() < 1e-14);
        assert!((polynomial.sum_abs_by_power() - 12.0).abs() < 1e-14);
    }

    #[test]
    fn impossible_coefficients_are_refused() {
        for found in [0, 1, MAX_DEGREE + 2] {
            let refused = TrigPolynomial::new(vec![[0.0; 2]; found]);
            assert_eq!(refused, Err(TrigPolynomialError::Length { found }));
        }
        assert!(TrigPolynomial::new(vec![[0.0; 2]; MAX_DEGREE + 1]).is_ok());
        let refused = TrigPolynomial::new(vec![[0.0; 2], [0.0, f64::NAN]]);
        assert_eq!(refused, Err(TrigPolynomialError::NotFinite { power: 1 }));
    }
}
