//! The keys that follow from uses are enough, and none is too many.

use blindsight_ckks::keys::{KeyKind, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::{
    BootstrapError, EvalError, Evaluator, KeyLevels, KeySet, KeyUses, MissingKey,
};
use blindsight_ring::GaloisElement;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

use crate::bootstrap::spent;
use crate::fixture::{Fixture, reals, small};
use crate::rings::Shape;

/// A use: what, at which level, and whether it is a rare one.
type Use = (KeyKind, usize, bool);

fn any_use(set: &'static Parameters) -> impl Strategy<Value = Use> {
    let rotation = |steps| KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
    let kind = prop_oneof![
        Just(KeyKind::Relinearisation),
        (1_i64..4).prop_map(rotation),
        Just(KeyKind::SparseToDense(GaloisElement::identity())),
    ];
    let top = set.top_level();
    (kind, 1..=top, any::<bool>()).prop_map(move |(kind, level, rare)| {
        (kind, if kind.switches_raised() { top } else { level }, rare)
    })
}

/// Groups of at least one stage that make up nine, at least two of them.
fn any_groups() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        (2_u32..=7).prop_map(|first| vec![first, 9 - first]),
        (2_u32..=4, 2_u32..=3).prop_map(|(first, second)| vec![first, second, 9 - first - second]),
    ]
}

fn any_shape() -> impl Strategy<Value = Shape> {
    (any_groups(), any_groups(), 0_u32..=2, 0.0..1.0, 3_usize..=5).prop_map(
        |(to_coefficients, to_slots, log_babies, hoisted, activation)| {
            let babies = 1 << log_babies;
            let hoisted = 1 + (hoisted * babies as f64) as usize;
            Shape { log_degree: 10, to_coefficients, to_slots, babies, hoisted, activation }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_use_has_a_key_and_every_key_a_use(
        uses in vec(any_use(small().set()), 0..12),
        levels in btree_map(1_usize..small().set().top_level(), 2_usize..4, 0..5),
    ) {
        let set = small().set();
        let top = set.top_level();
        // One digit where the special primes of the ring cover it.
        let digits = |level: usize, most: usize| if level < 6 { 1 } else { most };
        let mut levels: Vec<_> = levels.into_iter().map(|(l, most)| (l, digits(l, most))).collect();
        levels.push((top, 2));
        let layouts = KeyLevels::new(set, &levels).unwrap();
        let mut all = KeyUses::default();
        for &(kind, level, rare) in &uses {
            if rare { all.add_rare(kind, level) } else { all.add(kind, level) }
        }
        let list = all.list(set, &layouts).unwrap();
        let serves = |spec: &&KeySpec, (kind, level, _): &Use| {
            spec.kind() == *kind && spec.level() >= *level
        };
        let (mut used, mut frequent) = (Vec::new(), Vec::new());
        for use_ in &uses {
            let fitting = list.specs().iter().filter(|spec| serves(spec, use_));
            let nearest = fitting.min_by_key(|spec| spec.level());
            prop_assert!(nearest.is_some(), "no key for {use_:?}");
            let spec = nearest.unwrap();
            let (kind, level, rare) = *use_;
            if !rare {
                frequent.push(spec);
            }
            if !rare && !kind.switches_raised() {
                prop_assert_eq!(spec.layout(), layouts.at(level).unwrap());
            }
            used.push(spec);
        }
        // All rare uses of a kind share one key.
        let rare: Vec<_> = list.specs().iter().filter(|spec| !frequent.contains(spec)).collect();
        prop_assert!(rare.windows(2).all(|pair| pair[0].kind() != pair[1].kind()));
        prop_assert!(list.specs().iter().all(|spec| used.contains(&spec)), "a key without use");
        // Uses are a set: order and repetition make no difference.
        let mut reversed = KeyUses::default();
        for &(kind, level, rare) in uses.iter().rev().chain(&uses) {
            if rare { reversed.add_rare(kind, level) } else { reversed.add(kind, level) }
        }
        prop_assert_eq!(reversed.list(set, &layouts).unwrap(), list);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Bootstraps of any shape run with their listed keys, and not with any one of them less.
    #[test]
    fn a_bootstrap_needs_exactly_its_keys(shape in any_shape(), without in any::<Index>()) {
        let fixture = Fixture::new(shape.parameters(), KeyUses::default());
        prop_assert_eq!(run(&fixture, &fixture.keys), Ok(()));
        let spec = without.get(fixture.list.specs());
        let refused = run(&fixture, &fixture.keys_without(|other| other == spec));
        prop_assert!(is_about(refused, spec), "without {spec:?}: {refused:?}");
    }
}

#[test]
fn no_key_of_a_bootstrap_can_be_left_out() {
    let fixture = Fixture::new(Shape::two_groups(10).parameters(), KeyUses::default());
    assert_eq!(run(&fixture, &fixture.keys), Ok(()));
    for spec in fixture.list.specs() {
        let refused = run(&fixture, &fixture.keys_without(|other| other == spec));
        assert!(is_about(refused, spec), "without {spec:?}: {refused:?}");
    }
}

/// Runs a bootstrap and looks at its result.
fn run(fixture: &Fixture, keys: &KeySet) -> Result<(), BootstrapError> {
    let inputs = reals(fixture.set().slots(), 90);
    let polynomial = TrigPolynomial::new(vec![[0.0, 0.0], [0.0, -0.5]]).unwrap();
    let evaluator = Evaluator { context: &fixture.context, keys };
    let input = spent(fixture, &inputs);
    let output = fixture.bootstrapper.apply(evaluator, &polynomial, &input, &mut ())?;
    let fill = fixture.parameters.literal().fill;
    let exact = inputs.iter().map(|x| polynomial.eval(fill * x));
    let found = fixture.decrypt(&output);
    let off = found.iter().zip(exact).map(|(z, x)| (z.re - x).abs()).fold(0.0, f64::max);
    assert!(off < 3e-3, "the result is off by {off}");
    Ok(())
}

fn is_about(refused: Result<(), BootstrapError>, spec: &KeySpec) -> bool {
    let Err(BootstrapError::Eval(EvalError::MissingKey(MissingKey { kind, level }))) = refused
    else {
        return false;
    };
    kind == spec.kind() && level <= spec.level()
}
