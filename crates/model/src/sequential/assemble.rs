//! From layers and tensors to a graph.

use super::{Activation, Architecture, Degree, FileError, Fitted, Layer};
use crate::graph::{
    ActivationKind, BatchNorm, Conv2d, Graph, GraphBuilder, Linear, Node, NodeId, ParameterError,
    Pick, Polynomial, Pool, Selection, quadratic,
};
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
            Layer::Activation(
                Activation::Quadratic(_)
                | Activation::Fitted(Fitted { degree: Degree::Quadratic, .. }),
            ) => {
                return quadratic(&mut self.builder, source, &next(), impossible);
            }
            Layer::Activation(Activation::Fitted(_)) => {
                let polynomial = Polynomial::new(&next());
                let polynomial = polynomial
                    .ok_or(impossible(ParameterError::NotFinite { what: "polynomial" }))?;
                Node::Activation { source, kind: ActivationKind::Polynomial(polynomial) }
            }
            Layer::AveragePool { side } => {
                let pool = Pool::new([side; 2], [side; 2]).map_err(impossible)?;
                Node::AveragePool { source, pool }
            }
            Layer::Dense { units } => {
                let linear = Linear::new([units, shape.elements()], next(), next());
                Node::Linear { source, linear: linear.map_err(impossible)? }
            }
            Layer::Latent => {
                let means = (0..shape.channels() / 2).map(|from| Pick {
                    from: Some(from),
                    factor: 1.0,
                    offset: 0.0,
                });
                let all = Selection::everything([shape.channels(), 1, 1]);
                let selection = all.with_channels(means.collect()).map_err(impossible)?;
                Node::Select { source, selection }
            }
        };
        Ok(self.builder.add(node)?)
    }
}
