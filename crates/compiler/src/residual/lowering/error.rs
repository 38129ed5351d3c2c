//! Why a network cannot be run encrypted.

use thiserror::Error;

use blindsight_model::graph::{ActivationKind, Padding};
use blindsight_model::tensor::Shape;

/// Why a network was not lowered. Nodes are numbered in execution order from 1; 0 is the picture.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoweringError {
    /// An operation reads something that it cannot read under encryption.
    #[error(
        "node {reader} ({operation}) reads node {read} ({found}), but under encryption it \
         can only read {expected}"
    )]
    Unexpected {
        /// The node that reads.
        reader: usize,
        /// What kind of node it is.
        operation: &'static str,
        /// The node that is read.
        read: usize,
        /// What kind of node that is.
        found: &'static str,
        /// What could be read.
        expected: &'static str,
    },
    /// The network does not end with scores.
    #[error(
        "the network ends with node {node} ({found}); under encryption the last node must be a \
         fully connected layer"
    )]
    End {
        /// The last node.
        node: usize,
        /// What kind of node it is.
        found: &'static str,
    },
    /// A sum has no convolution as a term.
    #[error("node {node} adds two feature maps, but under encryption one must be convolved first")]
    NoConvolution {
        /// The sum.
        node: usize,
    },
    /// Both terms of a sum are convolutions with a large kernel.
    #[error("node {node} adds two convolutions; under encryption one must have a kernel of 1x1")]
    TwoKernels {
        /// The sum.
        node: usize,
    },
    /// The convolution is grouped.
    #[error("the convolution at node {node} has {groups} groups; under encryption it can have one")]
    Groups {
        /// The convolution.
        node: usize,
        /// How many groups.
        groups: usize,
    },
    /// The kernel or its padding is not supported.
    #[error(
        "the convolution at node {node} has a kernel of {height}x{width} with a padding of \
         {padding}; under encryption it can be 3x3 with a padding of 1 (with a stride of 2 also \
         with 1 at the bottom and the right alone) or 1x1 without padding"
    )]
    Kernel {
        /// The convolution.
        node: usize,
        /// Rows of the kernel.
        height: usize,
        /// Columns of the kernel.
        width: usize,
        /// Zeros around what it reads.
        padding: Padding,
    },
    /// The picture is padded on some sides alone.
    #[error(
        "the convolution at node {node} reads the picture with a padding of {padding}; under \
         encryption only what activations compute can be padded unevenly"
    )]
    UnevenPicture {
        /// The convolution.
        node: usize,
        /// Zeros around the picture.
        padding: Padding,
    },
    /// The picture itself is added to a convolution.
    #[error(
        "node {node} adds the picture itself to a convolution; under encryption only the result of \
         an activation can be added, or a convolution of the picture"
    )]
    PictureShortcut {
        /// The sum.
        node: usize,
    },
    /// The stride is not supported.
    #[error("the convolution at node {node} has a stride of {stride}; it can be 1 or 2")]
    Stride {
        /// The convolution.
        node: usize,
        /// Its stride.
        stride: usize,
    },
    /// A feature map does not fit the slots.
    #[error(
        "the result of node {node} is {shape}; under encryption there is room for 16 channels of \
         32x32, 32 of 16x16 or 64 of 8x8"
    )]
    Layout {
        /// The node, 0 for the picture.
        node: usize,
        /// Shape of its result.
        shape: Shape,
    },
    /// The calibration has another number of activations.
    #[error("the calibration is for {measured} activations, but the network has {found}")]
    Activations {
        /// Activations of the calibration.
        measured: usize,
        /// Activations of the network.
        found: usize,
    },
    /// The calibration has another number of channels.
    #[error(
        "the calibration of activation {activation} is for {measured} channels, but there are \
         {found}"
    )]
    Channels {
        /// Number of the activation, from 0.
        activation: usize,
        /// Channels of the calibration.
        measured: usize,
        /// Channels of the network.
        found: usize,
    },
    /// The calibration has a bound for every channel, but the function needs a common one.
    #[error(
        "activation {activation} ({kind}) needs one bound for all channels, but the calibration \
         has one for each"
    )]
    BoundPerChannel {
        /// Number of the activation, from 0.
        activation: usize,
        /// Its function.
        kind: ActivationKind,
    },
    /// A normalised weight is beyond single precision.
    #[error("the weights of node {node} overflow in the units of the calibration")]
    Overflow {
        /// The node with the weights.
        node: usize,
    },
}
