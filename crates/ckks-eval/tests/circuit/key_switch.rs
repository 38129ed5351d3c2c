//! Rotations and conjugation.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks_eval::{Evaluator, KeySet, MissingKey};
use blindsight_ring::GaloisElement;

use crate::fixture::{complexes, fixture, turned};
use crate::theory::{self, SlotErrors, assert_predicted, in_slots, moments};

const SCALE: f64 = (1_u64 << 30) as f64;

/// Every automorphism that the circuit has a key for, at the key's level and one below it.
#[test]
fn every_automorphism_is_right_and_as_noisy_as_predicted() {
    let fixture = fixture();
    let set = fixture.set();
    let slots = complexes(set.slots(), 10);
    let mut seen = 0;
    for spec in set.keys() {
        let KeyKind::Automorphism(element) = spec.kind else { continue };
        for level in [spec.layout.level, spec.layout.level - 1] {
            // The base prime leaves room for little.
            let scale = if level == 1 { (1_u64 << 20) as f64 } else { SCALE };
            let input = fixture.encrypt(&slots, scale, level, 11);
            let output = fixture.evaluator().automorphism(&input, element).unwrap();
            assert_eq!((output.level(), output.scale), (level, scale));

            // The key at a lower level that has one of its own is that one.
            let key = &set.keys()[set.find_key(spec.kind, level).unwrap()];
            let variance = theory::rounding(set) + theory::key_switch(set, &key.layout, level);
            let before = element.apply_to_coefficients(&fixture.coefficients(&input));
            let after = fixture.coefficients(&output);
            let (mean, deviation) = moments(after.iter().zip(&before).map(|(x, y)| x - y));
            let what = format!("{element:?} at level {level}");
            assert_predicted(&what, deviation, variance.sqrt());
            // Five standard deviations of the mean.
            let most = 5.0 * (variance / set.degree() as f64).sqrt();
            assert!(mean.abs() < most, "{what}: the noise has mean {mean}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} cases");
}

#[test]
fn rotations_turn_slots_to_the_left() {
    let fixture = fixture();
    let set = fixture.set();
    let levels = set.levels();
    let slots = complexes(set.slots(), 12);
    let rms = in_slots(set, theory::rounding(set) + theory::FRESH.powi(2), SCALE);
    let cases = [
        (levels.linear, 1),
        (levels.linear, 512),
        (levels.linear, -544),
        (levels.slots_to_coefficients, 16),
        (levels.slots_to_coefficients - 1, 1024),
        (levels.slots_to_coefficients - 1, -638),
        (levels.chebyshev, 8),
        (levels.top - 2, 1),
        (levels.top - 1, 128),
        (levels.top, 4096),
    ];
    for (level, steps) in cases {
        let input = fixture.encrypt(&slots, SCALE, level, 13);
        let output = fixture.evaluator().rotate(&input, steps).unwrap();
        let errors = SlotErrors::between(&fixture.decrypt(&output), &turned(&slots, steps));
        errors.assert_within(&format!("{steps} at level {level}"), 1.1 * rms, 10.0 * rms);
    }
}

#[test]
fn conjugation_conjugates_at_every_level_below_its_key() {
    let fixture = fixture();
    let set = fixture.set();
    let slots = complexes(set.slots(), 14);
    let expected: Vec<_> = slots.iter().map(Complex64::conj).collect();
    let rms = in_slots(set, theory::rounding(set) + theory::FRESH.powi(2), SCALE);
    for level in [2, 5, 9, set.levels().chebyshev] {
        let input = fixture.encrypt(&slots, SCALE, level, 15);
        let output = fixture.evaluator().conjugate(&input).unwrap();
        let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
        errors.assert_within(&format!("level {level}"), 1.1 * rms, 10.0 * rms);
    }
}

#[test]
fn missing_keys_are_named() {
    let fixture = fixture();
    let set = fixture.set();
    let none = KeySet::default();
    let empty = Evaluator { context: &fixture.context, keys: &none };
    let input = fixture.encrypt(&complexes(1, 16), SCALE, 5, 17);
    let rotation = |steps| KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
    let missing = |kind, level| Some(MissingKey { kind, level });
    assert_eq!(empty.rotate(&input, 1).err(), missing(rotation(1), 5));
    assert_eq!(empty.square(&input).err(), missing(KeyKind::Relinearisation, 5));
    // No client has a key for a rotation by 3, nor for conjugation at the top.
    assert_eq!(fixture.evaluator().rotate(&input, 3).err(), missing(rotation(3), 5));
    let top = set.levels().top;
    let input = fixture.encrypt(&complexes(1, 18), SCALE, top, 19);
    let conjugation = KeyKind::Automorphism(GaloisElement::conjugation(set.degree()));
    assert_eq!(fixture.evaluator().conjugate(&input).err(), missing(conjugation, top));
    assert!(!none.is_complete(set) && fixture.keys.is_complete(set));
    assert!(!fixture.keys_without(KeyKind::Relinearisation).is_complete(set));
}
