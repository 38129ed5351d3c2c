//! One layer as data.

use serde::{Deserialize, Serialize};

use super::{Fitted, LayerError};
use crate::graph::{self, ActivationKind, NodeError, Padding, Pool};
use crate::tensor::Shape;

/// A layer without its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Layer {
    /// A convolution with bias.
    Conv2d {
        /// Channels of the result.
        filters: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
        /// How far the kernel moves.
        stride: usize,
        /// Zeros around what is read: top, left, bottom, right.
        padding: Padding,
    },
    /// A batch normalisation.
    BatchNorm,
    /// A function of every element.
    Activation(Activation),
    /// The means of windows that do not overlap.
    AveragePool {
        /// Rows and columns of a window.
        side: usize,
    },
    /// A fully connected layer with bias.
    Dense {
        /// Length of the result.
        units: usize,
    },
    /// The code of a variational autoencoder (Kingma and Welling 2014). Of what is read the first half
    /// are means, the other half logarithms of variances. The result is the means; in training it is
    /// drawn from the normal distributions that these are of.
    Latent,
}

/// A function of every element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// A function that is given.
    Function(ActivationKind),
    /// A quadratic function that is learnt.
    Quadratic(Quadratic),
    /// A polynomial that takes the place of another function.
    Fitted(Fitted),
}

/// The function `a x^2 + b x + c`, whose three numbers are weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quadratic {
    /// Three numbers for the layer.
    Layer,
    /// Three numbers for every channel.
    Channel,
}

impl Layer {
    /// The shape of the result, if the layer fits what it reads.
    pub(super) fn output(self, source: Shape) -> Result<Shape, LayerError> {
        match self {
            Self::Conv2d { filters, kernel, stride, padding } => {
                graph::check_window([kernel; 2], stride, padding)?;
                let sides = graph::convolved_sides(source, [kernel; 2], stride, padding)?;
                Ok(Shape::new(filters, sides[0], sides[1]).map_err(NodeError::Shape)?)
            }
            Self::BatchNorm | Self::Activation(_) => Ok(source),
            Self::AveragePool { side } => {
                let sides = Pool::new([side; 2], [side; 2])?
                    .result([source.height(), source.width()])
                    .ok_or(NodeError::KernelTooLarge(source))?;
                Ok(Shape::new(source.channels(), sides[0], sides[1]).map_err(NodeError::Shape)?)
            }
            Self::Dense { units } => Ok(Shape::vector(units).map_err(NodeError::Shape)?),
            Self::Latent if source.plane() == 1 && source.channels().is_multiple_of(2) => {
                Ok(Shape::vector(source.channels() / 2).map_err(NodeError::Shape)?)
            }
            Self::Latent => Err(LayerError::NoHalves(source)),
        }
    }

    /// Names and dimensions of its tensors, when it reads `source`.
    pub(super) fn tensors(self, source: Shape) -> Vec<(&'static str, Vec<usize>)> {
        let channels = source.channels();
        match self {
            Self::Conv2d { filters, kernel, .. } => {
                vec![("weight", vec![filters, channels, kernel, kernel]), ("bias", vec![filters])]
            }
            Self::BatchNorm => ["weight", "bias", "running_mean", "running_var"]
                .map(|role| (role, vec![channels]))
                .to_vec(),
            Self::Activation(Activation::Quadratic(quadratic)) => {
                vec![("coefficients", vec![3, quadratic.functions(channels)])]
            }
            Self::Activation(Activation::Fitted(fitted)) => {
                vec![("coefficients", vec![fitted.degree.value() + 1, 1])]
            }
            Self::Activation(Activation::Function(_)) | Self::AveragePool { .. } | Self::Latent => {
                Vec::new()
            }
            Self::Dense { units } => {
                vec![("weight", vec![units, source.elements()]), ("bias", vec![units])]
            }
        }
    }

    /// What it is called in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "convolution",
            Self::BatchNorm => "batch normalisation",
            Self::Activation(_) => "activation",
            Self::AveragePool { .. } => "average pool",
            Self::Dense { .. } => "fully connected layer",
            Self::Latent => "latent code",
        }
    }
}

impl Quadratic {
    /// One function for the whole layer.
    #[must_use]
    pub const fn learnable() -> Self {
        Self::Layer
    }

    /// A function for every channel.
    #[must_use]
    pub const fn by_channel(self) -> Self {
        Self::Channel
    }

    /// How many functions there are for so many channels.
    #[must_use]
    pub const fn functions(self, channels: usize) -> usize {
        match self {
            Self::Layer => 1,
            Self::Channel => channels,
        }
    }
}

impl From<ActivationKind> for Activation {
    fn from(kind: ActivationKind) -> Self {
        Self::Function(kind)
    }
}

impl From<Quadratic> for Activation {
    fn from(quadratic: Quadratic) -> Self {
        Self::Quadratic(quadratic)
    }
}
