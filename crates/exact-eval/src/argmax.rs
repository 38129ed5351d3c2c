//! The largest of some scores, by signs of differences.
//!
//! ```text
//! 1   [t_i > t_j] for all i < j                                45 signs for ten classes
//! 2   A_i = "i beats all later classes" = all of row i          8 signs (row 8 has one alone)
//! 3   P_k = "none of 0, ..., k beats all later classes"         8 signs (P_0 is not A_0)
//!     label = P_0 + ... + P_8
//! ```
//!
//! The label is the first class that beats all later ones. The last class always does, so there is
//! always exactly one label, whatever comparisons of near ties say; and the best class is the label
//! whenever it wins all its comparisons, since no earlier class beats it.

use blindsight_exact::LabelCode;

use crate::rows::all_positive;

/// Numbers on the circle `R/Z` that can be added, and whose sign can be taken.
pub trait Circle {
    /// A number.
    type Value;

    /// For each number and magnitude, the magnitude with the sign of the number: plus in the
    /// first half of the circle, minus in the second.
    fn signs(&self, inputs: Vec<(Self::Value, f64)>) -> Vec<Self::Value>;

    /// A constant plus small multiples of numbers.
    fn sum<'v>(
        &self,
        constant: f64,
        terms: impl IntoIterator<Item = (i64, &'v Self::Value)>,
    ) -> Self::Value
    where
        Self::Value: 'v;
}

/// The label of the largest score, in its [`LabelCode`]. Differences of scores lie between -1/2
/// and 1/2; there are as many scores as classes.
pub fn argmax<C: Circle>(circle: &C, code: LabelCode, scores: &[C::Value]) -> C::Value {
    let half = code.spacing() / 2.0;
    let last = scores.len().saturating_sub(1);
    let rows = (0..last).map(|i| {
        let later = scores[i + 1..].iter();
        later.map(|other| circle.sum(0.0, [(1, &scores[i]), (-1, other)])).collect()
    });
    let best = all_positive(circle, rows.collect(), half);

    let counts = (1..last).map(|k| {
        // Half a step less than how many of 0, ..., k are best of the rest.
        let constant = k as f64 * half;
        (circle.sum(constant, best[..=k].iter().map(|a| (1, a))), -half)
    });
    let none = circle.signs(counts.collect());
    let terms = best.iter().take(1).map(|a| (-1, a)).chain(none.iter().map(|p| (1, p)));
    // Each term is plus or minus half a step.
    circle.sum(last as f64 * half, terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Simulated, best, set};

    /// The label, and how far it is from a whole one.
    fn label(circle: &Simulated, code: LabelCode, scores: &[f64]) -> (usize, f64) {
        let steps = argmax(circle, code, scores) / code.spacing();
        (steps.round() as usize, (steps - steps.round()).abs())
    }

    #[test]
    fn ten_classes_take_61_signs_in_three_steps() {
        let circle = Simulated::exact(3);
        let code = LabelCode::new(set(), 10).unwrap();
        label(&circle, code, &[0.0; 10]);
        assert_eq!((circle.signs.get(), circle.calls.get()), (61, 3));
    }

    /// The noise of every step is that of the parameter set.
    #[test]
    fn ten_thousand_random_scores_have_one_label_each() {
        let circle = Simulated::of_the_set(3, 9);
        let code = LabelCode::new(set(), 10).unwrap();
        // Five standard deviations of a comparison: one in a million of them errs beyond.
        let lead = 5.0 * set().noise().comparison();
        let (mut clear, mut near, mut near_right) = (0, 0, 0);
        for _ in 0..10_000 {
            let scores: Vec<f64> = (0..10).map(|_| (circle.uniform() - 0.5) * 0.47).collect();
            let (label, off) = label(&circle, code, &scores);
            assert!(label < 10 && off < 1e-9, "{label}, {off}");
            let first = best(&scores);
            let second = (0..10).filter(|i| *i != first).map(|i| scores[i]);
            if scores[first] - second.fold(f64::MIN, f64::max) > lead {
                clear += 1;
                assert_eq!(label, first);
            } else {
                near += 1;
                near_right += usize::from(label == first);
            }
        }
        assert!(clear > 8_000 && near > 500, "{clear}, {near}");
        assert!(near_right * 2 > near, "{near_right} of {near}");
    }

    /// Whatever comparisons say, there is one label: every outcome for four classes.
    #[test]
    fn every_tournament_has_one_label() {
        let code = LabelCode::new(set(), 4).unwrap();
        let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
        for outcome in 0..64_u32 {
            let script = (0..6).map(|i| if outcome >> i & 1 == 1 { 1.0 } else { -1.0 });
            let circle = Simulated::scripted(script.collect());
            let steps = argmax(&circle, code, &[0.0; 4]) / code.spacing();
            let beats_later = |i: usize| {
                let mut row = pairs.iter().enumerate().filter(|(_, pair)| pair.0 == i);
                row.all(|(bit, _)| outcome >> bit & 1 == 1)
            };
            let expected = (0..4).find(|i| beats_later(*i)).unwrap();
            assert!((steps - expected as f64).abs() < 1e-9, "{outcome:06b}: {steps}, {expected}");
        }
    }

    #[test]
    fn every_number_of_classes_works() {
        let most = set().noise().most_classes();
        for classes in 2..=most {
            let noise = set().noise();
            let circle =
                Simulated::new(3, move |step| if step == 0 { 0.0 } else { noise.count(classes) });
            let code = LabelCode::new(set(), classes).unwrap();
            for _ in 0..50 {
                let scores: Vec<f64> =
                    (0..classes).map(|_| (circle.uniform() - 0.5) * 0.49).collect();
                assert_eq!(label(&circle, code, &scores).0, best(&scores), "{classes} classes");
            }
        }
    }

    #[test]
    fn scores_that_are_no_numbers_still_give_a_label() {
        let code = LabelCode::new(set(), 10).unwrap();
        let circle = Simulated::exact(3);
        let mut scores = [0.1; 10];
        scores[3] = f64::NAN;
        assert!(label(&circle, code, &scores).0 < 10);
    }
}
