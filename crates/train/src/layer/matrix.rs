//! Weights as a matrix, perhaps rounded.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeError};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Kind, Mode, Tensor};

/// A matrix with one row an output, and a bias.
pub(super) struct Matrix {
    inputs: usize,
    pub(super) weights: Tensor,
    pub(super) bias: Tensor,
    /// The rounded weights of the last batch in training, if they were.
    rounded: Option<Vec<f32>>,
}

impl Matrix {
    /// Weights of a deviation that keeps the size of what is read (Glorot and Bengio 2010), biases
    /// of zero.
    pub(super) fn random(outputs: usize, inputs: usize, random: &mut ChaCha8Rng) -> Self {
        let most = (3.0 / inputs as f32).sqrt();
        let draw = |_| random.random_range(-most..most);
        Self {
            inputs,
            weights: Tensor::new(Kind::Weights, (0..outputs * inputs).map(draw).collect()),
            bias: Tensor::new(Kind::Learnt, vec![0.0; outputs]),
            rounded: None,
        }
    }

    /// How many columns there are.
    pub(super) const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Every row of `rows` times the matrix, plus the bias.
    pub(super) fn times(&mut self, rows: &Array2<f32>, mode: Mode) -> Array2<f32> {
        self.rounded = mode.rounding.map(|bits| bits.rounded(&self.weights.values));
        let bias = &self.bias.values;
        let mut result =
            Array2::from_shape_fn((rows.nrows(), bias.len()), |(_, column)| bias[column]);
        general_mat_mul(1.0, rows, &self.used().t(), 1.0, &mut result);
        result
    }

    /// Adds the gradients of a product; `rows` are what was multiplied. Rounding counts as if it
    /// changed nothing (Bengio, Leonard and Courville 2013).
    pub(super) fn learn(&mut self, rows: &Array2<f32>, gradient: &Array2<f32>) {
        let shape = (self.bias.values.len(), self.inputs);
        let mut weights = whole(ArrayViewMut2::from_shape(shape, &mut self.weights.gradient));
        general_mat_mul(1.0, &gradient.t(), rows, 1.0, &mut weights);
        for (to, sum) in self.bias.gradient.iter_mut().zip(gradient.sum_axis(Axis(0))) {
            *to += sum;
        }
    }

    /// The gradient by the rows that were multiplied.
    pub(super) fn back(&self, gradient: &Array2<f32>) -> Array2<f32> {
        gradient.dot(&self.used())
    }

    fn used(&self) -> ArrayView2<'_, f32> {
        let values = self.rounded.as_ref().unwrap_or(&self.weights.values);
        whole(ArrayView2::from_shape((self.bias.values.len(), self.inputs), values))
    }
}

fn whole<T>(view: Result<T, ShapeError>) -> T {
    view.expect("a tensor keeps its length")
}
