//! Windows of average pools.

use super::{MAX_SIDE, ParameterError};

/// A window that moves over a feature map, without zeros around it: what is left over at the bottom
/// and at the right is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    kernel: [usize; 2],
    stride: [usize; 2],
}

impl Pool {
    /// A window of `kernel` rows and columns that moves by `stride`.
    ///
    /// # Errors
    /// [`ParameterError`] when a length is zero or beyond [`MAX_SIDE`].
    pub fn new(kernel: [usize; 2], stride: [usize; 2]) -> Result<Self, ParameterError> {
        for (what, sides) in [("window", kernel), ("stride", stride)] {
            if let Some(&side) = sides.iter().find(|side| !(1..=MAX_SIDE).contains(*side)) {
                return Err(ParameterError::Side { what, side });
            }
        }
        Ok(Self { kernel, stride })
    }

    /// Rows and columns of the window.
    #[must_use]
    pub const fn kernel(self) -> [usize; 2] {
        self.kernel
    }

    /// Rows and columns that it moves by.
    #[must_use]
    pub const fn stride(self) -> [usize; 2] {
        self.stride
    }

    /// Rows and columns of the result; `None` when the window is larger than the feature map.
    #[must_use]
    pub fn result(self, sides: [usize; 2]) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let span = sides[axis].checked_sub(self.kernel[axis])?;
            Some(span / self.stride[axis] + 1)
        };
        Some([side(0)?, side(1)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_over_is_not_read() {
        let pool = |kernel, stride| Pool::new([kernel; 2], [stride; 2]).unwrap();
        assert_eq!(pool(2, 2).result([28, 5]), Some([14, 2]));
        assert_eq!(pool(3, 1).result([3, 4]), Some([1, 2]));
        assert_eq!(pool(3, 2).result([2, 8]), None);
    }

    #[test]
    fn senseless_windows_are_refused() {
        for (kernel, stride) in [([0, 2], [1, 1]), ([2, 2], [1, 0]), ([2, MAX_SIDE + 1], [1, 1])] {
            let refused = Pool::new(kernel, stride);
            assert!(matches!(refused, Err(ParameterError::Side { .. })), "{kernel:?} {stride:?}");
        }
    }
}
