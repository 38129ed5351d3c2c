//! Layers that learn: forwards, and backwards with the gradients of their tensors.

mod convolution;
mod dense;
mod fitted;
mod gates;
mod latent;
mod matrix;
mod moments;
mod norm;
mod pointwise;
mod polynomial;
mod pool;
mod sign;

use blindsight_model::graph::ActivationKind;
use blindsight_model::sequential::{Activation, Layer};
use blindsight_model::tensor::Shape;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use crate::TrainError;
use crate::fit::{L0, Range};
use crate::rounding::Bits;

/// Feature maps of a batch, one a row, in channel, row, column order.
pub(crate) type Maps = Array2<f32>;

/// How a batch goes forwards.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mode {
    /// Keeps what the way back needs; batch normalisations use the batch's own statistics.
    pub(crate) training: bool,
    /// Weights of convolutions and matrices are rounded.
    pub(crate) rounding: Option<Bits>,
    /// Inputs of activations are held within this range.
    pub(crate) range: Option<Range>,
    /// Functions that are to be replaced count the values that they meet.
    pub(crate) counting: bool,
}

/// A layer with its weights and what it remembers of the last batch.
pub(crate) trait Learning: Send {
    /// The results for a batch.
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps;

    /// The gradient by the source of the last batch in training from that by its results; adds the
    /// gradients of its own tensors. An empty one when the source is the network's `input`.
    fn backward(&mut self, gradient: Maps, input: bool) -> Maps;

    /// Its tensors in the order of the architecture's parameters.
    fn tensors(&mut self) -> Vec<&mut Tensor> {
        Vec::new()
    }

    /// What inputs out of range, and gates that should be closed, add to the loss.
    fn penalty(&self) -> f64 {
        0.0
    }

    /// Around what its inputs should lie at first.
    fn start(&self) -> f32 {
        0.0
    }

    /// Has its results lie around a number, if it adds anything to them.
    fn begin_at(&mut self, _: f32) {}

    /// Puts the nearest polynomial in place of another function, if this layer is to have one. False
    /// when there is none: too few values were met.
    fn replace_function(&mut self) -> bool {
        true
    }

    /// Puts a gate before each element that is read, if the layer can have them.
    fn add_gates(&mut self, _: L0, _: u64) -> bool {
        false
    }

    /// Takes gates away again: weights keep what the gates were, and those behind closed ones stay
    /// zero.
    fn close_gates(&mut self) {}
}

/// A tensor with its gradient.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) values: Vec<f32>,
    pub(crate) gradient: Vec<f32>,
    pub(crate) kind: Kind,
}

/// What becomes of a tensor in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is learnt, and decays: the weights of convolutions and matrices.
    Weights,
    /// It is learnt.
    Learnt,
    /// It is measured.
    Measured,
}

impl Tensor {
    fn new(kind: Kind, values: Vec<f32>) -> Self {
        let gradient = vec![0.0; if kind == Kind::Measured { 0 } else { values.len() }];
        Self { values, gradient, kind }
    }
}

/// The layer with weights drawn from `random`.
pub(crate) fn learning(
    index: usize,
    layer: Layer,
    source: Shape,
    random: &mut ChaCha8Rng,
) -> Result<Box<dyn Learning>, TrainError> {
    Ok(match layer {
        Layer::Conv2d { filters, kernel, stride, padding } => Box::new(
            convolution::Convolution::new(source, filters, kernel, stride, padding, random),
        ),
        Layer::BatchNorm => Box::new(norm::Norm::new(source)),
        Layer::Activation(Activation::Function(ActivationKind::Sign)) => {
            Box::new(sign::Sign::new(random))
        }
        Layer::Activation(Activation::Function(kind)) => {
            let unknown = || TrainError::Activation { index, activation: kind.to_string() };
            Box::new(pointwise::Function::new(kind).ok_or_else(unknown)?)
        }
        Layer::Activation(Activation::Quadratic(quadratic)) => {
            Box::new(pointwise::Parabola::new(source, quadratic))
        }
        Layer::Activation(Activation::Fitted(fitted)) => {
            let unknown = || TrainError::Activation { index, activation: fitted.kind.to_string() };
            Box::new(fitted::Fitting::new(fitted).ok_or_else(unknown)?)
        }
        Layer::AveragePool { side } => Box::new(pool::Pool::new(source, side)),
        Layer::Dense { units } => Box::new(dense::Dense::new(source.elements(), units, random)),
        Layer::Latent => Box::new(latent::Latent::new(source.elements() / 2, random)),
        other => return Err(TrainError::Activation { index, activation: other.name().to_owned() }),
    })
}

#[cfg(test)]
mod testing;
