//! Folds every batch normalisation into the convolution before it.
//!
//! Under encryption a multiplication costs a level, so a normalisation of its own would be waste:
//! `scale * (w * x + b) + offset` is again a convolution, with weights `scale * w` and bias
//! `scale * b + offset`. The folded graph computes the same function up to `f32` rounding.

use thiserror::Error;

use crate::graph::{
    BatchNorm, Conv2d, Graph, GraphBuilder, GraphError, Node, NodeId, ParameterError, Pick,
    Selection,
};
use crate::tensor::Shape;

/// The same network without batch normalisations.
///
/// # Errors
/// [`FoldError`] when folded weights overflow.
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
                let weights = |reason| FoldError::Weights { node: id.index(), reason };
                let source = *source;
                let node = match graph.node(source) {
                    Some(Node::Conv2d { source: input, conv }) if readers[source.index()] == 1 => {
                        let conv = folded(conv, norm).map_err(weights)?;
                        Node::Conv2d { source: renamed[input.index()], conv }
                    }
                    _ => {
                        let selection = alone(norm, graph.shape(source)).map_err(weights)?;
                        Node::Select { source: renamed[source.index()], selection }
                    }
                };
                builder.add(node)?
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

/// A normalisation of something else than a convolution, or of one that is read elsewhere too.
fn alone(norm: &BatchNorm, shape: Shape) -> Result<Selection, ParameterError> {
    let everything = Selection::everything([shape.channels(), shape.height(), shape.width()]);
    let pick = |(channel, (scale, offset)): (usize, (f64, f64))| {
        let (factor, offset) = (scale as f32, offset as f32);
        Pick { from: Some(channel), factor, offset }
    };
    everything.with_channels(norm.affine().enumerate().map(pick).collect())
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
    Conv2d::new(dims, weights, Some(bias), conv.stride(), conv.padding())?
        .with_groups(conv.groups())
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
        | Node::Select { source, .. }
        | Node::Rearrange { source, .. }
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
    use crate::tensor::Tensor;

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

        let [before, after] = both(graph, folded);
        assert_eq!(before.shape(), after.shape());
        for (x, y) in before.values().iter().zip(after.values()) {
            assert!((x - y).abs() < 1e-5, "{x} became {y}");
        }
        assert!(before.values().iter().any(|x| x.abs() > 0.1));
    }

    /// The result of both graphs on a picture.
    fn both(graph: Graph, folded: Graph) -> [Tensor; 2] {
        let values = (0..50).map(|i| (i as f32 * 1.3).cos()).collect();
        let picture = Tensor::new(input(), values).unwrap();
        [graph, folded].map(|graph| PlainNetwork::new(graph).run(&picture).unwrap())
    }

    #[test]
    fn a_normalisation_alone_stays_one() {
        let mut builder = GraphBuilder::new(input());
        let norm = Node::BatchNorm { source: builder.input(), norm: norm(2, 1.0) };
        let end = builder.add(norm).unwrap();
        let graph = builder.finish(end).unwrap();
        let folded = fold_batch_norm(&graph).unwrap();
        assert!(matches!(folded.node(folded.output()), Some(Node::Select { .. })));
        let [before, after] = both(graph, folded);
        for (x, y) in before.values().iter().zip(after.values()) {
            assert!((x - y).abs() < 1e-5, "{x} became {y}");
        }
    }

    #[test]
    fn a_shared_convolution_stays_as_it_is() {
        let mut builder = GraphBuilder::new(input());
        let conv = Node::Conv2d { source: builder.input(), conv: conv() };
        let left = builder.add(conv).unwrap();
        let right = builder.add(Node::BatchNorm { source: left, norm: norm(3, 1.0) }).unwrap();
        let end = builder.add(Node::Add { left, right }).unwrap();
        let graph = builder.finish(end).unwrap();
        let [before, after] = both(graph.clone(), fold_batch_norm(&graph).unwrap());
        for (x, y) in before.values().iter().zip(after.values()) {
            assert!((x - y).abs() < 1e-5, "{x} became {y}");
        }
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
