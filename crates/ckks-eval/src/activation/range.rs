//! The interval that an activation covers, and the part of the circle that it takes.

use thiserror::Error;

/// The inputs x from -B to B, mapped to t = a x / B on the circle of circumference 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    bound: f64,
    fill: f64,
}

impl Range {
    /// The range with bound B = `bound` and fill a = `fill`.
    ///
    /// # Errors
    /// [`RangeError`] when the bound is not a positive number or the fill does not lie strictly
    /// between 0 and 1/2.
    pub fn new(bound: f64, fill: f64) -> Result<Self, RangeError> {
        if !(bound.is_normal() && bound > 0.0) {
            return Err(RangeError::BadBound { bound });
        }
        if !(fill > 0.0 && fill < 0.5) {
            return Err(RangeError::BadFill { fill });
        }
        let range = Self { bound, fill };
        if range.period().is_normal() { Ok(range) } else { Err(RangeError::BadBound { bound }) }
    }

    /// B: the largest magnitude of an input that does not wrap.
    #[must_use]
    pub const fn bound(self) -> f64 {
        self.bound
    }

    /// a: where B lies on the circle.
    #[must_use]
    pub const fn fill(self) -> f64 {
        self.fill
    }

    /// B / a: inputs that differ by this cannot be told apart.
    #[must_use]
    pub const fn period(self) -> f64 {
        self.bound / self.fill
    }

    /// t = a x / B.
    #[must_use]
    pub const fn to_circle(self, x: f64) -> f64 {
        x / self.period()
    }
}

/// Why a range was refused.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The bound is no usable number.
    #[error("the bound of an activation's input must be a positive number, not {bound}")]
    BadBound {
        /// The bound asked for.
        bound: f64,
    },
    /// The fill leaves no gap, or nothing else.
    #[error("an activation must fill more than 0 and less than 1/2 of the circle, not {fill}")]
    BadFill {
        /// The fill asked for.
        fill: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_lands_on_the_fill() {
        let range = Range::new(3.0, 0.45).unwrap();
        assert!((range.to_circle(3.0) - 0.45).abs() < 1e-15);
        assert!((range.to_circle(-1.0) + 0.15).abs() < 1e-15);
        assert!((range.to_circle(range.period()) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn useless_ranges_are_refused() {
        for bound in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310, f64::MAX] {
            let refused = Range::new(bound, 0.45);
            assert!(matches!(refused, Err(RangeError::BadBound { .. })));
        }
        for fill in [0.0, 0.5, -0.1, f64::NAN] {
            let refused = Range::new(1.0, fill);
            assert!(matches!(refused, Err(RangeError::BadFill { .. })));
        }
    }
}
