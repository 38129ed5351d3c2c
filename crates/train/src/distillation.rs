//! Learning from another network.

use std::cell::RefCell;
use std::fmt;

use blindsight_model::sequential::Architecture;
use blindsight_model::tensor::Shape;
use ndarray::{Array2, Axis};

use crate::layer::{Maps, Mode};
use crate::{Model, TrainError};

/// A trained network that others learn from.
pub struct Teacher(RefCell<Model>);

/// How a network learns from a teacher, which is usually a larger one (Hinton, Vinyals and Dean 2015):
/// not only which class is right, but what the teacher takes others for.
#[derive(Clone, Copy, Debug)]
pub struct Distillation<'a> {
    /// Whom from.
    pub teacher: &'a Teacher,
    /// The part of the loss that the teacher's scores make; labels make the rest.
    pub share: f32,
    /// What scores of both are divided by: the higher, the more is learnt of the classes that are
    /// not right.
    pub temperature: f32,
}

impl Teacher {
    /// The model as it is; it learns nothing itself.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(RefCell::new(model))
    }

    fn scores(&self, inputs: Maps) -> Array2<f32> {
        self.0.borrow_mut().network.forward(inputs, Mode::default())
    }
}

impl fmt::Debug for Teacher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Teacher").field(self.0.borrow().architecture()).finish()
    }
}

impl Distillation<'_> {
    pub(crate) fn check(self, student: &Architecture) -> Result<(), TrainError> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(TrainError::Setting { what: "the teacher's share" });
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err(TrainError::Setting { what: "the temperature" });
        }
        let sides = |network: &Architecture| [network.input(), network.output()];
        let [expected, found] = [sides(student), sides(self.teacher.0.borrow().architecture())]
            .map(|sides| sides.map(Shape::elements));
        if expected == found { Ok(()) } else { Err(TrainError::Teacher { expected, found }) }
    }

    /// The loss of a batch and its gradient by every score, of which the labels' are known.
    pub(crate) fn of(
        self,
        inputs: &Maps,
        scores: &Array2<f32>,
        (loss, gradient): (f64, Array2<f32>),
    ) -> (f64, Array2<f32>) {
        let teacher = softmax(self.teacher.scores(inputs.clone()) / self.temperature);
        let student = softmax(scores / self.temperature);
        let rows = scores.nrows() as f32;
        let cross: f64 = teacher
            .iter()
            .zip(&student)
            .map(|(wanted, found)| -f64::from(wanted * found.max(f32::MIN_POSITIVE).ln()))
            .sum();
        // Slopes shrink with the square of the temperature, which is made up for.
        let scale = self.share * self.temperature;
        let soft = f64::from(scale * self.temperature / rows) * cross;
        let gradient = gradient * (1.0 - self.share) + (student - teacher) * (scale / rows);
        (f64::from(1.0 - self.share) * loss + soft, gradient)
    }
}

fn softmax(mut scores: Array2<f32>) -> Array2<f32> {
    for mut row in scores.axis_iter_mut(Axis(0)) {
        let largest = row.fold(f32::NEG_INFINITY, |largest, x| largest.max(*x));
        row.mapv_inplace(|x| (x - largest).exp());
        let sum = row.sum();
        row /= sum;
    }
    scores
}

#[cfg(test)]
mod tests {
    use blindsight_model::sequential::Sequential;
    use ndarray::array;

    use super::*;
    use crate::{Adam, Compile, CrossEntropy};

    fn model(inputs: usize, outputs: usize) -> Model {
        let network = Sequential::new([inputs, 1, 1]).dense(outputs);
        network.compile(Adam::default(), CrossEntropy::default()).unwrap()
    }

    #[test]
    fn gradients_are_slopes() {
        let teacher = Teacher::new(model(4, 3));
        let inputs = array![[0.3, -1.0, 2.0, 0.5], [0.1, 0.2, -4.0, 1.0]];
        let scores = array![[0.3, -1.0, 2.0], [0.1, 0.2, 4.0]];
        for (share, temperature) in [(1.0, 1.0), (0.7, 4.0), (0.0, 2.0)] {
            let distillation = Distillation { teacher: &teacher, share, temperature };
            let of = |scores: &Array2<f32>| {
                let labels = CrossEntropy { smoothing: 0.1 }.of(scores, &[0, 2]);
                distillation.of(&inputs, scores, labels)
            };
            for ((row, class), slope) in of(&scores).1.indexed_iter() {
                let at = |step: f32| {
                    let mut moved = scores.clone();
                    moved[[row, class]] += step;
                    of(&moved).0
                };
                let measured = (at(0.01) - at(-0.01)) / 0.02;
                assert!((measured - f64::from(*slope)).abs() < 1e-4, "{share} {row} {class}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let teacher = Teacher::new(model(4, 3));
        let check = |share, temperature, student: &Model| {
            Distillation { teacher: &teacher, share, temperature }.check(student.architecture())
        };
        let student = model(4, 3);
        assert!(check(0.5, 2.0, &student).is_ok());
        for (share, temperature) in [(-0.1, 1.0), (1.1, 1.0), (f32::NAN, 1.0), (0.5, 0.0)] {
            let refused = check(share, temperature, &student);
            assert!(matches!(refused, Err(TrainError::Setting { .. })), "{share} {temperature}");
        }
        for student in [model(5, 3), model(4, 2)] {
            let refused = check(0.5, 2.0, &student);
            assert!(matches!(refused, Err(TrainError::Teacher { found: [4, 3], .. })));
        }
    }
}
