//! A label on the circle, and the ciphertext of an answer.

use thiserror::Error;

use crate::answers::AnswerCode;
use crate::parameters::ExactParameters;

/// How labels of a number of classes lie on the circle: as the answers of an [`AnswerCode`], class
/// by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelCode {
    classes: usize,
}

/// A number of classes that there is no room for.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{classes} classes: exact answers have room for 2 to {most}")]
pub struct Classes {
    /// What was asked for.
    pub classes: usize,
    /// The most that fail rarely enough.
    pub most: usize,
}

/// An answer under `S`, a label or another: modulo `2^LABEL_BITS`, a mask and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelCiphertext {
    /// As many numbers as `S` has coefficients.
    pub mask: Vec<u16>,
    /// What is left of the answer after the mask times the secret is taken off.
    pub body: u16,
}

/// `log2` of the modulus of an answer's ciphertext: enough that its rounding is not what limits the
/// number of classes.
pub const LABEL_BITS: u32 = 14;

/// The width of the noise that answers are flooded with, as a part of the distance between two of
/// them: uniform between minus and plus a quarter of that, half of what an answer has around it.
pub const FLOOD: f64 = 0.25;

impl LabelCode {
    /// The code for so many classes.
    ///
    /// # Errors
    /// When there are fewer than two, or so many that noise would decide too often: more than
    /// [`Noise::most_classes`](crate::noise::Noise::most_classes).
    pub fn new(set: &ExactParameters, classes: usize) -> Result<Self, Classes> {
        let most = set.noise().most_classes();
        if (2..=most).contains(&classes) {
            Ok(Self { classes })
        } else {
            Err(Classes { classes, most })
        }
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(self) -> usize {
        self.classes
    }

    /// The labels as answers.
    #[must_use]
    pub fn answers(self) -> AnswerCode {
        // There are two classes at least.
        AnswerCode::new(self.classes - 1)
    }

    /// The distance between two labels, as a part of the circle.
    #[must_use]
    pub fn spacing(self) -> f64 {
        self.answers().spacing()
    }

    /// The label of a phase modulo `2^LABEL_BITS`, or none, where the phase is none of a label.
    #[must_use]
    pub fn label(self, phase: u16) -> Option<usize> {
        self.answers().read(phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::set;

    #[test]
    fn too_few_and_too_many_classes_are_refused() {
        let most = set().noise().most_classes();
        for classes in [0, 1, most + 1, usize::MAX] {
            assert_eq!(LabelCode::new(set(), classes), Err(Classes { classes, most }));
        }
    }
}
