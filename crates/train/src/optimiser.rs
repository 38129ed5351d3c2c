//! Steps of the weights.

use crate::TrainError;
use crate::layer::Kind;
use crate::network::Network;

/// Adam (Kingma and Ba 2015) with decay of weights apart from the gradient (Loshchilov and Hutter
/// 2019). The rate rises over the first steps and then falls like a cosine to zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The highest rate.
    pub rate: f32,
    /// What the weights of convolutions and matrices lose in a step, times the rate.
    pub decay: f32,
    /// The part of all steps in which the rate rises.
    pub warm_up: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Self { rate: 3e-3, decay: 1e-3, warm_up: 0.05 }
    }
}

/// Means of gradients and of their squares: those of the paper.
const BETA: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

impl Adam {
    pub(crate) fn check(self) -> Result<(), TrainError> {
        let refuse = |what| Err(TrainError::Setting { what });
        match self {
            Self { rate, .. } if !(rate > 0.0 && rate.is_finite()) => refuse("the rate"),
            Self { decay, .. } if !(decay >= 0.0 && decay.is_finite()) => refuse("the decay"),
            Self { warm_up, .. } if !(0.0..=1.0).contains(&warm_up) => refuse("the warm-up"),
            _ => Ok(()),
        }
    }

    /// The rate of step `step` of `steps`, from 0.
    pub(crate) fn rate(self, step: usize, steps: usize) -> f32 {
        let rising = self.warm_up * steps as f32;
        let step = step as f32 + 0.5;
        if step < rising {
            return self.rate * step / rising;
        }
        let part = (step - rising) / (steps as f32 - rising);
        self.rate * 0.5 * (1.0 + (std::f32::consts::PI * part).cos())
    }
}

/// What Adam remembers of every number that is learnt.
pub(crate) struct State {
    adam: Adam,
    steps: i32,
    means: Vec<Vec<[f32; 2]>>,
}

impl State {
    pub(crate) fn new(adam: Adam, network: &mut Network) -> Self {
        let means = network.tensors().map(|tensor| vec![[0.0; 2]; tensor.gradient.len()]).collect();
        Self { adam, steps: 0, means }
    }

    /// Moves all weights, and forgets the gradients. Gradients longer than `clip` are shortened to
    /// that (Pascanu, Mikolov and Bengio 2013).
    pub(crate) fn step(&mut self, network: &mut Network, rate: f32, clip: f32) {
        self.steps = self.steps.saturating_add(1);
        let square = |x: &f32| f64::from(*x).powi(2);
        let length = network.tensors().flat_map(|t| &t.gradient).map(square).sum::<f64>().sqrt();
        let factor = if length > f64::from(clip) { (f64::from(clip) / length) as f32 } else { 1.0 };
        let unbiased = BETA.map(|beta| 1.0 / (1.0 - beta.powi(self.steps)));
        for (tensor, means) in network.tensors().zip(&mut self.means) {
            let decay = if tensor.kind == Kind::Weights { self.adam.decay } else { 0.0 };
            let numbers = tensor.values.iter_mut().zip(&mut tensor.gradient).zip(means);
            for ((x, gradient), [mean, square]) in numbers {
                let slope = *gradient * factor;
                *mean += (1.0 - BETA[0]) * (slope - *mean);
                *square += (1.0 - BETA[1]) * (slope * slope - *square);
                let step = *mean * unbiased[0] / ((*square * unbiased[1]).sqrt() + EPSILON);
                *x -= rate * (step + decay * *x);
                *gradient = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let adam = Adam { rate: 1.0, decay: 0.0, warm_up: 0.1 };
        let rates: Vec<f32> = (0..100).map(|step| adam.rate(step, 100)).collect();
        assert!((rates[0] - 0.05).abs() < 1e-6 && rates[99] < 1e-3);
        assert!(rates[..10].is_sorted() && rates[10..].is_sorted_by(|a, b| a >= b));
        assert!((rates[55] - 0.5).abs() < 0.02, "{}", rates[55]);
    }

    #[test]
    fn senseless_settings_are_refused() {
        let good = Adam::default();
        assert!(good.check().is_ok());
        for rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Adam { rate, ..good }.check().is_err(), "{rate}");
        }
        assert!(Adam { decay: -0.1, ..good }.check().is_err());
        assert!(Adam { warm_up: 1.5, ..good }.check().is_err());
    }
}
