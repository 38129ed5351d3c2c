//! Whether the best class is one of a set, by signs of differences.
//!
//! ```text
//! 1   [t_i > t_j] for all i in the set and all j outside       21 signs for three of ten classes
//! 2   A_i = "i beats all that are outside"                      3 signs
//! 3   at least one of the A_i                                   1 sign
//! ```
//!
//! The best class is in the set if and only if one of the set beats all others. Where more classes are
//! in the set than outside, the question is turned round: that is fewer signs. There is no third
//! answer, whatever comparisons of near ties say.

use blindsight_exact::ClassSet;

use crate::argmax::Circle;
use crate::rows::{all_positive, magnitude};

/// 1/2 if the class of the largest score is in the set, and 0 if not. Differences of scores lie
/// between -1/2 and 1/2; the set holds some but not all of the classes.
pub fn among<C: Circle>(circle: &C, set: &ClassSet, scores: &[C::Value]) -> C::Value {
    let (inside, outside): (Vec<usize>, Vec<usize>) =
        (0..scores.len()).partition(|class| set.contains(*class));
    let (few, many, yes) =
        if inside.len() <= outside.len() { (inside, outside, 1) } else { (outside, inside, -1) };
    let rows = few.iter().map(|&i| {
        let differences = many.iter().map(|&j| [(1, &scores[i]), (-1, &scores[j])]);
        differences.map(|terms| circle.sum(0.0, terms)).collect()
    });
    let size = magnitude(few.len(), QUARTER);
    let mut best = all_positive(circle, rows.collect(), size);
    if best.len() > 1 {
        // Negative only if all are.
        let constant = (best.len() as f64 - 1.0) * size;
        let any = circle.sum(constant, best.iter().map(|a| (1, a)));
        best = circle.signs(vec![(any, QUARTER)]);
    }
    circle.sum(QUARTER, best.iter().map(|a| (yes, a)))
}

/// Half the distance between the two answers.
const QUARTER: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Simulated, best, set};

    fn set_of(classes: &[usize]) -> ClassSet {
        ClassSet::new(classes.to_vec()).unwrap()
    }

    /// Yes or no: never anything else.
    fn answer(circle: &Simulated, set: &ClassSet, scores: &[f64]) -> bool {
        let turns = among(circle, set, scores) * 2.0;
        let answer = turns.rem_euclid(2.0).round();
        assert!((turns.rem_euclid(2.0) - answer).abs() < 1e-9, "{turns}");
        answer as usize % 2 == 1
    }

    #[test]
    fn signs_and_steps() {
        let counts = |classes: &[usize]| {
            let circle = Simulated::exact(3);
            answer(&circle, &set_of(classes), &[0.0; 10]);
            circle.signs.get()
        };
        assert_eq!(counts(&[3, 5, 7]), 25);
        assert_eq!(counts(&[0, 1, 2, 4, 6, 8, 9]), 25);
        assert_eq!(counts(&[3]), 10);
        assert_eq!(counts(&[0, 1, 2, 3, 4]), 31);
    }

    /// The noise of every step is that of the parameter set.
    #[test]
    fn ten_thousand_random_scores_have_the_right_answer() {
        let circle = Simulated::of_the_set(3, 9);
        let margin = 5.0 * set().noise().comparison();
        let (mut clear, mut yes) = (0, 0);
        for round in 0..10_000 {
            let scores: Vec<f64> = (0..10).map(|_| (circle.uniform() - 0.5) * 0.47).collect();
            let size = 1 + round % 9;
            let classes: Vec<usize> = (0..size).map(|i| (i * 7 + round / 9) % 10).collect();
            let set = set_of(&classes);
            let found = answer(&circle, &set, &scores);
            let largest = |inside: bool| {
                let side = (0..10).filter(|i| set.contains(*i) == inside).map(|i| scores[i]);
                side.fold(f64::MIN, f64::max)
            };
            if (largest(true) - largest(false)).abs() > margin {
                clear += 1;
                assert_eq!(found, set.contains(best(&scores)));
            }
            yes += usize::from(found);
        }
        assert!(clear > 8_500 && yes > 4_000 && yes < 6_000, "{clear}, {yes}");
    }

    /// Whatever comparisons say, there is one answer: every outcome for every set of four classes.
    #[test]
    fn every_tournament_has_one_answer() {
        for members in 1..15_usize {
            let classes: Vec<usize> = (0..4).filter(|i| members >> i & 1 == 1).collect();
            let set = set_of(&classes);
            let (few, many) =
                (classes.len().min(4 - classes.len()), classes.len().max(4 - classes.len()));
            for outcome in 0..1_usize << (few * many) {
                let won =
                    |row: usize| outcome >> (row * many) & ((1 << many) - 1) == (1 << many) - 1;
                let one_beats_all = (0..few).any(won);
                let script =
                    (0..few * many).map(|i| if outcome >> i & 1 == 1 { 1.0 } else { -1.0 });
                let circle = Simulated::scripted(script.collect());
                let turned = classes.len() > 2;
                assert_eq!(
                    answer(&circle, &set, &[0.0; 4]),
                    one_beats_all != turned,
                    "{members}, {outcome}"
                );
            }
        }
    }
}
