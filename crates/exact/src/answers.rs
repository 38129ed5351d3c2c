//! Where the possible answers of a decision lie on the circle.

use crate::label::LABEL_BITS;

/// How answers, numbered from 0, lie on the circle: answer `a` at `a / 2 last`, where `last` is the
/// number of the last one.
///
/// They take half of it. The last step of the argmax counts to as many, and a sign bootstrap has no
/// more room; and what lies in the other half, if there are more than two answers, is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCode {
    last: usize,
}

impl AnswerCode {
    /// The code of the answers up to this one, which is 1 at least.
    pub(crate) fn new(last: usize) -> Self {
        Self { last: last.max(1) }
    }

    /// The number of answers.
    #[must_use]
    pub fn count(self) -> usize {
        self.last + 1
    }

    /// The distance between two answers, as a part of the circle.
    #[must_use]
    pub fn spacing(self) -> f64 {
        0.5 / self.last as f64
    }

    /// The answer of a phase modulo `2^LABEL_BITS`, or none, where the phase is that of none.
    #[must_use]
    pub fn read(self, phase: u16) -> Option<usize> {
        let part = f64::from(phase) / f64::from(1_u32 << LABEL_BITS);
        let steps = 2 * self.last;
        // Just below once around is a little less than answer 0.
        let answer = (part * steps as f64).round() as usize % steps;
        (answer <= self.last).then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_noise_up_to_half_their_distance() {
        for count in [2, 3, 10, 16] {
            let code = AnswerCode::new(count - 1);
            assert_eq!(code.count(), count);
            let modulus = f64::from(1 << LABEL_BITS);
            for answer in 0..count {
                for noise in [-0.49, 0.0, 0.49] {
                    let phase = ((answer as f64 + noise) * code.spacing() * modulus).round();
                    let phase = phase.rem_euclid(modulus) as u16;
                    assert_eq!(code.read(phase), Some(answer), "{count} answers, {noise}");
                }
            }
        }
    }

    #[test]
    fn the_other_half_of_the_circle_is_no_answer() {
        let code = AnswerCode::new(9);
        assert_eq!(code.read(3 << (LABEL_BITS - 2)), None);
        assert_eq!(code.read((1 << LABEL_BITS) - 1), Some(0));
    }
}
