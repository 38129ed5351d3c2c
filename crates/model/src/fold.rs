//! Folds every batch normalisation into the convolution before it.
//!
//! Under encryption a multiplication costs a level, so a normalisation of its own would be waste:
//! `scale * (w * x + b) + offset` is again a convolution, with weights `scale * w` and bias
//! `scale * b + offset`. The folded graph computes the same function up to `f32` rounding.

use thiserror::Error;

use crate::graph::{
    BatchNorm, Conv2d, Graph, GraphBuilder, GraphError, Node, NodeId, ParameterError,
};

/// The same network without batch normalisations.
///
/// # Errors
/// [`FoldError`] when a normalisation does not directly follow a convolution that nothing else
/// reads, or when folded weights overflow.
pub fn fold_batch_norm(graph: &Graph) -> Result<Graph, FoldError> {
    let readers = graph.readers();
    let mut builder = GraphBuilder::new(graph.shape(graph.input()));
    // Where each result of the old graph lives in the new one.
    let mut renamed = vec![builder.input()];
    for (id, node) in graph.nodes() {
        let new_id = match node {
            // Held back until its normalisation comes; nothing in between reads it.
            Node::Conv2d { .. } if feeds_only_a_norm(graph, &readers, id) => builder.input(),
            Node::BatchNorm { source, norm } => {
                let Some(Node::Conv2d { source: input, conv }) = graph.node(*source) else {
                    return Err(FoldError::NoConvolution { node: id.index() });
                };
                if readers[source.index()] != 1 {
                    return Err(FoldError::SharedConvolution { node: id.index() });
                }
                let conv = folded(conv, norm)
                    .map_err(|reason| FoldError::Weights { node: id.index(), reason })?;
                builder.add(Node::Conv2d { source: renamed[input.index()], conv })?
            }
            other => builder.add(with_sources(other, &renamed))?,
        };
        renamed.push(new_id);
    }
    Ok(builder.finish(renamed[graph.output().index()])?)
}

/// Why the batch normalisations could not be folded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FoldError {
    /// A normalisation reads something other than a convolution.
    #[error("the batch normalisation at node {node} does not follow a convolution")]
    NoConvolution {
        /// Position of the normalisation in execution order.
        node: usize,
    },
    /// A normalisation reads a convolution whose plain result is needed elsewhere too.
    #[error("the convolution before the batch normalisation at node {node} is used elsewhere too")]
    SharedConvolution {
        /// Position of the normalisation in execution order.
        node: usize,
    },
    /// The folded weights are not valid.
    #[error("folding the batch normalisation at node {node} gives invalid weights: {reason}")]
    Weights {
        /// Position of the normalisation in execution order.
        node: usize,
        /// What is wrong with the weights.
        #[source]
        reason: ParameterError,
    },
    /// The folded graph is not valid.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

fn feeds_only_a_norm(graph: &Graph, readers: &[usize], conv: NodeId) -> bool {
    let read_by_norm = |(_, node): (NodeId, &Node)| matches!(node, Node::BatchNorm { source, .. } if *source == conv);
    readers[conv.index()] == 1 && graph.nodes().any(read_by_norm)
}

/// The convolution with the normalisation multiplied in; double precision until the last step.
fn folded(conv: &Conv2d, norm: &BatchNorm) -> Result<Conv2d, ParameterError> {
    let dims = conv.dims();
    let per_channel = conv.weights().len() / conv.out_channels();
    let mut weights = Vec::with_capacity(conv.weights().len());
    let mut bias = Vec::with_capacity(conv.out_channels());
    let channels = conv.weights().chunks_exact(per_channel).zip(conv.bias());
    for ((kernel, &old_bias), (scale, offset)) in channels.zip(norm.affine()) {
        weights.extend(kernel.iter().map(|&w| (f64::from(w) * scale) as f32));
        bias.push((f64::from(old_bias) * scale + offset) as f32);
    }
    Conv2d::new(dims, weights, Some(bias), conv.stride(), conv.padding())
}

/// A copy of the node that reads the renamed results.
fn with_sources(node: &Node, renamed: &[NodeId]) -> Node {
    let rename = |id: &NodeId| renamed[id.index()];
    let mut copy = node.clone();
    match &mut copy {
        Node::Conv2d { source, .. }
        | Node::BatchNorm { source, .. }
        | Node::Activation { source, .. }
        | Node::SubsamplePad { source, .. }
        | Node::AveragePool { source, .. }
        | Node::GlobalAveragePool { source }
        | Node::Linear { source, .. } => *source = rename(source),
        Node::Add { left, right } => (*left, *right) = (rename(left), rename(right)),
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{ActivationKind, Padding};
    use crate::plain::PlainNetwork;
    use crate::tensor::{Shape, Tensor};

    fn input() -> Shape {
        Shape::new(2, 5, 5).unwrap()
    }

    /// Its padding is uneven, so that none may be swapped or left out.
    fn conv() -> Conv2d {
        let weights = (0..54).map(|i| (i as f32 * 0.7).sin()).collect();
        let padding = Padding { rows: [1, 0], columns: [0, 2] };
        Conv2d::new([3, 2, 3, 3], weights, Some(vec![0.5, -1.0, 2.0]), 2, padding).unwrap()
    }

    fn norm(channels: usize, gain: f32) -> BatchNorm {
        let ramp = |from: f32| (0..channels).map(|i| from + i as f32 * 0.25).collect::<Vec<_>>();
        BatchNorm::new(vec![gain; channels], ramp(-0.5), ramp(0.3), ramp(0.7), 1e-5).unwrap()
    }

    #[test]
    fn a_folded_convolution_computes_the_same() {
        let mut builder = GraphBuilder::new(input());
        let source = builder.input();
        let source = builder.add(Node::Conv2d { source, conv: conv() }).unwrap();
        let source = builder.add(Node::BatchNorm { source, norm: norm(3, -1.7) }).unwrap();
        let end = builder.add(Node::Activation { source, kind: ActivationKind::Silu }).unwrap();
        let graph = builder.finish(end).unwrap();
        let folded = fold_batch_norm(&graph).unwrap();
        assert_eq!(folded.nodes().len(), 2);

        let values = (0..50).map(|i| (i as f32 * 1.3).cos()).collect();
        let picture = Tensor::new(input(), values).unwrap();
        let before = PlainNetwork::new(graph).run(&picture).unwrap();
        let after = PlainNetwork::new(folded).run(&picture).unwrap();
        assert_eq!(before.shape(), after.shape());
        for (x, y) in before.values().iter().zip(after.values()) {
            assert!((x - y).abs() < 1e-5, "{x} became {y}");
        }
        assert!(before.values().iter().any(|x| x.abs() > 0.1));
    }

    #[test]
    fn a_normalisation_alone_cannot_be_folded() {
        let mut builder = GraphBuilder::new(input());
        let norm = Node::BatchNorm { source: builder.input(), norm: norm(2, 1.0) };
        let end = builder.add(norm).unwrap();
        let graph = builder.finish(end).unwrap();
        assert_eq!(fold_batch_norm(&graph), Err(FoldError::NoConvolution { node: 1 }));
    }

    #[test]
    fn a_shared_convolution_cannot_be_folded() {
        let mut builder = GraphBuilder::new(input());
        let conv = Node::Conv2d { source: builder.input(), conv: conv() };
        let left = builder.add(conv).unwrap();
        let right = builder.add(Node::BatchNorm { source: left, norm: norm(3, 1.0) }).unwrap();
        let end = builder.add(Node::Add { left, right }).unwrap();
        let graph = builder.finish(end).unwrap();
        assert_eq!(fold_batch_norm(&graph), Err(FoldError::SharedConvolution { node: 2 }));
    }

    #[test]
    fn overflow_is_noticed() {
        let mut builder = GraphBuilder::new(input());
        let conv = Conv2d::new([1, 2, 1, 1], vec![f32::MAX; 2], None, 1, 0).unwrap();
        let source = builder.input();
        let source = builder.add(Node::Conv2d { source, conv }).unwrap();
        let end = builder.add(Node::BatchNorm { source, norm: norm(1, 10.0) }).unwrap();
        let graph = builder.finish(end).unwrap();
        let reason = ParameterError::NotFinite { what: "weights" };
        assert_eq!(fold_batch_norm(&graph), Err(FoldError::Weights { node: 2, reason }));
    }
}
