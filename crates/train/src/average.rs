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

#[cfg(test)]
mod tests {
    use blindsight_model::sequential::Sequential;

    use super::*;

    #[test]
    fn the_average_follows_and_forgets_the_start() {
        let layers = Sequential::new([1, 1, 1]).dense(1).build().unwrap();
        let mut network = Network::new(&layers, 1).unwrap();
        network.set(&[vec![100.0], vec![0.0]]);
        let mut average = Average::new(0.9, &mut network);
        for _ in 0..100 {
            network.set(&[vec![1.0], vec![2.0]]);
            average.add(&mut network);
        }
        assert!((average.values()[0][0] - 1.0).abs() < 0.1, "{:?}", average.values());
        assert!((average.values()[1][0] - 2.0).abs() < 0.1);
        let kept = average.values()[0][0];
        network.set(&[vec![11.0], vec![2.0]]);
        average.add(&mut network);
        assert!((average.values()[0][0] - (0.9 * kept + 1.1)).abs() < 1e-3);
    }
}
