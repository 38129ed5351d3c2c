//! From layers and tensors to a graph.

use super::quadratic::quadratic;
use super::{Activation, Architecture, FileError, Layer};
use crate::graph::{BatchNorm, Conv2d, Graph, GraphBuilder, Linear, Node, NodeId, Pool};
use crate::tensor::Shape;
use crate::weights::Weights;

/// What batch normalisations add to variances before they divide by their roots: PyTorch's default,
/// which no tensor records.
pub const EPSILON: f64 = 1e-5;

impl Architecture {
    /// The network with these weights, batch normalisations still apart. Every tensor must have a
    /// place in it.
    ///
    /// # Errors
    /// [`FileError`] when a tensor is missing, extra or misshapen, or holds impossible numbers.
    pub fn graph(&self, weights: Weights) -> Result<Graph, FileError> {
        let mut assembly = Assembly { weights, builder: GraphBuilder::new(self.input()) };
        let mut last = assembly.builder.input();
        for (index, (layer, source, _)) in self.steps().enumerate() {
            last = assembly.add(index, layer, source, last)?;
        }
        assembly.weights.finish()?;
        Ok(assembly.builder.finish(last)?)
    }
}

/// The graph under construction and the weights not yet used.
struct Assembly {
    weights: Weights,
    builder: GraphBuilder,
}

impl Assembly {
    fn add(
        &mut self,
        index: usize,
        layer: Layer,
        shape: Shape,
        source: NodeId,
    ) -> Result<NodeId, FileError> {
        let mut tensors = Vec::new();
        for (role, dims) in layer.tensors(shape) {
            tensors.push(self.weights.take(&format!("{index}.{role}"), &dims)?);
        }
        // In the order of `Layer::tensors`.
        let mut tensors = tensors.into_iter();
        let mut next = || tensors.next().unwrap_or_default();
        let impossible = |reason| FileError::Parameters { index, reason };
        let node = match layer {
            Layer::Conv2d { filters, kernel, stride, padding } => {
                let dims = [filters, shape.channels(), kernel, kernel];
                let conv = Conv2d::new(dims, next(), Some(next()), stride, padding);
                Node::Conv2d { source, conv: conv.map_err(impossible)? }
            }
            Layer::BatchNorm => {
                let norm = BatchNorm::new(next(), next(), next(), next(), EPSILON);
                Node::BatchNorm { source, norm: norm.map_err(impossible)? }
            }
            Layer::Activation(Activation::Function(kind)) => Node::Activation { source, kind },
            Layer::Activation(Activation::Quadratic(_) | Activation::Fitted(_)) => {
                return quadratic(&mut self.builder, source, shape, &next(), impossible);
            }
            Layer::AveragePool { side } => {
                let pool = Pool::new([side; 2], [side; 2]).map_err(impossible)?;
                Node::AveragePool { source, pool }
            }
            Layer::Dense { units } => {
                let linear = Linear::new([units, shape.elements()], next(), next());
                Node::Linear { source, linear: linear.map_err(impossible)? }
            }
        };
        Ok(self.builder.add(node)?)
    }
}
