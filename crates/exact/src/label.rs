//! A label on the circle, and its ciphertext.

use thiserror::Error;

use crate::parameters::ExactParameters;

/// How labels of a number of classes lie on the circle: label `l` at `l / 2 (classes - 1)`.
///
/// They take half of it: the last step of the argmax counts to as many, and a sign bootstrap has no
/// more room.
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

/// A label under `S`: modulo `2^LABEL_BITS`, a mask and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelCiphertext {
    /// As many numbers as `S` has coefficients.
    pub mask: Vec<u16>,
    /// What is left of the label after the mask times the secret is taken off.
    pub body: u16,
}

/// `log2` of the modulus of a label's ciphertext: enough that its rounding is not what limits the
/// number of classes.
pub const LABEL_BITS: u32 = 14;

/// The width of the noise that answers are flooded with, as a part of the distance between two
/// labels: uniform between minus and plus a quarter of that, half of what a label has around it.
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

    /// The distance between two labels, as a part of the circle.
    #[must_use]
    pub fn spacing(self) -> f64 {
        0.5 / (self.classes - 1) as f64
    }

    /// The label of a phase modulo `2^LABEL_BITS`, or none, where the phase is none of a label.
    #[must_use]
    pub fn label(self, phase: u16) -> Option<usize> {
        let part = f64::from(phase) / f64::from(1_u32 << LABEL_BITS);
        let steps = 2 * (self.classes - 1);
        // Just below once around is a little less than label 0.
        let label = (part * steps as f64).round() as usize % steps;
        (label < self.classes).then_some(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::set;

    #[test]
    fn labels_are_read_with_noise_up_to_half_their_distance() {
        for classes in [2, 3, 10, 16] {
            let code = LabelCode::new(set(), classes).unwrap();
            let modulus = f64::from(1 << LABEL_BITS);
            for label in 0..classes {
                for noise in [-0.49, 0.0, 0.49] {
                    let phase = ((label as f64 + noise) * code.spacing() * modulus).round();
                    let phase = phase.rem_euclid(modulus) as u16;
                    assert_eq!(code.label(phase), Some(label), "{classes} classes, {noise}");
                }
            }
        }
    }

    #[test]
    fn the_other_half_of_the_circle_is_no_label() {
        let code = LabelCode::new(set(), 10).unwrap();
        assert_eq!(code.label(3 << (LABEL_BITS - 2)), None);
        assert_eq!(code.label((1 << LABEL_BITS) - 1), Some(0));
    }

    #[test]
    fn too_few_and_too_many_classes_are_refused() {
        let most = set().noise().most_classes();
        for classes in [0, 1, most + 1, usize::MAX] {
            assert_eq!(LabelCode::new(set(), classes), Err(Classes { classes, most }));
        }
    }
}
