//! Fully connected layers.

use rand_chacha::ChaCha8Rng;

use super::matrix::Matrix;
use super::{Learning, Maps, Mode, Tensor};

pub(super) struct Dense {
    matrix: Matrix,
    source: Maps,
}

impl Dense {
    pub(super) fn new(inputs: usize, outputs: usize, random: &mut ChaCha8Rng) -> Self {
        Self { matrix: Matrix::random(outputs, inputs, random), source: Maps::default((0, 0)) }
    }
}

impl Learning for Dense {
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps {
        let result = self.matrix.times(&source, mode);
        if mode.training {
            self.source = source;
        }
        result
    }

    fn backward(&mut self, gradient: Maps, input: bool) -> Maps {
        self.matrix.learn(&self.source, &gradient);
        if input { Maps::default((0, 0)) } else { self.matrix.back(&gradient) }
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        vec![&mut self.matrix.weights, &mut self.matrix.bias]
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::sequential::Layer;

    use crate::layer::testing::check_slopes;

    #[test]
    fn gradients_are_slopes() {
        check_slopes([2, 1, 3], Layer::Dense { units: 4 }, 1e-3);
    }
}
