//! Polynomials of low degree, as activations.

use serde::{Deserialize, Serialize};

/// A polynomial of degree 1 to 4 with finite coefficients, not all of which are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<f32>", into = "Vec<f32>")]
pub struct Polynomial {
    /// The bits of the coefficients, that of the highest power first, zeros after the last one.
    bits: [u32; Self::MAX_DEGREE + 1],
    degree: usize,
}

impl Polynomial {
    /// The highest degree.
    pub const MAX_DEGREE: usize = 4;

    /// By its coefficients, that of the highest power first; `None` when these are not two to five
    /// finite numbers, or all zero.
    #[must_use]
    pub fn new(coefficients: &[f32]) -> Option<Self> {
        let degree = coefficients.len().checked_sub(1)?;
        let known = (1..=Self::MAX_DEGREE).contains(&degree);
        let zero = coefficients.iter().all(|x| *x == 0.0);
        if !known || zero || coefficients.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let mut bits = [0; Self::MAX_DEGREE + 1];
        bits.iter_mut().zip(coefficients).for_each(|(bits, x)| *bits = x.to_bits());
        Some(Self { bits, degree })
    }

    /// The degree that it is written with: the highest coefficient may be zero.
    #[must_use]
    pub const fn degree(self) -> usize {
        self.degree
    }

    /// The coefficients, that of the highest power first.
    pub fn coefficients(self) -> impl Iterator<Item = f32> {
        self.bits.into_iter().take(self.degree + 1).map(f32::from_bits)
    }

    /// The value at `x`.
    #[must_use]
    pub fn eval(self, x: f64) -> f64 {
        self.coefficients().fold(0.0, |sum, coefficient| sum * x + f64::from(coefficient))
    }

    /// The largest magnitude where `x` is at most the bound in magnitude, to about five digits.
    pub(super) fn largest_within(self, bound: f64) -> f64 {
        let places = (-Self::PLACES..=Self::PLACES).map(f64::from);
        let values = places.map(|place| self.eval(bound * place / f64::from(Self::PLACES)).abs());
        values.fold(0.0, f64::max)
    }

    /// Places on each side of zero that a largest magnitude is looked for at.
    const PLACES: i32 = 1000;
}

impl From<Polynomial> for Vec<f32> {
    fn from(polynomial: Polynomial) -> Self {
        polynomial.coefficients().collect()
    }
}

impl TryFrom<Vec<f32>> for Polynomial {
    type Error = &'static str;

    fn try_from(coefficients: Vec<f32>) -> Result<Self, Self::Error> {
        Self::new(&coefficients)
            .ok_or("a polynomial has two to five finite coefficients, not all zero")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_power_comes_first() {
        let cubic = Polynomial::new(&[2.0, 0.0, -1.0, 0.5]).unwrap();
        assert_eq!((cubic.degree(), cubic.eval(2.0), cubic.eval(0.0)), (3, 14.5, 0.5));
        assert_eq!(serde_json::to_string(&cubic).unwrap(), "[2.0,0.0,-1.0,0.5]");
        assert_eq!(serde_json::from_str::<Polynomial>("[2,0,-1,0.5]").unwrap(), cubic);
    }

    #[test]
    fn the_largest_magnitude_may_be_anywhere() {
        // Two at -1, nothing at 1; one in the middle, nothing at both ends.
        for (coefficients, largest) in [(&[1.0, -1.0][..], 2.0), (&[1.0, 0.0, -1.0], 1.0)] {
            let polynomial = Polynomial::new(coefficients).unwrap();
            assert!((polynomial.largest_within(1.0) - largest).abs() < 1e-5);
        }
    }

    #[test]
    fn others_are_refused() {
        for refused in
            [&[][..], &[1.0], &[0.0; 6], &[0.0; 3], &[1.0, f32::NAN], &[f32::INFINITY, 0.0]]
        {
            assert!(Polynomial::new(refused).is_none(), "{refused:?}");
        }
        assert!(serde_json::from_str::<Polynomial>("[1]").is_err());
    }
}
