//! One layer as data.

use serde::{Deserialize, Serialize};

use super::LayerError;
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
    /// The quadratic function that is nearest to another on the values that it meets: its three
    /// numbers are weights that are fitted once, and not learnt.
    Fitted(ActivationKind),
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
            Self::Activation(Activation::Fitted(_)) => vec![("coefficients", vec![3, 1])],
            Self::Activation(Activation::Function(_)) | Self::AveragePool { .. } => Vec::new(),
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

impl Activation {
    /// The quadratic function nearest to `kind`, in the least squares over the values that it meets.
    #[must_use]
    pub const fn fitted(kind: ActivationKind) -> Self {
        Self::Fitted(kind)
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
