//! What is learnt from.

use ndarray::{Array2, Axis, Zip};

use crate::batches::Batch;

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

/// How well a network's results give its inputs again, which lie between 0 and 1: the results are
/// scores of whether each is 1. The loss is summed over the numbers of an input. With a
/// [latent code](blindsight_model::sequential::Sequential::latent) it is what variational autoencoders
/// learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconstruction;

/// What a network learns from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// The classes of its inputs.
    CrossEntropy(CrossEntropy),
    /// Its inputs themselves.
    Reconstruction,
}

impl From<CrossEntropy> for Loss {
    fn from(loss: CrossEntropy) -> Self {
        Self::CrossEntropy(loss)
    }
}

impl From<Reconstruction> for Loss {
    fn from(_: Reconstruction) -> Self {
        Self::Reconstruction
    }
}

impl Loss {
    /// The mean loss of a batch, and its gradient by every result.
    pub(crate) fn of(self, results: &Array2<f32>, target: &Batch) -> (f64, Array2<f32>) {
        match self {
            Self::CrossEntropy(loss) => loss.of(results, &target.labels),
            Self::Reconstruction => reconstruction(results, &target.inputs),
        }
    }

    /// How many rows of a batch are right; of inputs that are to come again, what part of their
    /// numbers is on the right side of a half.
    pub(crate) fn right(self, results: &Array2<f32>, target: &Batch) -> f64 {
        match self {
            Self::CrossEntropy(_) => {
                let pairs = highest(results).zip(&target.labels);
                pairs.filter(|(found, label)| found == *label).count() as f64
            }
            Self::Reconstruction => {
                let pairs = results.iter().zip(&target.inputs);
                let right = pairs.filter(|(score, x)| (**score > 0.0) == (**x > 0.5)).count();
                right as f64 / results.ncols() as f64
            }
        }
    }
}

/// The class with the highest score of every row; the first where two are equal.
fn highest(scores: &Array2<f32>) -> impl Iterator<Item = usize> {
    scores.rows().into_iter().map(|row| {
        let better =
            |best: usize, (class, x): (usize, &f32)| if *x > row[best] { class } else { best };
        row.iter().enumerate().fold(0, better)
    })
}

fn reconstruction(scores: &Array2<f32>, inputs: &Array2<f32>) -> (f64, Array2<f32>) {
    let rows = scores.nrows() as f64;
    let mut gradient = scores.clone();
    let mut loss = 0.0;
    Zip::from(&mut gradient).and(inputs).for_each(|score, &x| {
        // ln(1 + exp(score)) - x score, without overflow.
        let rest = (-score.abs()).exp();
        loss += f64::from(score.max(0.0) + rest.ln_1p() - x * *score);
        let sigmoid = if *score > 0.0 { 1.0 } else { rest } / (1.0 + rest);
        *score = (sigmoid - x) / rows as f32;
    });
    (loss / rows, gradient)
}

impl CrossEntropy {
    pub(crate) const fn mistake(self) -> Option<&'static str> {
        // Neither is a number that is none.
        if self.smoothing >= 0.0 && self.smoothing < 1.0 { None } else { Some("the smoothing") }
    }

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
        let inputs = array![[0.0, 1.0, 0.25], [0.7, 0.1, 1.0]];
        let batch = Batch { inputs, labels: vec![0, 2] };
        for loss in [Loss::from(CrossEntropy { smoothing: 0.1 }), Loss::Reconstruction] {
            let (_, gradient) = loss.of(&scores, &batch);
            for ((row, class), slope) in gradient.indexed_iter() {
                let at = |step: f32| {
                    let mut moved = scores.clone();
                    moved[[row, class]] += step;
                    loss.of(&moved, &batch).0
                };
                let measured = (at(0.01) - at(-0.01)) / 0.02;
                assert!((measured - f64::from(*slope)).abs() < 1e-4, "{loss:?} {row} {class}");
            }
        }
    }

    #[test]
    fn inputs_come_again_where_scores_have_their_sign() {
        let inputs = array![[0.0, 1.0], [1.0, 1.0]];
        let batch = Batch { inputs, labels: vec![0, 0] };
        let right = |scores| Loss::Reconstruction.right(&scores, &batch);
        assert_eq!(right(array![[-9.0, 9.0], [9.0, -1.0]]), 1.5);
        let sure = array![[-90.0, 90.0], [90.0, 90.0]];
        let (loss, gradient) = Loss::Reconstruction.of(&sure, &batch);
        assert!(loss < 1e-9 && gradient.iter().all(|x| x.abs() < 1e-9));
        let unsure = array![[0.0, 0.0], [0.0, 0.0]];
        let (loss, _) = Loss::Reconstruction.of(&unsure, &batch);
        assert!((loss - 2.0 * 2.0_f64.ln()).abs() < 1e-6);
    }
}
