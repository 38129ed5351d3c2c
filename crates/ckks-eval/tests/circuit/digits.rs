//! Key switches with any number of digits.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::{KeyKind, KeyLayout, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_client::{ClientSeed, KeyFamily, decrypt, decrypt_coefficients, encrypt};
use blindsight_ckks_eval::linear_transform::{LinearTransform, Node, Term, TransformPlan};
use blindsight_ckks_eval::{Context, Evaluator, KeySet, LinearCombination, ProductSum};
use blindsight_ring::GaloisElement;

use crate::fixture::{complexes, rng, rotated};
use crate::rings::ring;
use crate::theory::{self, SlotErrors, assert_predicted, in_slots, moments};

/// Enough limbs for eight digits, none of which ends with the level below.
const LEVEL: usize = 10;

/// A product, a rotation and a transform with rotations of the input and of a rotated copy, by keys
/// of each number of digits: at the keys' level, and below it, where the last digit is cut or gone.
#[test]
fn every_number_of_digits_is_right_and_as_noisy_as_predicted() {
    let set = ring(11, &[31.0; LEVEL], [8, 0], None);
    let family = KeyFamily::new(&set, &ClientSeed::generate(&mut rng(80)));
    let context = Context::new(set.clone());
    let scale = (1_u64 << 30) as f64;
    let [x, y] = [complexes(set.slots(), 81), complexes(set.slots(), 82)];
    let step = GaloisElement::rotation(3, set.degree());
    for digits in 1..=KeyLayout::MOST_DIGITS {
        let layout = KeyLayout::balanced(&set, LEVEL, digits).unwrap();
        assert_eq!(layout.digits.len(), digits);
        let mut keys = KeySet::default();
        for kind in [KeyKind::Relinearisation, KeyKind::Automorphism(step)] {
            let spec = KeySpec::new(&set, kind, layout.clone()).unwrap();
            keys.insert(EvaluationKey::expand(&set, family.evaluation_key(&set, &spec)));
        }
        let evaluator = Evaluator { context: &context, keys: &keys };
        for level in [LEVEL, LEVEL - 1, LEVEL / 2, 2] {
            let what = format!("{digits} digits at level {level}");
            let fresh = |slots: &[Complex64], seed| {
                let secret = family.secret();
                encrypt(&set, secret, slots, scale, level, &mut rng(seed)).unwrap().expand()
            };
            let (a, b) = (fresh(&x, 83), fresh(&y, 84));
            let phase = |c| decrypt_coefficients(&set, family.secret(), c);
            let switch = theory::key_switch(&set, &layout, level);

            let output = evaluator.automorphism(&a, step).unwrap();
            let before = step.apply_to_coefficients(&phase(&a));
            let (_, deviation) = moments(phase(&output).iter().zip(&before).map(|(x, y)| x - y));
            let variance = theory::rounding(&set) + switch;
            assert_predicted(&set, &format!("rotation, {what}"), deviation, variance.sqrt());

            let slots = |c| decrypt(&set, family.secret(), c);
            let linear = LinearCombination::default();
            let product = ProductSum { pairs: vec![(&a, &b)], factor: 1, linear };
            let product = evaluator.product_sum(&product, level).unwrap();
            let (u, v) = (slots(&a), slots(&b));
            let expected: Vec<_> = u.iter().zip(v.iter()).map(|(u, v)| u * v).collect();
            let errors = SlotErrors::between(&slots(&product), &expected);
            let variance = theory::rounding(&set) + switch / set.prime(level).powi(2);
            let predicted = in_slots(&set, variance, product.scale);
            assert_predicted(&set, &format!("product, {what}"), errors.rms, predicted);

            let plan = chain_and_giant(&set, level, &layout, step);
            plan.check(&set).unwrap();
            let transform = LinearTransform::new(&context, plan);
            let output = transform.apply(evaluator, &a).unwrap();
            let once: Vec<_> = u.iter().zip(rotated(&u, 3)).map(|(x, y)| x + y).collect();
            let twice = rotated(&once, 6);
            let expected: Vec<_> = once.iter().zip(&twice).map(|(x, y)| (x + y) * 0.5).collect();
            let errors = SlotErrors::between(&slots(&output), &expected);
            // Five switches of halved values, and the division at the end.
            let switches = 5.0 * (theory::rounding(&set) + switch) / 4.0;
            let rms = in_slots(&set, theory::rounding(&set) + switches, scale);
            errors.assert_within(&format!("transform, {what}"), 1.2 * rms, 12.0 * rms);
        }
    }
}

/// Half of `(1 + r)(1 + r^2) x`, with `r` the step: baby steps in a chain, and two giant steps with
/// nothing between them.
fn chain_and_giant(
    set: &Parameters,
    level: usize,
    layout: &KeyLayout,
    step: GaloisElement,
) -> TransformPlan {
    let half = || vec![Complex64::new(0.5, 0.0)];
    let sum = || vec![Term { node: 0, weights: half() }, Term { node: 1, weights: half() }];
    TransformPlan {
        level,
        baby_special: layout.special,
        giant_special: layout.special,
        nodes: vec![
            Node::Input { mask: None },
            Node::Step { from: 0, element: step },
            Node::Step { from: 1, element: step },
        ],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: vec![sum(), Vec::new(), sum()],
        giant: Some(step),
        weight_scale: set.prime(level),
        rescales: 1,
    }
}
