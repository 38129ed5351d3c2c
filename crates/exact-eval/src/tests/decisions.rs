//! Decisions other than the label, from end to end.

use std::time::Instant;

use blindsight_exact::{ClassSet, Decision, DecisionCode, Lead, Outcome};

use super::*;
use crate::lead::Thresholds;

fn with_lead(lead: f64) -> Decision {
    Decision::LabelWithLead { lead: Lead::new(lead).unwrap() }
}

fn among(classes: &[usize]) -> Decision {
    Decision::Among { classes: ClassSet::new(classes.to_vec()).unwrap() }
}

fn outcome(decision: Decision, scores: &[f64], seed: u8) -> Option<Outcome> {
    let both = both();
    let (scores, unit) = scores_under_s(scores, decision.reach() / 2.0, seed);
    let code = DecisionCode::new(both.set, scores.len(), decision).unwrap();
    let mut entropy = Entropy::from_key([seed; 32]);
    let answer = both.evaluator.decide(&code, unit, &scores, &mut entropy).unwrap();
    both.family.outcome(&code, &answer)
}

/// Above, below and between, also near half the circle.
#[test]
fn thresholds_have_three_sides() {
    let both = both();
    let expected = [
        (0.15, 1.0),
        (0.35, 1.0),
        (-0.15, -1.0),
        (-0.35, -1.0),
        (0.05, 0.0),
        (-0.05, 0.0),
        (0.45, 0.0),
        (-0.45, 0.0),
        (0.0, 0.0),
    ];
    // What is added to a ciphertext of 0.1 makes these numbers.
    let (base, unit) = scores_under_s(&[0.1], 1.0, 30);
    let at = |part: f64| both.evaluator.sum(part - 0.1 * unit, [(1, &base[0])]);
    let inputs = expected.map(|(part, _)| (at(part), 0.125));
    let found = both.evaluator.beyond(0.1, inputs.to_vec());
    for ((part, sign), found) in expected.iter().zip(&found) {
        let error = phase(found) - 0.125 * sign;
        assert!(error.abs() < 8.0 * both.set.noise().bootstrap, "{part}: {error}");
    }
}

/// What is told apart is the lead to within six standard deviations of a comparison, and a step.
#[test]
fn labels_come_with_their_lead_or_not_at_all() {
    let lead = 0.1;
    let unit = 0.95 * 0.5 / (2.0 + lead);
    let margin = (6.0 * both().set.noise().comparison() + 1.0 / 4096.0) / unit;
    for (seed, best) in [(11, 0), (12, 9), (13, 4)] {
        let mut scores: Vec<f64> = numbers(10, seed).iter().map(|x| x * 0.8).collect();
        scores[(best + 3) % 10] = 0.8;
        scores[best] = 0.8 + lead + margin;
        let sure = outcome(with_lead(lead), &scores, seed as u8);
        assert_eq!(sure, Some(Outcome::Class(best)), "{seed}");
        scores[best] = 0.8 + lead - margin;
        let not_sure = outcome(with_lead(lead), &scores, seed as u8);
        assert_eq!(not_sure, Some(Outcome::NotSure), "{seed}");
    }
}

/// The largest difference and the largest lead at once.
#[test]
fn the_circle_has_room_for_the_largest_lead() {
    assert_eq!(outcome(with_lead(1.0), &[1.0, -1.0, -0.2], 14), Some(Outcome::Class(0)));
    assert_eq!(outcome(with_lead(1.0), &[-1.0, 0.2, 1.0], 15), Some(Outcome::NotSure));
}

#[test]
fn the_best_class_is_in_the_set_or_not() {
    let mut scores: Vec<f64> = numbers(10, 16).iter().map(|x| x * 0.8).collect();
    scores[6] = 0.95;
    let sets: [&[usize]; 5] = [&[6], &[2, 6, 9], &[2, 3, 9], &[0, 1, 2, 3, 4, 5, 6], &[5]];
    for (seed, classes) in (20_u8..).zip(sets) {
        let expected = Some(Outcome::Among(classes.contains(&6)));
        assert_eq!(outcome(among(classes), &scores, seed), expected, "{classes:?}");
    }
}

#[test]
fn another_number_of_scores_is_refused() {
    let both = both();
    let code = DecisionCode::new(both.set, 3, among(&[1])).unwrap();
    let scores = vec![crate::answer::trivial_score(both.set, 0.0); 2];
    let error =
        both.evaluator.decide(&code, 0.2, &scores, &mut Entropy::from_key([1; 32])).unwrap_err();
    assert!(matches!(error, ExactError::Scores { found: 2, expected: 3 }));
}

/// With BLINDSIGHT_LONG, the least seconds of ten runs of each decision, bridge not included.
#[test]
fn seconds_of_decisions() {
    if std::env::var_os("BLINDSIGHT_LONG").is_none() {
        return;
    }
    let both = both();
    let (scores, unit) = scores_under_s(&numbers(10, 7), 1.05, 7);
    let mut entropy = Entropy::from_key([7; 32]);
    for decision in [Decision::Label, with_lead(0.1), among(&[3, 5, 9])] {
        let code = DecisionCode::new(both.set, 10, decision).unwrap();
        let mut seconds = || {
            let start = Instant::now();
            both.evaluator.decide(&code, unit, &scores, &mut entropy).unwrap();
            start.elapsed().as_secs_f64()
        };
        let least = (0..10).map(|_| seconds()).fold(f64::INFINITY, f64::min);
        eprintln!("{:?}: {least:.3} s", code.decision());
    }
}
