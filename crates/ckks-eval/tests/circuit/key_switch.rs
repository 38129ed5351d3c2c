//! Rotations and conjugation.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, KeySpec};
use blindsight_ckks_eval::{EvalError, Evaluator, KeySet, MissingKey};
use blindsight_ring::GaloisElement;

use crate::fixture::{Fixture, complexes, rotated, small};
use crate::theory::{self, SlotErrors, assert_predicted, in_slots, moments};

const SCALE: f64 = (1_u64 << 30) as f64;

/// Every automorphism that the circuit has a key for, at the key's level and one below it.
#[test]
fn every_automorphism_is_right_and_as_noisy_as_predicted() {
    let seen = check_automorphisms(small(), small().list.specs());
    assert!(seen >= 20, "only {seen} cases");
}

/// Returns the number of cases.
pub(crate) fn check_automorphisms<'a>(
    fixture: &Fixture,
    specs: impl IntoIterator<Item = &'a KeySpec>,
) -> usize {
    let set = fixture.set();
    let slots = complexes(set.slots(), 10);
    let mut seen = 0;
    for spec in specs {
        let KeyKind::Automorphism(element) = spec.kind() else { continue };
        for level in [spec.level(), spec.level() - 1] {
            // The base prime leaves room for little.
            let scale = if level == 1 { (1_u64 << 20) as f64 } else { SCALE };
            let input = fixture.encrypt(&slots, scale, level, 11);
            let output = fixture.evaluator().automorphism(&input, element).unwrap();
            assert_eq!((output.level(), output.scale), (level, scale));

            // The key at a lower level that has one of its own is that one.
            let key = fixture.key_for(spec.kind(), level);
            let variance = theory::rounding(set) + theory::key_switch(set, key.layout(), level);
            let before = element.apply_to_coefficients(&fixture.coefficients(&input));
            let after = fixture.coefficients(&output);
            let (mean, deviation) = moments(after.iter().zip(&before).map(|(x, y)| x - y));
            let what = format!("{element:?} at level {level}");
            assert_predicted(set, &what, deviation, variance.sqrt());
            // Five standard deviations of the mean.
            let most = 5.0 * (variance / set.degree() as f64).sqrt();
            assert!(mean.abs() < most, "{what}: the noise has mean {mean}");
            seen += 1;
        }
    }
    seen
}

#[test]
fn rotations_move_slots_to_the_left() {
    let fixture = small();
    let set = fixture.set();
    let levels = fixture.parameters.levels();
    let slots = complexes(set.slots(), 12);
    let rms = in_slots(set, theory::rounding(set) + theory::FRESH.powi(2), SCALE);
    let cases = [
        (levels.linear, 1),
        (levels.linear, 512),
        (levels.linear, -544),
        (levels.slots_to_coefficients, 16),
        (levels.slots_to_coefficients - 1, 128),
        (levels.slots_to_coefficients - 1, -100),
        (levels.chebyshev, 8),
        (levels.top, -1),
    ];
    for (level, steps) in cases {
        let input = fixture.encrypt(&slots, SCALE, level, 13);
        let output = fixture.evaluator().rotate(&input, steps).unwrap();
        let errors = SlotErrors::between(&fixture.decrypt(&output), &rotated(&slots, steps));
        errors.assert_within(&format!("{steps} at level {level}"), 1.1 * rms, 10.0 * rms);
    }
}

#[test]
fn conjugation_conjugates_at_every_level_below_its_key() {
    let fixture = small();
    let set = fixture.set();
    let slots = complexes(set.slots(), 14);
    let expected: Vec<_> = slots.iter().map(Complex64::conj).collect();
    let rms = in_slots(set, theory::rounding(set) + theory::FRESH.powi(2), SCALE);
    for level in [2, 5, 9, fixture.parameters.levels().chebyshev] {
        let input = fixture.encrypt(&slots, SCALE, level, 15);
        let output = fixture.evaluator().conjugate(&input).unwrap();
        let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
        errors.assert_within(&format!("level {level}"), 1.1 * rms, 10.0 * rms);
    }
}

#[test]
fn missing_keys_are_named() {
    let fixture = small();
    let set = fixture.set();
    let none = KeySet::default();
    let empty = Evaluator { context: &fixture.context, keys: &none };
    let input = fixture.encrypt(&complexes(1, 16), SCALE, 5, 17);
    let rotation = |steps| KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
    let missing = |kind, level| Some(EvalError::MissingKey(MissingKey { kind, level }));
    assert_eq!(empty.rotate(&input, 1).err(), missing(rotation(1), 5));
    assert_eq!(empty.square(&input).err(), missing(KeyKind::Relinearisation, 5));
    // No client has a key for a rotation by 7, nor for conjugation at the top.
    assert_eq!(fixture.evaluator().rotate(&input, 7).err(), missing(rotation(7), 5));
    let top = fixture.parameters.levels().top;
    let input = fixture.encrypt(&complexes(1, 18), SCALE, top, 19);
    let conjugation = KeyKind::Automorphism(GaloisElement::conjugation(set.degree()));
    assert_eq!(fixture.evaluator().conjugate(&input).err(), missing(conjugation, top));
}

#[test]
fn a_key_set_knows_what_it_lacks() {
    let fixture = small();
    let specs = fixture.list.specs();
    assert_eq!(KeySet::default().first_missing(&fixture.list), specs.first());
    assert_eq!(fixture.keys.first_missing(&fixture.list), None);
    let index = specs.len() / 2;
    let keys = fixture.keys_without(|spec| *spec == specs[index]);
    assert_eq!(keys.first_missing(&fixture.list), Some(&specs[index]));
    // The same key again takes the place of the first.
    let mut twice = fixture.keys.clone();
    twice.insert(fixture.make_key(&specs[index]));
    assert_eq!(twice.byte_len(), fixture.keys.byte_len());
}
