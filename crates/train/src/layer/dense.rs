//! Fully connected layers.

use rand_chacha::ChaCha8Rng;

use super::gates::Gates;
use super::matrix::Matrix;
use super::{Learning, Maps, Mode, Tensor};
use crate::fit::L0;

pub(super) struct Dense {
    matrix: Matrix,
    source: Maps,
    /// Before what is read, while it is learnt which elements are needed.
    gates: Option<Gates>,
    /// Columns of the matrix that stay zero; empty when none do.
    closed: Vec<bool>,
}

impl Dense {
    pub(super) fn new(inputs: usize, outputs: usize, random: &mut ChaCha8Rng) -> Self {
        Self {
            matrix: Matrix::random(outputs, inputs, random),
            source: Maps::default((0, 0)),
            gates: None,
            closed: Vec::new(),
        }
    }
}

impl Learning for Dense {
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps {
        let source = match &mut self.gates {
            Some(gates) => gates.pass(source, mode.training),
            None => source,
        };
        let result = self.matrix.times(&source, mode);
        if mode.training {
            self.source = source;
        }
        result
    }

    fn backward(&mut self, gradient: Maps, input: bool) -> Maps {
        self.matrix.learn(&self.source, &gradient);
        if !self.closed.is_empty() {
            for row in self.matrix.weights.gradient.chunks_exact_mut(self.closed.len()) {
                let closed = row.iter_mut().zip(&self.closed).filter(|(_, closed)| **closed);
                closed.for_each(|(slope, _)| *slope = 0.0);
            }
        }
        match &mut self.gates {
            Some(gates) => gates.back(self.matrix.back(&gradient)),
            None if input => Maps::default((0, 0)),
            None => self.matrix.back(&gradient),
        }
    }

    fn begin_at(&mut self, start: f32) {
        self.matrix.bias.values.fill(start);
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        let gates = self.gates.as_mut().map(|gates| &mut gates.places);
        [&mut self.matrix.weights, &mut self.matrix.bias].into_iter().chain(gates).collect()
    }

    fn penalty(&self) -> f64 {
        self.gates.as_ref().map_or(0.0, Gates::penalty)
    }

    fn add_gates(&mut self, l0: L0, seed: u64) -> bool {
        self.gates = Some(Gates::new(self.matrix.inputs(), l0, seed));
        true
    }

    fn close_gates(&mut self) {
        let Some(gates) = self.gates.take() else { return };
        let gates = gates.closed();
        for row in self.matrix.weights.values.chunks_exact_mut(gates.len()) {
            row.iter_mut().zip(&gates).for_each(|(weight, gate)| *weight *= gate);
        }
        self.closed = gates.iter().map(|gate| *gate == 0.0).collect();
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
