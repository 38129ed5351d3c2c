//! The loss.

use ndarray::{Array2, Axis};

/// Cross-entropy of the softmax of the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// The part of every target that is spread over all classes (Szegedy et al. 2016).
    pub smoothing: f32,
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Self { smoothing: 0.05 }
    }
}

impl CrossEntropy {
    /// The mean loss of a batch, and its gradient by every score.
    pub(crate) fn of(self, scores: &Array2<f32>, labels: &[usize]) -> (f64, Array2<f32>) {
        let (rows, classes) = scores.dim();
        let mut gradient = scores.clone();
        let mut loss = 0.0;
        let spread = self.smoothing / classes as f32;
        for (mut row, &label) in gradient.axis_iter_mut(Axis(0)).zip(labels) {
            let largest = row.fold(f32::NEG_INFINITY, |largest, x| largest.max(*x));
            row.mapv_inplace(|x| x - largest);
            let log_sum = row.fold(0.0, |sum, x| sum + x.exp()).ln();
            for (class, x) in row.iter_mut().enumerate() {
                let target = spread + if class == label { 1.0 - self.smoothing } else { 0.0 };
                let log = *x - log_sum;
                loss -= f64::from(target * log);
                *x = (log.exp() - target) / rows as f32;
            }
        }
        (loss / rows as f64, gradient)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_loss_is_that_of_the_softmax() {
        let scores = array![[0.0, 2.0_f32.ln()], [3.0, 3.0]];
        let (loss, gradient) = CrossEntropy { smoothing: 0.0 }.of(&scores, &[1, 0]);
        assert!((loss - ((1.5_f64).ln() + 2.0_f64.ln()) / 2.0).abs() < 1e-6, "{loss}");
        let expected = array![[1.0 / 6.0, -1.0 / 6.0], [-0.25, 0.25]];
        assert!((gradient - expected).iter().all(|x: &f32| x.abs() < 1e-6));
    }

    #[test]
    fn gradients_are_slopes() {
        let scores = array![[0.3, -1.0, 2.0], [0.1, 0.2, 40.0]];
        let loss = CrossEntropy { smoothing: 0.1 };
        let (_, gradient) = loss.of(&scores, &[0, 2]);
        for ((row, class), slope) in gradient.indexed_iter() {
            let at = |step: f32| {
                let mut moved = scores.clone();
                moved[[row, class]] += step;
                loss.of(&moved, &[0, 2]).0
            };
            let measured = (at(0.01) - at(-0.01)) / 0.02;
            assert!((measured - f64::from(*slope)).abs() < 1e-4, "{row} {class}");
        }
    }
}
