//! What a reader expects of the scale of a ciphertext.

use core::fmt;

use super::ReadError;

/// The scales that a reader accepts. A scale is always finite and positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ExpectedScale {
    /// This one, up to the rounding of the arithmetic that tracks it.
    Exactly(f64),
    /// Any of a range, ends included: for a scale that depends on what the sender computed.
    Between {
        /// The smallest scale accepted.
        least: f64,
        /// The largest scale accepted.
        most: f64,
    },
}

impl ExpectedScale {
    /// The relative difference that [`Self::Exactly`] forgives.
    pub const TOLERANCE: f64 = 1e-9;

    /// Returns the scale if it is one of these.
    ///
    /// # Errors
    /// [`ReadError::Scale`].
    pub fn check(&self, found: f64) -> Result<f64, ReadError> {
        // Written so that a NaN on either side fails.
        let fits = match *self {
            Self::Exactly(expected) => (found - expected).abs() <= expected * Self::TOLERANCE,
            Self::Between { least, most } => (least..=most).contains(&found),
        };
        if fits && found > 0.0 && found.is_finite() {
            Ok(found)
        } else {
            let expected = *self;
            Err(ReadError::Scale { expected, found })
        }
    }
}

impl fmt::Display for ExpectedScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(scale) => write!(f, "{scale}"),
            Self::Between { least, most } => write!(f, "{least} to {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expected_scales_pass() {
        let exactly = ExpectedScale::Exactly(1e9);
        for scale in [1e9, 1e9 + 0.9, 1e9 - 0.9] {
            assert_eq!(exactly.check(scale), Ok(scale));
        }
        let between = ExpectedScale::Between { least: 2.0, most: 8.0 };
        for scale in [2.0, 5.0, 8.0] {
            assert_eq!(between.check(scale), Ok(scale));
        }
        for scale in [1e9 + 1.1, 1e9 - 1.1, -1e9, 0.0, f64::NAN, f64::INFINITY] {
            assert!(exactly.check(scale).is_err(), "{scale}");
            assert!(between.check(scale).is_err(), "{scale}");
        }
    }

    #[test]
    fn senseless_expectations_accept_nothing() {
        for senseless in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            let exactly = ExpectedScale::Exactly(senseless);
            assert!(exactly.check(senseless).is_err(), "{senseless}");
        }
        let all = ExpectedScale::Between { least: f64::NEG_INFINITY, most: f64::INFINITY };
        assert!(all.check(0.0).is_err() && all.check(f64::INFINITY).is_err());
        assert_eq!(
            all.check(-1.0).unwrap_err().to_string(),
            "the scale is -1, but -inf to inf is expected here"
        );
    }
}
