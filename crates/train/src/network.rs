//! All layers of a network, one after the other.

use blindsight_model::sequential::Architecture;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::TrainError;
use crate::fit::L0;
use crate::layer::{Kind, Learning, Maps, Mode, Tensor, learning};

pub(crate) struct Network {
    layers: Vec<Box<dyn Learning>>,
}

impl Network {
    /// Weights drawn by the seed.
    pub(crate) fn new(architecture: &Architecture, seed: u64) -> Result<Self, TrainError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let steps = architecture.steps().enumerate();
        let layers =
            steps.map(|(index, (layer, source, _))| learning(index, layer, source, &mut random));
        let mut layers: Vec<_> = layers.collect::<Result<_, _>>()?;
        for at in 1..layers.len() {
            let start = layers[at].start();
            layers[at - 1].begin_at(start);
        }
        Ok(Self { layers })
    }

    /// The scores of a batch.
    pub(crate) fn forward(&mut self, inputs: Maps, mode: Mode) -> Maps {
        self.layers.iter_mut().fold(inputs, |maps, layer| layer.forward(maps, mode))
    }

    /// Adds the gradients of all tensors to them.
    pub(crate) fn backward(&mut self, gradient: Maps) {
        let mut gradient = gradient;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            gradient = layer.backward(gradient, index == 0);
        }
    }

    /// What inputs of activations out of range add to the loss.
    pub(crate) fn penalty(&self) -> f64 {
        self.layers.iter().map(|layer| layer.penalty()).sum()
    }

    /// Puts gates before what the first layer reads that can have them; false when there is none.
    pub(crate) fn add_gates(&mut self, l0: L0, seed: u64) -> bool {
        self.layers.iter_mut().any(|layer| layer.add_gates(l0, seed))
    }

    /// Takes them away again, with what was behind those that are closed.
    pub(crate) fn close_gates(&mut self) {
        self.layers.iter_mut().for_each(|layer| layer.close_gates());
    }

    /// Puts quadratic functions in place of others; fails with the layer that has met too few values.
    pub(crate) fn replace_functions(&mut self) -> Result<(), usize> {
        match self.layers.iter_mut().position(|layer| !layer.replace_function()) {
            Some(layer) => Err(layer),
            None => Ok(()),
        }
    }

    /// Scales the weights of every layer so that its results for this batch have deviation 1
    /// (Mishkin and Matas 2016): what a square makes of a square depends on it.
    pub(crate) fn scale_by(&mut self, inputs: &Maps) {
        let mut maps = inputs.clone();
        for layer in &mut self.layers {
            let result = layer.forward(maps.clone(), Mode::default());
            let deviation = result.std(0.0);
            let mut tensors = layer.tensors();
            let weights = tensors.iter_mut().find(|tensor| tensor.kind == Kind::Weights);
            maps = match weights {
                Some(weights) if deviation.is_finite() && deviation > 0.0 => {
                    weights.values.iter_mut().for_each(|x| *x /= deviation);
                    layer.forward(maps, Mode::default())
                }
                _ => result,
            };
        }
    }

    /// The first layer whose result is not finite.
    pub(crate) fn first_not_finite(&mut self, inputs: &Maps, mode: Mode) -> Option<usize> {
        let mut maps = inputs.clone();
        self.layers.iter_mut().position(|layer| {
            maps = layer.forward(std::mem::take(&mut maps), mode);
            maps.iter().any(|x| !x.is_finite())
        })
    }

    /// All tensors, in the order of the architecture's parameters.
    pub(crate) fn tensors(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.layers.iter_mut().flat_map(|layer| layer.tensors())
    }

    /// The numbers of all tensors.
    pub(crate) fn values(&mut self) -> Vec<Vec<f32>> {
        self.tensors().map(|tensor| tensor.values.clone()).collect()
    }

    /// Other numbers for all tensors, as many as there are.
    pub(crate) fn set(&mut self, values: &[Vec<f32>]) {
        for (tensor, values) in self.tensors().zip(values) {
            tensor.values.clone_from(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::graph::ActivationKind;
    use blindsight_model::sequential::{Activation, Sequential};

    use super::*;

    fn network() -> Network {
        let network = Sequential::new([1, 4, 4]).conv2d(3, 3).activation(ActivationKind::Square);
        Network::new(&network.dense(5).build().unwrap(), 1).unwrap()
    }

    fn inputs() -> Maps {
        Maps::from_shape_fn((20, 16), |(row, column)| ((row * 16 + column) as f32).sin() * 30.0)
    }

    #[test]
    fn the_first_batch_scales_the_weights() {
        let mut network = network();
        assert!(network.forward(inputs(), Mode::default()).std(0.0) > 10.0);
        network.scale_by(&inputs());
        let deviation = network.forward(inputs(), Mode::default()).std(0.0);
        assert!((deviation - 1.0).abs() < 1e-3, "{deviation}");
    }

    #[test]
    fn inputs_begin_where_functions_bend() {
        let begin = |network: Sequential, kind| {
            let network = network.activation(Activation::fitted(kind)).dense(2).build().unwrap();
            let mut network = Network::new(&network, 1).unwrap();
            network.values()
        };
        let dense = || Sequential::new([1, 4, 4]).dense(3);
        // Weights and bias; gain, shift, mean and variance.
        assert_eq!(begin(dense(), ActivationKind::Relu)[1], [0.0; 3]);
        for (kind, place) in
            [(ActivationKind::Sigmoid, -1.316_958), (ActivationKind::Tanh, -0.658_479)]
        {
            assert_eq!(begin(dense(), kind)[1], [place; 3]);
            let normalised = begin(dense().batch_norm(), kind);
            assert_eq!((&normalised[1], &normalised[3]), (&vec![0.0; 3], &vec![place; 3]));
        }
    }

    #[test]
    fn the_layer_that_overflows_is_found() {
        let mut network = network();
        assert_eq!(network.first_not_finite(&inputs(), Mode::default()), None);
        let huge = inputs() * 1e25;
        assert_eq!(network.first_not_finite(&huge, Mode::default()), Some(1));
    }
}
