//! All elements of a feature map in another order and shape.

use super::ParameterError;
use crate::tensor::Shape;

/// A feature map read as an array of other lengths, its axes in another order, and that read as a
/// feature map again: reshape, transpose, reshape. Channel shuffles, pixels that become channels and
/// flattened feature maps are of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rearrangement {
    lengths: Vec<usize>,
    order: Vec<usize>,
    shape: Shape,
}

/// More axes than any network has.
const MOST_AXES: usize = 16;

impl Rearrangement {
    /// Elements in channel, row, column order are an array of `lengths`, row by row; `order[i]` is
    /// the axis that comes to place `i`; the result is read as one of `shape`.
    ///
    /// # Errors
    /// [`ParameterError`] when the axes are too many, named twice or not at all, or when their
    /// lengths do not multiply to the elements of the shape.
    pub fn new(
        lengths: Vec<usize>,
        order: Vec<usize>,
        shape: Shape,
    ) -> Result<Self, ParameterError> {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if lengths.len() > MOST_AXES || !sorted.into_iter().eq(0..lengths.len()) {
            return Err(ParameterError::Order(order));
        }
        let count = lengths.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
        if count != Some(shape.elements()) {
            return Err(ParameterError::Dimensions(lengths));
        }
        Ok(Self { lengths, order, shape })
    }

    /// The shape of the result.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// For each element of the result, the element that is read.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        let mut stride = 1;
        let mut strides = vec![0; self.lengths.len()];
        for (axis, length) in self.lengths.iter().enumerate().rev() {
            strides[axis] = stride;
            stride *= length;
        }
        let axes = self.order.iter().map(|&axis| (self.lengths[axis], strides[axis]));
        let axes: Vec<(usize, usize)> = axes.collect();
        (0..self.shape.elements()).map(move |mut at| {
            let mut place = 0;
            for (length, stride) in axes.iter().rev() {
                place += at % length * stride;
                at /= length;
            }
            place
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_shuffled() {
        let shape = Shape::new(4, 1, 2).unwrap();
        let shuffled = Rearrangement::new(vec![2, 2, 2], vec![1, 0, 2], shape).unwrap();
        assert_eq!(shuffled.places().collect::<Vec<_>>(), [0, 1, 4, 5, 2, 3, 6, 7]);
    }

    #[test]
    fn impossible_arrays_are_refused() {
        let shape = Shape::new(4, 1, 2).unwrap();
        let new = |lengths: &[usize], order: &[usize]| {
            Rearrangement::new(lengths.to_vec(), order.to_vec(), shape)
        };
        assert_eq!(new(&[2, 4], &[0, 0]), Err(ParameterError::Order(vec![0, 0])));
        assert_eq!(new(&[2, 4], &[0]), Err(ParameterError::Order(vec![0])));
        assert_eq!(new(&[2, 3], &[1, 0]), Err(ParameterError::Dimensions(vec![2, 3])));
        let endless = [usize::MAX, 2];
        assert_eq!(new(&endless, &[1, 0]), Err(ParameterError::Dimensions(endless.to_vec())));
    }
}
