//! A network as data: operations joined by edges that only point backwards.
//!
//! [`GraphBuilder`] infers and checks the shape of every node as it is added, so a [`Graph`] in
//! hand is always a network that can run: no cycles, no dangling edges, no shapes that disagree,
//! no node whose result is thrown away.

mod activation;
mod builder;
mod conv2d;
mod error;
mod features;
mod infer;
mod layers;
mod padding;
mod polynomial;
mod pool;
mod quadratic;
mod rearrangement;
mod selection;

use crate::tensor::Shape;
pub use activation::{ActivationKind, SIGN_NOISE, SIGN_SPAN, Slope, UnknownActivation, erf};
pub use builder::{GraphBuilder, MAX_NODES};
pub(crate) use conv2d::check_window;
pub use conv2d::{Conv2d, MAX_SIDE};
pub use error::{GraphError, NodeError};
pub use features::NoFeatures;
pub(crate) use infer::convolved_sides;
pub(crate) use layers::count;
pub use layers::{BatchNorm, Linear, MAX_WEIGHTS, ParameterError};
pub use padding::Padding;
pub use polynomial::Polynomial;
pub use pool::Pool;
pub(crate) use quadratic::quadratic;
pub use rearrangement::Rearrangement;
pub use selection::{Pick, Selection};

/// Names the result of one node of one graph, or the graph's input.
///
/// Only the builder makes these. Identifiers of one graph mean nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

impl NodeId {
    /// Position in execution order; 0 is the graph's input.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// One operation and the results that it reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Two-dimensional convolution with bias.
    Conv2d {
        /// The feature map that is convolved.
        source: NodeId,
        /// Kernel, bias, stride and padding.
        conv: Conv2d,
    },
    /// Batch normalisation with its running statistics.
    BatchNorm {
        /// The feature map that is normalised.
        source: NodeId,
        /// Statistics and affine parameters, one of each per channel.
        norm: BatchNorm,
    },
    /// The same function applied to every element.
    Activation {
        /// The feature map that it is applied to.
        source: NodeId,
        /// The function.
        kind: ActivationKind,
    },
    /// Element-wise sum of two feature maps of one shape: the end of a residual block.
    Add {
        /// First term.
        left: NodeId,
        /// Second term.
        right: NodeId,
    },
    /// Parameter-free shortcut ("type A" of He et al. 2015): every second row and column, with
    /// zero channels added evenly before and after to reach `channels`.
    SubsamplePad {
        /// The feature map that is thinned out.
        source: NodeId,
        /// Number of channels of the result.
        channels: usize,
    },
    /// Elements in another arrangement, channels times numbers plus numbers.
    Select {
        /// The feature map that is read.
        source: NodeId,
        /// What is read where.
        selection: Selection,
    },
    /// All elements in another order and shape.
    Rearrange {
        /// The feature map that is read.
        source: NodeId,
        /// Which order and shape.
        rearrangement: Rearrangement,
    },
    /// Mean of a window that moves over every channel.
    AveragePool {
        /// The feature map that is averaged.
        source: NodeId,
        /// The window.
        pool: Pool,
    },
    /// Mean of every channel: C x H x W to C x 1 x 1.
    GlobalAveragePool {
        /// The feature map that is averaged.
        source: NodeId,
    },
    /// Fully connected layer over all elements in channel, row, column order.
    Linear {
        /// The feature map that is read as one vector.
        source: NodeId,
        /// Matrix and bias.
        linear: Linear,
    },
}

impl Node {
    /// The results that the operation reads, in order.
    pub fn sources(&self) -> impl Iterator<Item = NodeId> {
        let (first, second) = match *self {
            Self::Conv2d { source, .. }
            | Self::BatchNorm { source, .. }
            | Self::Activation { source, .. }
            | Self::SubsamplePad { source, .. }
            | Self::Select { source, .. }
            | Self::Rearrange { source, .. }
            | Self::AveragePool { source, .. }
            | Self::GlobalAveragePool { source }
            | Self::Linear { source, .. } => (source, None),
            Self::Add { left, right } => (left, Some(right)),
        };
        std::iter::once(first).chain(second)
    }

    /// What the operation is called in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "convolution",
            Self::BatchNorm { .. } => "batch normalisation",
            Self::Activation { .. } => "activation",
            Self::Add { .. } => "sum",
            Self::SubsamplePad { .. } => "subsampling shortcut",
            Self::Select { .. } => "selection",
            Self::Rearrange { .. } => "rearrangement",
            Self::AveragePool { .. } => "average pool of windows",
            Self::GlobalAveragePool { .. } => "average pool",
            Self::Linear { .. } => "fully connected layer",
        }
    }
}

/// A checked network: nodes in execution order, one input, one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    /// Shape of the input, then of every node's result.
    shapes: Vec<Shape>,
    output: NodeId,
}

impl Graph {
    /// The identifier of the graph's input.
    #[must_use]
    pub const fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// The node whose result is the graph's result.
    #[must_use]
    pub const fn output(&self) -> NodeId {
        self.output
    }

    /// The nodes in execution order, the input not among them.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index + 1), node))
    }

    /// One node, or `None` for the graph's input.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0.checked_sub(1)?)
    }

    /// Shape of the input or of a node's result.
    ///
    /// # Panics
    /// When the identifier belongs to another graph with more nodes.
    #[must_use]
    pub fn shape(&self, id: NodeId) -> Shape {
        self.shapes[id.0]
    }

    /// The activation nodes in execution order: position `i` is "activation `i`" everywhere.
    pub fn activations(&self) -> impl Iterator<Item = (NodeId, ActivationKind)> {
        self.nodes().filter_map(|(id, node)| match node {
            Node::Activation { kind, .. } => Some((id, *kind)),
            _ => None,
        })
    }

    /// How many times each result is read, the graph's result counting once more:
    /// indexed by [`NodeId::index`].
    #[must_use]
    pub fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.shapes.len()];
        for source in self.nodes.iter().flat_map(Node::sources) {
            readers[source.0] += 1;
        }
        readers[self.output.0] += 1;
        readers
    }
}
