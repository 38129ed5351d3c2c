//! What can be wrong with a graph.

use thiserror::Error;

use super::MAX_NODES;
use crate::tensor::{Shape, TensorError};

/// Why a network was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A node does not fit what it reads.
    #[error("node {node} ({operation}) does not fit: {reason}")]
    Node {
        /// Position in execution order.
        node: usize,
        /// What kind of node it is.
        operation: &'static str,
        /// What does not fit.
        #[source]
        reason: NodeError,
    },
    /// The output named is not in the graph.
    #[error("the output named is not a node of this network")]
    UnknownOutput,
    /// A node's result is read by nobody.
    #[error("nothing uses the result of node {node}")]
    Unused {
        /// Position in execution order; 0 is the input.
        node: usize,
    },
    /// There are too many nodes.
    #[error("a network may have at most {MAX_NODES} nodes")]
    TooManyNodes,
}

/// Why one node does not fit what it reads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// An edge points to a node that does not come earlier.
    #[error("it reads node {0}, which does not come before it")]
    NotBackwards(usize),
    /// The number of channels differs from that of the parameters.
    #[error("it is made for {expected} channels, but reads {found}")]
    Channels {
        /// What the parameters are made for.
        expected: usize,
        /// What the source has.
        found: usize,
    },
    /// The number of elements differs from that of the matrix.
    #[error("it is made for {expected} values, but reads {found}")]
    Elements {
        /// What the matrix is made for.
        expected: usize,
        /// What the source has.
        found: usize,
    },
    /// Two terms of a sum differ in shape.
    #[error("the two terms differ: {left} and {right}")]
    TermsDiffer {
        /// Shape of the first term.
        left: Shape,
        /// Shape of the second term.
        right: Shape,
    },
    /// The kernel is larger than the padded feature map.
    #[error("its kernel is larger than the padded feature map of {0}")]
    KernelTooLarge(Shape),
    /// Zero channels cannot be added evenly on both sides.
    #[error("{found} channels cannot be padded evenly on both sides to {wanted}")]
    UnevenPadding {
        /// Channels of the source.
        found: usize,
        /// Channels wanted.
        wanted: usize,
    },
    /// A selection reads something that is not there.
    #[error("it reads channels, rows or columns outside of {0}")]
    Outside(Shape),
    /// The result would be too large.
    #[error(transparent)]
    Shape(#[from] TensorError),
}
