use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyError, KeyKind};
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::bootstrap::BootstrapParameterError;
use blindsight_ckks_eval::linear_transform::PlanError;
use blindsight_ring::GaloisElement;

use super::{Checked, Operation, Program, ProgramError as E, Step, ValueType};
use crate::testing::{
    BOOTSTRAP, LEVELED_SET, SET, answer_scale, full, full_request, leveled, leveled_request,
};

#[test]
fn levels_scales_and_keys_follow_from_the_steps() {
    let checked = full().check(&SET, full_request()).unwrap();
    let levels: Vec<_> = checked.values.iter().map(|value| value.level).collect();
    // Three coefficients take a polynomial of three levels, of the four that there are.
    assert_eq!(levels, [5, 3, 3, 6, 3, 3, 3, 1]);
    for value in &checked.values[..7] {
        assert!((value.scale / BOOTSTRAP.linear_scale() - 1.0).abs() < 1e-9);
    }
    assert_eq!(checked.values[7].scale, answer_scale());
    let has = |steps, level| {
        let kind = KeyKind::Automorphism(GaloisElement::rotation(steps, SET.degree()));
        checked.keys.specs().iter().any(|spec| spec.kind() == kind && spec.level() == level)
    };
    assert!(has(1, 5) && has(2, 3) && !has(1, 16));
    let bootstraps = |program: &Program| {
        let checked = program.check(&SET, full_request()).unwrap();
        checked.keys.specs().iter().any(|spec| spec.kind() == KeyKind::DenseToSparse)
    };
    let mut without = full();
    without.steps.truncate(2);
    assert!(bootstraps(&full()) && !bootstraps(&without));
}

#[test]
fn programs_without_bootstraps_have_one_key_a_kind() {
    let mut program = leveled();
    let check = |program: &Program| program.check(&LEVELED_SET, leveled_request());
    let checked = check(&program).unwrap();
    let levels: Vec<_> = checked.values.iter().map(|value| value.level).collect();
    assert_eq!(levels, [5, 5, 5, 4, 1]);
    let keys = |checked: &Checked| -> Vec<_> {
        checked.keys.specs().iter().map(|spec| (spec.kind(), spec.level())).collect()
    };
    let rotation = KeyKind::Automorphism(GaloisElement::rotation(1, LEVELED_SET.degree()));
    assert_eq!(keys(&checked), [(KeyKind::Relinearisation, 5), (rotation, 5)]);
    // A square that a later step rescales keeps its level.
    let mut late = leveled();
    set(&mut late, 2, Operation::Square { input: 2, rescales: 0 });
    let values = check(&late).unwrap().values;
    assert_eq!((values[3].level, values[3].scale), (5, leveled_request().scale.powi(2)));
    assert_eq!(keys(&check(&late).unwrap()), keys(&checked));
    set(&mut late, 2, Operation::Square { input: 2, rescales: usize::MAX });
    assert!(matches!(check(&late), Err(E::Level { step: 2, operation: "square", .. })));
    // The highest use decides.
    program.steps.push(Step { operation: Operation::Rotate { input: 4, steps: 1 }, layer: 1 });
    assert_eq!(keys(&check(&program).unwrap()), keys(&checked));

    let refused = |change: &dyn Fn(&mut Program)| {
        let mut program = leveled();
        change(&mut program);
        check(&program).map(drop).unwrap_err()
    };
    let without = refused(&|p| set(p, 3, Operation::Bootstrap { input: 3, activation: 0 }));
    assert!(matches!(without, E::Operand { step: 3, operation: "bootstrap" }));
    let deep = refused(&|p| set(p, 3, Operation::Square { input: 4, rescales: 1 }));
    assert!(matches!(deep, E::Operand { step: 3, operation: "square" }));
    let unknown = refused(&|p| p.polynomials.clear());
    assert!(matches!(unknown, E::Operand { step: 3, operation: "polynomial" }));
    let long = refused(&|p| p.polynomials[0].coefficients = vec![0.1; 9]);
    assert!(matches!(long, E::Level { step: 3, actual: 4, needed: 5, .. }));
    for coefficients in [Vec::new(), vec![f64::INFINITY], vec![0.0; 1025]] {
        let wrong = refused(&|p| p.polynomials[0].coefficients.clone_from(&coefficients));
        assert!(matches!(wrong, E::Polynomial { index: 0 }));
    }
    let wrong = refused(&|p| p.polynomials[0].scale = 0.0);
    assert!(matches!(wrong, E::Polynomial { index: 0 }));
    let spent = refused(&|p| {
        p.steps.push(Step { operation: Operation::Square { input: 4, rescales: 1 }, layer: 1 });
    });
    assert!(matches!(spent, E::Level { step: 4, actual: 1, needed: 2, .. }));
}

#[test]
fn values_die_after_their_last_reader() {
    let dead = |program: &Program| program.check(&SET, full_request()).unwrap().dead_after;
    let expected: [&[usize]; 7] = [&[0], &[1], &[2], &[3], &[], &[4, 5], &[6]];
    assert_eq!(dead(&full()), expected);
    // What nobody reads dies at once; the answer does not, even if it is read by nobody.
    let mut program = full();
    program.steps.truncate(2);
    program.steps[1].operation = Operation::Rotate { input: 0, steps: 3 };
    assert_eq!(dead(&program), [vec![1], vec![0]]);
    // Reading twice is reading.
    program.steps[1].operation = Operation::Combine { terms: vec![([1, 0], 1), ([2, 0], 1)] };
    assert_eq!(dead(&program), [vec![0], vec![1]]);
    for program in [full(), program] {
        let answer = program.steps.len();
        assert!(dead(&program).iter().flatten().all(|value| *value != answer));
    }
}

type Change = fn(&mut Program);
type Refused = fn(&E) -> bool;

fn set(program: &mut Program, step: usize, operation: Operation) {
    program.steps[step].operation = operation;
}

const OPERANDS: &[(&str, Change, Refused)] = &[
    (
        "a value that does not exist yet",
        |p| set(p, 1, Operation::AddPlaintext { input: 2, plaintext: 0 }),
        |e| matches!(e, E::Operand { step: 1, .. }),
    ),
    (
        "a value that never exists",
        |p| set(p, 4, Operation::Rotate { input: usize::MAX, steps: 1 }),
        |e| matches!(e, E::Operand { step: 4, operation: "rotation" }),
    ),
    (
        "a term that does not exist yet",
        |p| set(p, 5, Operation::Combine { terms: vec![([1, 0], 4), ([1, 0], 6)] }),
        |e| matches!(e, E::Operand { step: 5, .. }),
    ),
    (
        "no terms",
        |p| set(p, 5, Operation::Combine { terms: Vec::new() }),
        |e| matches!(e, E::Operand { step: 5, operation: "combination" }),
    ),
    (
        "a transform that does not exist",
        |p| set(p, 0, Operation::Transform { input: 0, transform: 2 }),
        |e| matches!(e, E::Operand { step: 0, operation: "linear transform" }),
    ),
    (
        "a plaintext that does not exist",
        |p| p.plaintexts.clear(),
        |e| matches!(e, E::Operand { step: 1, operation: "plaintext sum" }),
    ),
    (
        "an activation that does not exist",
        |p| set(p, 2, Operation::Bootstrap { input: 2, activation: usize::MAX }),
        |e| matches!(e, E::Operand { step: 2, operation: "bootstrap" }),
    ),
    ("no steps", |p| p.steps.clear(), |e| matches!(e, E::Empty)),
    (
        "a first layer that is skipped",
        |p| p.steps[0].layer = 2,
        |e| matches!(e, E::Layer { step: 0, layer: 2 }),
    ),
    (
        "a layer that is skipped",
        |p| p.steps[4].layer = 3,
        |e| matches!(e, E::Layer { step: 4, layer: 3 }),
    ),
    (
        "a layer that goes back",
        |p| p.steps[4].layer = 0,
        |e| matches!(e, E::Layer { step: 4, layer: 0 }),
    ),
    (
        "a layer beyond all",
        |p| p.steps[6].layer = usize::MAX,
        |e| matches!(e, E::Layer { step: 6, .. }),
    ),
];

const LEVELS: &[(&str, Change, Refused)] = &[
    (
        "a transform of more limbs than there are",
        |p| set(p, 1, Operation::Transform { input: 1, transform: 0 }),
        |e| matches!(e, E::Level { step: 1, actual: 3, needed: 5, .. }),
    ),
    (
        "a plaintext of another level",
        |p| p.plaintexts[0].level = 4,
        |e| matches!(e, E::Level { step: 1, actual: 3, needed: 4, .. }),
    ),
    (
        "a bootstrap of too few limbs",
        |p| set(p, 1, Operation::Rescale { input: 1, level: 2, scale: BOOTSTRAP.linear_scale() }),
        |e| matches!(e, E::Level { step: 2, operation: "bootstrap", actual: 2, needed: 3 }),
    ),
    (
        "a rescale to where it comes from",
        |p| set(p, 6, Operation::Rescale { input: 6, level: 3, scale: answer_scale() }),
        |e| matches!(e, E::Level { step: 6, actual: 3, needed: 4, .. }),
    ),
    (
        "a rescale upwards",
        |p| set(p, 6, Operation::Rescale { input: 6, level: usize::MAX, scale: answer_scale() }),
        |e| matches!(e, E::Level { step: 6, actual: 3, .. }),
    ),
    (
        "a rescale to nothing",
        |p| set(p, 6, Operation::Rescale { input: 6, level: 0, scale: answer_scale() }),
        |e| matches!(e, E::Level { step: 6, actual: 0, needed: 1, .. }),
    ),
    (
        "an activation of a degree without levels",
        |p| p.activations[0] = TrigPolynomial::new(vec![[0.5, 0.0]; 17]).unwrap(),
        |e| matches!(e, E::Level { step: 2, operation: "bootstrap", actual: 9, needed: 10 }),
    ),
];

const SCALES: &[(&str, Change, Refused)] = &[
    (
        "a plaintext of another scale",
        |p| p.plaintexts[0].scale *= 1.001,
        |e| matches!(e, E::Scale { step: 1, .. }),
    ),
    (
        "a bootstrap of another scale",
        |p| {
            p.transforms[0].weight_scale *= 2.0;
            p.plaintexts[0].scale *= 2.0;
        },
        |e| matches!(e, E::Scale { step: 2, operation: "bootstrap", .. }),
    ),
    (
        "terms of different scales",
        |p| set(p, 4, Operation::Rescale { input: 4, level: 2, scale: 2.0 }),
        |e| matches!(e, E::Scale { step: 5, operation: "combination", .. }),
    ),
    (
        "a transform that leaves no scale",
        |p| p.transforms[0].weight_scale = 1.0,
        |e| matches!(e, E::Scale { step: 0, .. }),
    ),
    (
        "a transform that leaves an infinite scale",
        |p| {
            p.transforms[0].masks = vec![vec![Complex64::ONE; 1 << 14]];
            p.transforms[0].mask_scale = f64::MAX;
            p.transforms[0].weight_scale = f64::MAX;
        },
        |e| matches!(e, E::Scale { step: 0, .. }),
    ),
];

#[test]
fn broken_programs_are_refused() {
    for (what, change, refused) in OPERANDS.iter().chain(LEVELS).chain(SCALES).chain(CONSTANTS) {
        let mut program = full();
        change(&mut program);
        let error = program.check(&SET, full_request()).map(drop).expect_err(what);
        assert!(refused(&error), "{what}: {error:?}");
        assert!(!error.to_string().is_empty());
    }
}

const CONSTANTS: &[(&str, Change, Refused)] = &[
    (
        "a transform that drops all primes",
        |p| p.transforms[1].rescales = 5,
        |e| matches!(e, E::Plan { index: 1, source: PlanError::Level { level: 5, rescales: 5 } }),
    ),
    (
        "a transform beyond the chain",
        |p| p.transforms[1].level = usize::MAX,
        |e| matches!(e, E::Plan { index: 1, source: PlanError::Level { .. } }),
    ),
    (
        "special primes that do not exist",
        |p| p.transforms[0].giant_special.wide = 99,
        |e| matches!(e, E::Plan { index: 0, source: PlanError::Special }),
    ),
    (
        "other special primes than those of the keys",
        |p| {
            p.transforms[0].baby_special.wide = 0;
            p.transforms[0].baby_special.narrow = 1;
        },
        |e| matches!(e, E::Special { step: 0 } | E::Plan { source: PlanError::Special, .. }),
    ),
    (
        "a transform without sums",
        |p| p.transforms[0].sums.clear(),
        |e| matches!(e, E::Plan { index: 0, source: PlanError::Sums }),
    ),
    (
        "a transform without terms",
        |p| p.transforms[0].sums = vec![Vec::new()],
        |e| matches!(e, E::Plan { index: 0, source: PlanError::Sums }),
    ),
    (
        "a bootstrap of one huge group",
        |p| {
            // One group fewer, one prime more for linear layers: the chain is as long as before.
            let bootstrap = p.bootstrap.as_mut().unwrap();
            bootstrap.slots_to_coefficients.truncate(1);
            bootstrap.slots_to_coefficients[0].last_len = 1 << 14;
            bootstrap.linear += 1;
        },
        |e| matches!(e, E::Bootstrap(BootstrapParameterError::Groups { .. })),
    ),
    (
        "a node that does not exist",
        |p| p.transforms[0].sums[0][0].node = 2,
        |e| matches!(e, E::Plan { index: 0, source: PlanError::Node { index: 2 } }),
    ),
    (
        "a weight that is no number",
        |p| p.transforms[0].sums[0][0].weights[1].im = f64::NAN,
        |e| matches!(e, E::Plan { index: 0, source: PlanError::Weights }),
    ),
    (
        "an infinite scale of weights",
        |p| p.transforms[0].weight_scale = f64::INFINITY,
        |e| matches!(e, E::Plan { index: 0, source: PlanError::Scale }),
    ),
    (
        "three values in a plaintext",
        |p| p.plaintexts[0].values.push(Complex64::ONE),
        |e| matches!(e, E::Plaintext { index: 0 }),
    ),
    (
        "a plaintext without values",
        |p| p.plaintexts[0].values.clear(),
        |e| matches!(e, E::Plaintext { index: 0 }),
    ),
    (
        "a plaintext beyond the slots",
        |p| p.plaintexts[0].values = vec![Complex64::ONE; 1 << 15],
        |e| matches!(e, E::Plaintext { index: 0 }),
    ),
    (
        "a plaintext without a level",
        |p| p.plaintexts[0].level = 0,
        |e| matches!(e, E::Plaintext { index: 0 }),
    ),
    (
        "a plaintext that is no number",
        |p| p.plaintexts[0].values[0].re = f64::INFINITY,
        |e| matches!(e, E::Plaintext { index: 0 }),
    ),
    (
        "the first ciphertext of a request as a further one",
        |p| set(p, 4, Operation::Request { ciphertext: 0 }),
        |e| matches!(e, E::Operand { step: 4, operation: "ciphertext of the request" }),
    ),
    (
        "a rotation by nothing",
        |p| set(p, 4, Operation::Rotate { input: 4, steps: 0 }),
        |e| matches!(e, E::Key(KeyError::Exponent { exponent: 1 })),
    ),
    (
        "a rotation by all slots",
        |p| set(p, 4, Operation::Rotate { input: 4, steps: -(1 << 14) }),
        |e| matches!(e, E::Key(KeyError::Exponent { exponent: 1 })),
    ),
    (
        "a rotation by more than can be counted",
        |p| set(p, 4, Operation::Rotate { input: 4, steps: i64::MIN }),
        |e| matches!(e, E::Key(KeyError::Exponent { exponent: 1 })),
    ),
    (
        "an automorphism of a larger ring",
        |p| {
            let element = GaloisElement::new(65_537, 1 << 17).unwrap();
            let from = 0;
            p.transforms[0].nodes[1] =
                blindsight_ckks_eval::linear_transform::Node::Step { from, element };
        },
        |e| matches!(e, E::Key(KeyError::Exponent { exponent: 65_537 })),
    ),
    (
        "a bootstrap of another chain",
        |p| p.bootstrap.as_mut().unwrap().linear = u32::MAX as usize,
        |e| matches!(e, E::Bootstrap(BootstrapParameterError::Chain { .. })),
    ),
];

#[test]
fn scales_that_are_none_are_refused() {
    for scale in [0.0, -1.0, -1e9, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let check = |change: &dyn Fn(&mut Program)| {
            let mut program = full();
            change(&mut program);
            program.check(&SET, full_request()).map(drop).unwrap_err()
        };
        let refused = check(&|p| set(p, 6, Operation::Rescale { input: 6, level: 1, scale }));
        assert!(matches!(refused, E::Scale { step: 6, .. }), "{scale}: {refused}");
        let refused = check(&|p| p.plaintexts[0].scale = scale);
        assert!(matches!(refused, E::Plaintext { index: 0 }), "{scale}: {refused}");
        for change in [
            |p: &mut Program, scale| p.transforms[0].weight_scale = scale,
            |p: &mut Program, scale| p.transforms[0].mask_scale = scale,
        ] {
            let refused = check(&|p| change(p, scale));
            let named = matches!(refused, E::Plan { index: 0, source: PlanError::Scale });
            assert!(named, "{scale}: {refused}");
        }
        let request = ValueType { scale, ..full_request() };
        let refused = full().check(&SET, request).map(drop).unwrap_err();
        assert!(matches!(refused, E::Request { level: 5, .. }), "{scale}: {refused}");
    }
    for level in [0, 20, usize::MAX] {
        let request = ValueType { level, ..full_request() };
        let refused = full().check(&SET, request).map(drop).unwrap_err();
        assert!(matches!(refused, E::Request { .. }), "{level}: {refused}");
    }
}

#[test]
fn rotations_need_keys_at_their_level() {
    // Levels between those of linear layers and the top have keys of the next higher level: all
    // levels have some, and what is beyond the chain is no request.
    for level in 1..=19 {
        let mut program = full();
        program.steps.truncate(1);
        set(&mut program, 0, Operation::Rotate { input: 0, steps: 1 });
        let request = ValueType { level, ..full_request() };
        let checked = program.check(&SET, request).unwrap();
        let made = checked.keys.specs()[0].level();
        assert!(made >= level && [1, 2, 3, 5, 16, 17, 18, 19].contains(&made));
    }
}
