//! Parameters of a convolution.

use super::Padding;
use super::layers::{MAX_WEIGHTS, ParameterError, count, expect_numbers};

/// Largest stride, padding or kernel side of a convolution.
pub const MAX_SIDE: usize = 1 << 10;

/// A two-dimensional convolution (cross-correlation, as in every deep-learning library).
///
/// Weights are finite and in `[out, in / groups, height, width]` order: each group of channels of the
/// result reads a group of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d {
    dims: [usize; 4],
    groups: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    stride: usize,
    padding: Padding,
}

impl Conv2d {
    /// A convolution with `dims` = `[out, in, kernel height, kernel width]`; no bias means zeros.
    ///
    /// # Errors
    /// [`ParameterError`] when a side is zero or too large, a count is wrong or a number is not
    /// finite.
    pub fn new(
        dims: [usize; 4],
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
        stride: usize,
        padding: impl Into<Padding>,
    ) -> Result<Self, ParameterError> {
        let [out, _, height, width] = dims;
        let padding = padding.into();
        check_window([height, width], stride, padding)?;
        expect_numbers("weights", &weights, count(&dims)?)?;
        let bias = bias.unwrap_or_else(|| vec![0.0; out]);
        expect_numbers("bias", &bias, out)?;
        Ok(Self { dims, groups: 1, weights, bias, stride, padding })
    }

    /// The same in so many groups, where what is given as the channels read are those of one group.
    ///
    /// # Errors
    /// [`ParameterError::Side`] when the channels of the result cannot be dealt out to so many, or
    /// there would be more channels than a layer can have weights.
    pub fn with_groups(mut self, groups: usize) -> Result<Self, ParameterError> {
        let channels = self.dims[1].checked_mul(groups);
        if groups == 0
            || !self.dims[0].is_multiple_of(groups)
            || channels.is_none_or(|channels| channels > MAX_WEIGHTS)
        {
            return Err(ParameterError::Side { what: "number of groups", side: groups });
        }
        self.groups = groups;
        Ok(self)
    }

    /// Number of channels of the result.
    #[must_use]
    pub const fn out_channels(&self) -> usize {
        self.dims[0]
    }

    /// Number of channels read.
    #[must_use]
    pub const fn in_channels(&self) -> usize {
        self.dims[1] * self.groups
    }

    /// Into how many groups channels are dealt out.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// Rows of the kernel.
    #[must_use]
    pub const fn kernel_height(&self) -> usize {
        self.dims[2]
    }

    /// Columns of the kernel.
    #[must_use]
    pub const fn kernel_width(&self) -> usize {
        self.dims[3]
    }

    /// `[out, in / groups, kernel height, kernel width]`.
    #[must_use]
    pub const fn dims(&self) -> [usize; 4] {
        self.dims
    }

    /// Weights in the order of [`Conv2d::dims`].
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// One number per output channel, added to the result.
    #[must_use]
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Step between output positions, in both directions.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// Zero rows and columns added around what is read.
    #[must_use]
    pub const fn padding(&self) -> Padding {
        self.padding
    }
}

/// Checks the lengths that are no numbers of weights.
pub(crate) fn check_window(
    [height, width]: [usize; 2],
    stride: usize,
    padding: Padding,
) -> Result<(), ParameterError> {
    for (what, side) in [("stride", stride), ("kernel height", height), ("kernel width", width)] {
        if !(1..=MAX_SIDE).contains(&side) {
            return Err(ParameterError::Side { what, side });
        }
    }
    match padding.sides().into_iter().find(|side| *side > MAX_SIDE) {
        Some(side) => Err(ParameterError::Side { what: "padding", side }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolutions_check_their_parameters() {
        let dims = [2, 1, 3, 3];
        let conv =
            |weights, bias, stride, padding| Conv2d::new(dims, weights, bias, stride, padding);
        assert_eq!(conv(vec![1.0; 18], None, 1, 1).unwrap().bias(), [0.0, 0.0]);
        let refused = conv(vec![1.0; 17], None, 1, 1).unwrap_err();
        assert_eq!(refused, ParameterError::Count { what: "weights", expected: 18, found: 17 });
        let refused = conv(vec![1.0; 18], Some(vec![0.0]), 1, 1).unwrap_err();
        assert_eq!(refused, ParameterError::Count { what: "bias", expected: 2, found: 1 });
        let refused = conv(vec![f32::INFINITY; 18], None, 1, 1).unwrap_err();
        assert_eq!(refused, ParameterError::NotFinite { what: "weights" });
        let refused = conv(vec![1.0; 18], None, 0, 1).unwrap_err();
        assert_eq!(refused, ParameterError::Side { what: "stride", side: 0 });
        let refused = conv(vec![1.0; 18], None, 1, usize::MAX).unwrap_err();
        assert_eq!(refused, ParameterError::Side { what: "padding", side: usize::MAX });
        let grouped = |groups| conv(vec![1.0; 18], None, 1, 1).unwrap().with_groups(groups);
        assert_eq!(grouped(2).unwrap().in_channels(), 2);
        for groups in [0, 3, usize::MAX] {
            let refused = grouped(groups).unwrap_err();
            assert_eq!(refused, ParameterError::Side { what: "number of groups", side: groups });
        }
        let uneven = Padding::uneven(0, MAX_SIDE + 1);
        let refused = Conv2d::new(dims, vec![1.0; 18], None, 1, uneven).unwrap_err();
        assert_eq!(refused, ParameterError::Side { what: "padding", side: MAX_SIDE + 1 });
    }
}
