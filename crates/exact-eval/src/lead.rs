//! The label of the largest score if it leads by enough, by differences that are compared with the
//! lead both ways at once.
//!
//! ```text
//! 1   D_ij = plus if t_i - t_j > t, minus if t_j - t_i > t,
//!            and 0 between, for all i < j                       45 rotations for ten classes
//! 2   B_i = "i beats all others by more than t": all D_ij are
//!            plus and all D_ji are minus                        10 signs
//!     answer = sum of (i + 1) B_i
//! ```
//!
//! Two classes never both lead: of i and j the one needs D_ij to be plus and the other minus, whatever
//! the comparisons of near ties say. So at most one B_i holds, and the answer is its class plus 1, or 0
//! for "not sure". And who leads all others by more than `t` in these comparisons has won them, so the
//! class is the one that the argmax would find in the same rotations.

use blindsight_exact::AnswerCode;

use crate::argmax::Circle;

/// Numbers on the circle that can be compared with a threshold both ways.
pub trait Thresholds: Circle {
    /// For each number and magnitude: the magnitude if the number is above the threshold, minus the
    /// magnitude if it is below minus the threshold, and 0 between; 0 also so near to half the circle.
    fn beyond(&self, threshold: f64, inputs: Vec<(Self::Value, f64)>) -> Vec<Self::Value>;
}

/// The class that leads all others by more than `lead`, in a code for one answer more than there are
/// classes. Differences of scores and the lead together lie between -1/2 and 1/2.
pub fn label_with_lead<C: Thresholds>(
    circle: &C,
    code: AnswerCode,
    lead: f64,
    scores: &[C::Value],
) -> C::Value {
    let half = code.spacing() / 2.0;
    let classes = scores.len();
    let others = classes.saturating_sub(1) as f64;
    // A row is a sum of as many thirds of comparisons as there are others. It has to be told whether
    // all are plus, or one of them at most 0: half of one is the room on each side of the circle.
    let size = 0.25 / others;
    let pairs = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
    let differences = pairs.clone().map(|(i, j)| {
        let difference = circle.sum(0.0, [(1, &scores[i]), (-1, &scores[j])]);
        (difference, size)
    });
    let compared = circle.beyond(lead, differences.collect());

    let leaders = (0..classes).map(|class| {
        let row = pairs.clone().zip(&compared).filter_map(|((i, j), value)| match class {
            _ if class == i => Some((1, value)),
            _ if class == j => Some((-1, value)),
            _ => None,
        });
        (circle.sum(-(others - 0.5) * size, row), weight(class) * half)
    });
    let leaders = circle.signs(leaders.collect());
    // Each is plus or minus half its weight.
    let constant: f64 = (0..classes).map(|class| weight(class) * half).sum();
    circle.sum(constant, leaders.iter().map(|leads| (1, leads)))
}

/// The answer for a class, in steps.
fn weight(class: usize) -> f64 {
    (class + 1) as f64
}

#[cfg(test)]
mod tests {
    use blindsight_exact::{Decision, DecisionCode, LabelCode, Lead};

    use super::*;
    use crate::argmax::argmax;
    use crate::simulation::{Simulated, best, set};

    fn code(classes: usize) -> AnswerCode {
        let decision = Decision::LabelWithLead { lead: Lead::new(0.1).unwrap() };
        DecisionCode::new(set(), classes, decision).unwrap().answers()
    }

    /// The class, or none for "not sure".
    fn answer(circle: &Simulated, code: AnswerCode, lead: f64, scores: &[f64]) -> Option<usize> {
        let turn = label_with_lead(circle, code, lead, scores).rem_euclid(1.0);
        let steps = turn / code.spacing();
        assert!((steps - steps.round()).abs() < 1e-9, "{steps}");
        let answer = steps.round() as usize % (2 * scores.len());
        assert!(answer < code.count(), "{answer}");
        answer.checked_sub(1)
    }

    #[test]
    fn ten_classes_take_55_rotations_in_two_steps() {
        let circle = Simulated::exact(2);
        assert_eq!(answer(&circle, code(10), 0.01, &[0.0; 10]), None);
        assert_eq!((circle.signs.get(), circle.calls.get()), (55, 2));
    }

    /// The noise of every step is that of the parameter set.
    #[test]
    fn ten_thousand_random_scores_have_one_answer_each() {
        let circle = Simulated::of_the_set(2, 9);
        let noise = 5.0 * set().noise().comparison();
        let lead = 0.02;
        let (mut sure, mut not_sure, mut near) = (0, 0, 0);
        for _ in 0..10_000 {
            let scores: Vec<f64> = (0..10).map(|_| (circle.uniform() - 0.5) * 0.45).collect();
            let found = answer(&circle, code(10), lead, &scores);
            let first = best(&scores);
            let second = (0..10).filter(|i| *i != first).map(|i| scores[i]);
            let ahead = scores[first] - second.fold(f64::MIN, f64::max);
            // Noise never makes a class of another one that leads.
            assert!(found.is_none_or(|class| class == first), "{found:?}, {first}");
            if (ahead - lead).abs() < noise {
                near += 1;
            } else if ahead > lead {
                sure += 1;
                assert_eq!(found, Some(first));
            } else {
                not_sure += 1;
                assert_eq!(found, None);
            }
        }
        assert!(sure > 4_000 && not_sure > 2_000 && near > 500, "{sure}, {not_sure}, {near}");
    }

    /// Whatever comparisons say, there is one answer, and if it is a class, then the argmax's of the
    /// same comparisons however it decides the near ties: every outcome for four classes.
    #[test]
    fn every_tournament_has_one_answer() {
        let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
        for outcome in 0..3_usize.pow(6) {
            let result = |pair: usize| outcome / 3_usize.pow(pair as u32) % 3;
            let script = (0..6).map(|pair| result(pair) as f64 - 1.0);
            let circle = Simulated::scripted(script.clone().collect());
            let found = answer(&circle, code(4), 0.01, &[0.0; 4]);
            let leads = |class: usize| {
                pairs.iter().enumerate().all(|(pair, (i, j))| match class {
                    _ if class == *i => result(pair) == 2,
                    _ if class == *j => result(pair) == 0,
                    _ => true,
                })
            };
            assert_eq!(found, (0..4).find(|class| leads(*class)), "{outcome}");
            for ties in [-1.0, 1.0] {
                let signs = script.clone().map(|x| if x == 0.0 { ties } else { x });
                let circle = Simulated::scripted(signs.collect());
                let label_code = LabelCode::new(set(), 4).unwrap();
                let label = argmax(&circle, label_code, &[0.0; 4]) / label_code.spacing();
                assert!(found.is_none_or(|class| class == label.round() as usize), "{outcome}");
            }
        }
    }

    #[test]
    fn every_number_of_classes_works() {
        let decision = Decision::LabelWithLead { lead: Lead::new(0.1).unwrap() };
        for classes in 2..=set().noise().most_classes_for(&decision) {
            let circle = Simulated::of_the_set(2, classes - 1);
            for class in 0..classes {
                let mut scores = vec![0.1; classes];
                scores[class] = 0.2;
                assert_eq!(answer(&circle, code(classes), 0.05, &scores), Some(class));
                assert_eq!(answer(&circle, code(classes), 0.15, &scores), None);
            }
        }
    }

    /// Scores beyond their bound, and none: an answer nevertheless.
    #[test]
    fn scores_that_are_out_of_bounds_still_give_an_answer() {
        let circle = Simulated::exact(2);
        for outlier in [0.5, 0.6, 0.9, f64::NAN] {
            let mut scores = [0.1; 10];
            scores[3] = outlier;
            answer(&circle, code(10), 0.02, &scores);
        }
    }
}
