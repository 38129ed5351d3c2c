//! Parameters of the layers that have any, checked when they are made.

use thiserror::Error;

/// Most weights of one layer; keeps products of the sides far from overflow.
pub const MAX_WEIGHTS: usize = 1 << 24;

/// Batch normalisation at inference (Ioffe and Szegedy 2015): per channel,
/// `y = (x - mean) / sqrt(variance + epsilon) * gain + shift`.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    gain: Vec<f32>,
    shift: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f64,
}

impl BatchNorm {
    /// A normalisation with one gain, shift, mean and variance per channel.
    ///
    /// # Errors
    /// [`ParameterError`] when the counts differ or are zero, a number is not finite, a variance
    /// is negative or epsilon is not positive.
    pub fn new(
        gain: Vec<f32>,
        shift: Vec<f32>,
        mean: Vec<f32>,
        variance: Vec<f32>,
        epsilon: f64,
    ) -> Result<Self, ParameterError> {
        let channels = count(&[gain.len()])?;
        expect_numbers("gain", &gain, channels)?;
        expect_numbers("shift", &shift, channels)?;
        expect_numbers("mean", &mean, channels)?;
        expect_numbers("variance", &variance, channels)?;
        if variance.iter().any(|&v| v < 0.0) {
            return Err(ParameterError::NotPositive { what: "variance" });
        }
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(ParameterError::NotPositive { what: "epsilon" });
        }
        Ok(Self { gain, shift, mean, variance, epsilon })
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.gain.len()
    }

    /// The normalisation as `y = scale * x + offset`: the pairs `(scale, offset)` by channel,
    /// in double precision so that folding rounds only once.
    pub fn affine(&self) -> impl Iterator<Item = (f64, f64)> {
        let centre = self.mean.iter().zip(&self.variance);
        self.gain.iter().zip(&self.shift).zip(centre).map(
            |((&gain, &shift), (&mean, &variance))| {
                let scale = f64::from(gain) / (f64::from(variance) + self.epsilon).sqrt();
                (scale, f64::from(shift) - f64::from(mean) * scale)
            },
        )
    }
}

/// A fully connected layer: `y = weights * x + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    dims: [usize; 2],
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// A layer with `dims` = `[outputs, inputs]` and weights row by row.
    ///
    /// # Errors
    /// [`ParameterError`] when a count is wrong or a number is not finite.
    pub fn new(
        dims: [usize; 2],
        weights: Vec<f32>,
        bias: Vec<f32>,
    ) -> Result<Self, ParameterError> {
        expect_numbers("weights", &weights, count(&dims)?)?;
        expect_numbers("bias", &bias, dims[0])?;
        Ok(Self { dims, weights, bias })
    }

    /// Length of the result.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.dims[0]
    }

    /// Number of values read.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.dims[1]
    }

    /// The matrix, row by row: [`Linear::outputs`] rows of [`Linear::inputs`] numbers.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// One number per output.
    #[must_use]
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }
}

/// Why the parameters of a layer were refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// A dimension is zero or their product is too large.
    #[error("a layer of dimensions {0:?} is empty or has more than {MAX_WEIGHTS} weights")]
    Dimensions(Vec<usize>),
    /// A length of the convolution is out of range.
    #[error("a {what} of {side} is out of range")]
    Side {
        /// Which length.
        what: &'static str,
        /// Its value.
        side: usize,
    },
    /// An order of axes names one twice, or not at all.
    #[error("{0:?} is no order of the axes")]
    Order(Vec<usize>),
    /// There are too few or too many numbers.
    #[error("the {what} should be {expected} numbers, but there are {found}")]
    Count {
        /// Which parameter.
        what: &'static str,
        /// How many numbers the dimensions ask for.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A number is infinite or not a number.
    #[error("the {what} contains a number that is not finite")]
    NotFinite {
        /// Which parameter.
        what: &'static str,
    },
    /// A number that must be positive is not.
    #[error("the {what} is not positive")]
    NotPositive {
        /// Which parameter.
        what: &'static str,
    },
}

/// The number of weights that the dimensions ask for.
pub(crate) fn count(dims: &[usize]) -> Result<usize, ParameterError> {
    match dims.iter().try_fold(1_usize, |product, &side| product.checked_mul(side)) {
        Some(product @ 1..=MAX_WEIGHTS) => Ok(product),
        _ => Err(ParameterError::Dimensions(dims.to_vec())),
    }
}

pub(super) fn expect_numbers(
    what: &'static str,
    numbers: &[f32],
    expected: usize,
) -> Result<(), ParameterError> {
    if numbers.len() != expected {
        return Err(ParameterError::Count { what, expected, found: numbers.len() });
    }
    if numbers.iter().any(|x| !x.is_finite()) {
        return Err(ParameterError::NotFinite { what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Conv2d;

    #[test]
    fn huge_dimensions_are_refused_before_anything_is_allocated() {
        let dims = [usize::MAX, usize::MAX, 1, 1];
        let refused = Conv2d::new(dims, Vec::new(), None, 1, 0).unwrap_err();
        assert_eq!(refused, ParameterError::Dimensions(dims.to_vec()));
        let refused = Linear::new([0, 4], Vec::new(), Vec::new()).unwrap_err();
        assert_eq!(refused, ParameterError::Dimensions(vec![0, 4]));
    }

    #[test]
    fn normalisation_becomes_affine() {
        let norm = BatchNorm::new(vec![3.0], vec![1.0], vec![2.0], vec![3.0], 1.0).unwrap();
        assert_eq!(norm.affine().collect::<Vec<_>>(), [(1.5, -2.0)]);
    }

    #[test]
    fn normalisation_needs_positive_variance() {
        let norm = |variance, epsilon| {
            BatchNorm::new(vec![1.0], vec![0.0], vec![0.0], vec![variance], epsilon)
        };
        assert!(norm(0.0, 1e-5).is_ok());
        let refused = norm(-1.0, 1e-5).unwrap_err();
        assert_eq!(refused, ParameterError::NotPositive { what: "variance" });
        let refused = norm(1.0, 0.0).unwrap_err();
        assert_eq!(refused, ParameterError::NotPositive { what: "epsilon" });
        assert_eq!(norm(f32::NAN, 1e-5), Err(ParameterError::NotFinite { what: "variance" }));
    }
}
