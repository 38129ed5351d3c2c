//! The network before its last layer: an encoder.

use thiserror::Error;

use super::{Graph, Node};

impl Graph {
    /// The same network without the fully connected layer that ends it: what that layer reads is the
    /// result, an activation before it included.
    ///
    /// # Errors
    /// [`NoFeatures`] when the network does not end so, or reads its input nowhere else.
    pub fn features(&self) -> Result<Self, NoFeatures> {
        let Some(Node::Linear { source, .. }) = self.node(self.output) else {
            let operation = self.node(self.output).map_or("input", Node::name);
            return Err(NoFeatures::Last { operation });
        };
        if *source == self.input() {
            return Err(NoFeatures::Nothing);
        }
        // All others lead to the layer, which is therefore the last, and it reads one alone.
        let count = self.output.index() - 1;
        let nodes = self.nodes[..count].to_vec();
        Ok(Self { nodes, shapes: self.shapes[..=count].to_vec(), output: *source })
    }
}

/// Why a network has no features to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoFeatures {
    /// It ends in something else than a fully connected layer.
    #[error(
        "features are what the last fully connected layer reads, but this network ends with: {operation}"
    )]
    Last {
        /// What it ends in.
        operation: &'static str,
    },
    /// There is nothing before the last layer.
    #[error("the network's only layer reads the input itself, which is no feature")]
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::super::{ActivationKind, GraphBuilder, Linear};
    use super::*;
    use crate::plain::PlainNetwork;
    use crate::tensor::{Shape, Tensor};

    fn linear(rows: usize, columns: usize) -> Linear {
        let weights: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 0.7).sin()).collect();
        Linear::new([rows, columns], weights, vec![0.5; rows]).unwrap()
    }

    #[test]
    fn the_last_layer_is_left_out() {
        let mut builder = GraphBuilder::new(Shape::vector(3).unwrap());
        let source = builder.input();
        let hidden = builder.add(Node::Linear { source, linear: linear(4, 3) }).unwrap();
        let square = Node::Activation { source: hidden, kind: ActivationKind::Square };
        let square = builder.add(square).unwrap();
        let last = linear(2, 4);
        let whole = Node::Linear { source: square, linear: last.clone() };
        let whole = builder.add(whole).unwrap();
        let whole = builder.finish(whole).unwrap();
        let encoder = whole.features().unwrap();
        assert_eq!((encoder.nodes().len(), encoder.output()), (2, square));
        assert_eq!(encoder.shape(encoder.output()), Shape::vector(4).unwrap());
        assert_eq!(encoder.readers(), [1, 1, 1]);
        // What is left out, done to the features, gives the scores.
        let input = Tensor::new(Shape::vector(3).unwrap(), vec![0.3, -1.0, 2.0]).unwrap();
        let features = PlainNetwork::new(encoder).run(&input).unwrap();
        let scores = PlainNetwork::new(whole).run(&input).unwrap();
        for (row, score) in last.weights().chunks(4).zip(scores.values()) {
            let sum: f32 = row.iter().zip(features.values()).map(|(w, x)| w * x).sum();
            assert!((sum + 0.5 - score).abs() < 1e-5);
        }
    }

    #[test]
    fn networks_without_features_say_why() {
        let mut builder = GraphBuilder::new(Shape::vector(3).unwrap());
        let source = builder.input();
        let only = builder.add(Node::Linear { source, linear: linear(2, 3) }).unwrap();
        let graph = builder.clone().finish(only).unwrap();
        assert_eq!(graph.features(), Err(NoFeatures::Nothing));
        let kind = ActivationKind::Square;
        let last = builder.add(Node::Activation { source: only, kind }).unwrap();
        let graph = builder.finish(last).unwrap();
        assert_eq!(graph.features(), Err(NoFeatures::Last { operation: "activation" }));
        let graph = graph.nodes[..0].to_vec();
        let empty = Graph { nodes: graph, shapes: vec![Shape::vector(3).unwrap()], output: source };
        assert_eq!(empty.features(), Err(NoFeatures::Last { operation: "input" }));
    }
}
