//! Networks as lists of layers, the way they are written for training.
//!
//! ```
//! use blindsight_model::sequential::{Quadratic, Sequential};
//!
//! let network = Sequential::new([1, 28, 28])
//!     .conv2d(16, 5)
//!     .stride(2)
//!     .batch_norm()
//!     .activation(Quadratic::learnable())
//!     .avg_pool(2)
//!     .dense(100)
//!     .activation(Quadratic::learnable())
//!     .dense(10)
//!     .build()?;
//! assert_eq!(network.output().elements(), 10);
//! assert_eq!(network.parameters()[0].dims, [16, 1, 5, 5]);
//! # Ok::<(), blindsight_model::sequential::SequentialError>(())
//! ```
//!
//! A [`Sequential`] is what was written, an [`Architecture`] what was checked: every layer with the
//! shape of its result and the names and shapes of its tensors. With [`Weights`](crate::weights)
//! it becomes a [`Graph`](crate::graph::Graph), and with words about itself one safetensors file, a
//! [`TrainedNetwork`].

mod architecture;
mod assemble;
mod error;
mod file;
mod fitted;
mod layer;

use crate::graph::Padding;
pub use architecture::{Architecture, MAX_LAYERS, MAX_NUMBERS, Parameter};
pub use assemble::EPSILON;
pub use error::{DescriptionError, FileError, LayerError, SequentialError};
pub use file::{About, InputNormalisation, MAX_DESCRIPTION_BYTES, TrainedNetwork};
pub use fitted::{Degree, Fitted, Nearest};
pub use layer::{Activation, Layer, Quadratic};

/// The layers of a network as they are written, one after the other.
///
/// Nothing is checked before [`Sequential::build`]: a mistake is kept until then.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    input: [usize; 3],
    layers: Vec<Layer>,
    mistake: Option<SequentialError>,
}

impl Sequential {
    /// No layers yet; `input` is channels, rows and columns.
    #[must_use]
    pub const fn new(input: [usize; 3]) -> Self {
        Self { input, layers: Vec::new(), mistake: None }
    }

    /// A convolution with bias to `filters` channels: a square kernel that moves by one and reads
    /// no zeros around, unless [`stride`](Self::stride) and [`padding`](Self::padding) follow.
    #[must_use]
    pub fn conv2d(self, filters: usize, kernel: usize) -> Self {
        self.layer(Layer::Conv2d { filters, kernel, stride: 1, padding: Padding::default() })
    }

    /// How far the kernel of the convolution just written moves.
    #[must_use]
    pub fn stride(mut self, step: usize) -> Self {
        match self.layers.last_mut() {
            Some(Layer::Conv2d { stride, .. }) => *stride = step,
            _ => self.mistaken("stride"),
        }
        self
    }

    /// Rows and columns of zeros around what the convolution just written reads.
    #[must_use]
    pub fn padding(mut self, zeros: impl Into<Padding>) -> Self {
        match self.layers.last_mut() {
            Some(Layer::Conv2d { padding, .. }) => *padding = zeros.into(),
            _ => self.mistaken("padding"),
        }
        self
    }

    /// A batch normalisation.
    #[must_use]
    pub fn batch_norm(self) -> Self {
        self.layer(Layer::BatchNorm)
    }

    /// A function of every element: [`Quadratic::learnable`], [`Activation::fitted`], or an
    /// [`ActivationKind`](crate::graph::ActivationKind).
    #[must_use]
    pub fn activation(self, activation: impl Into<Activation>) -> Self {
        self.layer(Layer::Activation(activation.into()))
    }

    /// The means of windows of `side` rows and columns that do not overlap.
    #[must_use]
    pub fn avg_pool(self, side: usize) -> Self {
        self.layer(Layer::AveragePool { side })
    }

    /// A fully connected layer with bias.
    #[must_use]
    pub fn dense(self, units: usize) -> Self {
        self.layer(Layer::Dense { units })
    }

    /// The code of a variational autoencoder, of so many numbers: a fully connected layer to their means
    /// and variances, and these drawn in training. What follows is the decoder.
    #[must_use]
    pub fn latent(self, units: usize) -> Self {
        self.dense(units.saturating_mul(2)).layer(Layer::Latent)
    }

    /// Checks all layers.
    ///
    /// # Errors
    /// [`SequentialError`] at the first layer that is impossible or does not fit the one before.
    pub fn build(self) -> Result<Architecture, SequentialError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Architecture::new(self.input, self.layers),
        }
    }

    fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// The first mistake is the one that is told.
    fn mistaken(&mut self, what: &'static str) {
        let after = self.layers.len();
        self.mistake.get_or_insert(SequentialError::NoConvolution { what, after });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ActivationKind;
    use crate::tensor::Shape;

    #[test]
    fn layers_are_written_down_in_order() {
        let network = Sequential::new([1, 28, 28])
            .conv2d(5, 5)
            .stride(2)
            .padding(Padding::uneven(1, 0))
            .activation(ActivationKind::Square)
            .dense(10)
            .build()
            .unwrap();
        let padding = Padding::uneven(1, 0);
        let square = Layer::Activation(Activation::Function(ActivationKind::Square));
        let conv = Layer::Conv2d { filters: 5, kernel: 5, stride: 2, padding };
        assert_eq!(network.layers(), [conv, square, Layer::Dense { units: 10 }]);
    }

    #[test]
    fn a_code_is_half_of_what_is_read() {
        let network = Sequential::new([1, 8, 8]).latent(3).dense(64).build().unwrap();
        assert_eq!(network.layers()[..2], [Layer::Dense { units: 6 }, Layer::Latent]);
        let widths: Vec<usize> = network.steps().map(|(_, _, result)| result.elements()).collect();
        assert_eq!(widths, [6, 3, 64]);
        for source in [[1, 8, 8], [3, 1, 1]] {
            let refused = Architecture::new(source, vec![Layer::Latent]).unwrap_err();
            let shape = Shape::new(source[0], source[1], source[2]).unwrap();
            let reason = LayerError::NoHalves(shape);
            assert_eq!(refused, SequentialError::Layer { index: 0, layer: "latent code", reason });
        }
    }

    #[test]
    fn a_stride_needs_a_convolution_before_it() {
        let refused = Sequential::new([1, 8, 8]).dense(4).stride(2).padding(1).build().unwrap_err();
        assert_eq!(refused, SequentialError::NoConvolution { what: "stride", after: 1 });
    }
}
