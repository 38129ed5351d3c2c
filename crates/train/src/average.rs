//! A running average of all weights.

use crate::network::Network;

/// The exponential average of the weights over the steps (Polyak and Juditsky 1992): what is kept
/// of a training, better than the weights of any one step.
pub(crate) struct Average {
    decay: f32,
    steps: u32,
    values: Vec<Vec<f32>>,
}

impl Average {
    pub(crate) fn new(decay: f32, network: &mut Network) -> Self {
        Self { decay, steps: 0, values: network.values() }
    }

    /// Takes the weights after a step in. The first steps count more, lest what the weights began as
    /// stays in the average.
    pub(crate) fn add(&mut self, network: &mut Network) {
        self.steps = self.steps.saturating_add(1);
        let steps = self.steps as f32;
        let keep = self.decay.min((1.0 + steps) / (10.0 + steps));
        for (average, tensor) in self.values.iter_mut().zip(network.tensors()) {
            for (to, x) in average.iter_mut().zip(&tensor.values) {
                *to += (1.0 - keep) * (x - *to);
            }
        }
    }

    pub(crate) fn values(&self) -> &[Vec<f32>] {
        &self.values
    }
}
