//! Dense single-precision feature maps in channel, row, column order.

use std::fmt;

use thiserror::Error;

/// Most elements a feature map may have; far above any network that fits in a ciphertext.
pub const MAX_ELEMENTS: usize = 1 << 24;

/// The size of a feature map: channels x height x width.
///
/// No side is zero and the number of elements is at most [`MAX_ELEMENTS`], so products of the
/// sides never overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    channels: usize,
    height: usize,
    width: usize,
}

impl Shape {
    /// The 3 x 32 x 32 picture (red, green and blue planes) that enters a CIFAR-10 network.
    pub const PICTURE: Self = Self { channels: 3, height: 32, width: 32 };

    /// A shape with the given sides.
    ///
    /// # Errors
    /// [`TensorError::BadShape`] when a side is zero or the product exceeds [`MAX_ELEMENTS`].
    pub fn new(channels: usize, height: usize, width: usize) -> Result<Self, TensorError> {
        let elements = channels.checked_mul(height).and_then(|plane| plane.checked_mul(width));
        match elements {
            Some(1..=MAX_ELEMENTS) => Ok(Self { channels, height, width }),
            _ => Err(TensorError::BadShape { channels, height, width }),
        }
    }

    /// A vector: `length` channels of one element each.
    ///
    /// # Errors
    /// [`TensorError::BadShape`] when the length is zero or exceeds [`MAX_ELEMENTS`].
    pub fn vector(length: usize) -> Result<Self, TensorError> {
        Self::new(length, 1, 1)
    }

    /// Number of channels.
    #[must_use]
    pub const fn channels(self) -> usize {
        self.channels
    }

    /// Number of rows of a channel.
    #[must_use]
    pub const fn height(self) -> usize {
        self.height
    }

    /// Number of columns of a channel.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width
    }

    /// Number of elements of one channel: height x width.
    #[must_use]
    pub const fn plane(self) -> usize {
        self.height * self.width
    }

    /// Number of elements of all channels.
    #[must_use]
    pub const fn elements(self) -> usize {
        self.channels * self.plane()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// A feature map: one `f32` for each element of its [`Shape`].
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    values: Vec<f32>,
}

impl Tensor {
    /// A feature map with the given values in channel, row, column order.
    ///
    /// # Errors
    /// [`TensorError::WrongLength`] when the number of values is not that of the shape.
    pub fn new(shape: Shape, values: Vec<f32>) -> Result<Self, TensorError> {
        if values.len() == shape.elements() {
            Ok(Self { shape, values })
        } else {
            Err(TensorError::WrongLength { shape, found: values.len() })
        }
    }

    /// A feature map of zeros.
    #[must_use]
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, values: vec![0.0; shape.elements()] }
    }

    /// The size of the feature map.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// All values in channel, row, column order.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The channels in order, each as its rows one after the other.
    pub fn planes(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.shape.plane())
    }

    /// The channels in order, to be changed in place.
    pub fn planes_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.shape.plane())
    }
}

/// Why a feature map or its shape was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TensorError {
    /// A side is zero or there are too many elements.
    #[error(
        "a feature map of {channels}x{height}x{width} is not possible: \
         every side must be at least 1 and the product at most {MAX_ELEMENTS}"
    )]
    BadShape {
        /// Number of channels asked for.
        channels: usize,
        /// Number of rows asked for.
        height: usize,
        /// Number of columns asked for.
        width: usize,
    },
    /// The number of values is not the number of elements.
    #[error("a feature map of {shape} needs {} values, but there are {found}", shape.elements())]
    WrongLength {
        /// The shape asked for.
        shape: Shape,
        /// The number of values given.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_multiply_without_overflow() {
        let shape = Shape::new(16, 32, 8).unwrap();
        assert_eq!((shape.plane(), shape.elements()), (256, 4096));
        assert_eq!(shape.to_string(), "16x32x8");
        for (c, h, w) in
            [(0, 1, 1), (1, 0, 1), (1, 1, 0), (usize::MAX, 2, 1), (1 << 12, 1 << 12, 2)]
        {
            let refused = TensorError::BadShape { channels: c, height: h, width: w };
            assert_eq!(Shape::new(c, h, w), Err(refused));
        }
    }

    #[test]
    fn planes_are_channels() {
        let shape = Shape::new(2, 1, 3).unwrap();
        let mut tensor = Tensor::new(shape, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(tensor.planes().nth(1), Some(&[4.0, 5.0, 6.0][..]));
        for plane in tensor.planes_mut() {
            plane[0] = 0.0;
        }
        assert_eq!(tensor.values(), [0.0, 2.0, 3.0, 0.0, 5.0, 6.0]);
    }

    #[test]
    fn wrong_length_is_refused() {
        let shape = Shape::vector(4).unwrap();
        let refused = Tensor::new(shape, vec![0.0; 3]);
        assert_eq!(refused, Err(TensorError::WrongLength { shape, found: 3 }));
    }
}
