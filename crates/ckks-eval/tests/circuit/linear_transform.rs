//! Linear transforms against the product with their matrix.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ckks_eval::linear_transform::{LinearTransform, Node, Term, TransformPlan};
use blindsight_ckks_eval::{EvalError, MissingKey};
use blindsight_ring::GaloisElement;

use crate::fixture::{Fixture, complexes, rotated, small};
use crate::theory::{self, SlotErrors, in_slots};

/// The sparse matrix with these diagonals: `y[j] = sum weights[j] * x[j + offset]`, where weights
/// repeat.
struct Matrix {
    /// Rotations by `major * big + minor * small`.
    steps: [i64; 2],
    /// For each `[major, minor]`, weights.
    diagonals: Vec<([usize; 2], Vec<Complex64>)>,
}

impl Matrix {
    /// Diagonals at 0, 1 and 2 big steps, each with and without a small one.
    fn random(steps: [i64; 2], period: usize, seed: u8) -> Self {
        let weights = complexes(6 * period, seed);
        let places = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]];
        let diagonals = places.into_iter().zip(weights.chunks_exact(period));
        Self { steps, diagonals: diagonals.map(|(place, w)| (place, w.to_vec())).collect() }
    }

    fn offset(&self, [major, minor]: [usize; 2]) -> i64 {
        major as i64 * self.steps[0] + minor as i64 * self.steps[1]
    }

    fn times(&self, x: &[Complex64]) -> Vec<Complex64> {
        let mut y = vec![Complex64::ZERO; x.len()];
        for (place, weights) in &self.diagonals {
            let rotated = rotated(x, self.offset(*place));
            for ((y, x), w) in y.iter_mut().zip(rotated).zip(weights.iter().cycle()) {
                *y += w * x;
            }
        }
        y
    }

    /// Baby steps in a chain of big steps, small steps as the giant: two keys, one at a time.
    fn few_keys(&self, place: Place) -> TransformPlan {
        let big = place.rotation(self.steps[0]);
        let nodes = vec![
            Node::Input { mask: None },
            Node::Step { from: 0, element: big },
            Node::Step { from: 1, element: big },
        ];
        let mut sums = vec![Vec::new(), Vec::new()];
        for ([major, minor], weights) in &self.diagonals {
            // The giant step comes after the weights.
            let weights = rotated(weights, -self.steps[1] * *minor as i64);
            sums[*minor].push(Term { node: *major, weights });
        }
        place.plan(nodes, sums, Some(place.rotation(self.steps[1])))
    }

    /// All rotations as baby steps: nodes with two children, of the input and of another node.
    fn hoisted(&self, place: Place) -> TransformPlan {
        let [big, small] = self.steps.map(|steps| place.rotation(steps));
        let nodes = vec![
            Node::Input { mask: None },
            Node::Step { from: 0, element: big },
            Node::Step { from: 0, element: small },
            Node::Step { from: 1, element: big },
            Node::Step { from: 1, element: small },
            Node::Step { from: 3, element: small },
        ];
        let node = |place: [usize; 2]| [[0, 2], [1, 4], [3, 5]][place[0]][place[1]];
        let terms = self
            .diagonals
            .iter()
            .map(|(place, weights)| Term { node: node(*place), weights: weights.clone() });
        place.plan(nodes, vec![terms.collect()], None)
    }
}

/// Where on the chain a transform takes place.
#[derive(Clone, Copy)]
struct Place {
    fixture: &'static Fixture,
    level: usize,
    rescales: usize,
}

impl Place {
    fn rotation(self, steps: i64) -> GaloisElement {
        self.fixture.rotation(steps)
    }

    fn dropped(self) -> f64 {
        let dropped = self.level - self.rescales + 1..=self.level;
        dropped.map(|level| self.fixture.set().prime(level)).product()
    }

    fn plan(
        self,
        nodes: Vec<Node>,
        sums: Vec<Vec<Term>>,
        giant: Option<GaloisElement>,
    ) -> TransformPlan {
        let special = self.fixture.parameters.key_levels().at(self.level).unwrap().special;
        TransformPlan {
            level: self.level,
            baby_special: special,
            giant_special: special,
            nodes,
            masks: Vec::new(),
            mask_scale: 1.0,
            sums,
            giant,
            weight_scale: self.dropped(),
            rescales: self.rescales,
        }
    }
}

/// Weights alone, at the lowest level: nothing is divided by, neither special primes nor any of the chain.
#[test]
fn a_transform_that_divides_by_nothing_leaves_the_products() {
    let fixture = small();
    let input = fixture.encrypt(&complexes(fixture.set().slots(), 57), 1e6, 1, 58);
    let none = Special { wide: 0, narrow: 0 };
    let weights = vec![Complex64::new(2.0, 0.0)];
    let plan = TransformPlan {
        level: 1,
        baby_special: none,
        giant_special: none,
        nodes: vec![Node::Input { mask: None }],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: vec![vec![Term { node: 0, weights }]],
        giant: None,
        weight_scale: 1.0,
        rescales: 0,
    };
    let transform = LinearTransform::new(&fixture.context, plan);
    let twice = blindsight_ckks_eval::add(&fixture.context, &input, &input).unwrap();
    for _ in 0..20 {
        // What is not written would be what memory held before.
        drop(vec![input.clone(); 8]);
        let found = transform.apply(fixture.evaluator(), &input).unwrap();
        for (found, twice) in [(&found.c0, &twice.c0), (&found.c1, &twice.c1)] {
            let [found, twice] = [found, twice].map(|poly| &poly.limbs()[0]);
            assert!((0..twice.len()).all(|i| found.get(i) == twice.get(i)));
        }
    }
}

/// Keys of the linear layers (one digit), of slots-to-coefficients, and of the top (two digits,
/// used below their own level).
#[test]
fn chains_and_hoisting_give_the_matrix_product() {
    let fixture = small();
    let set = fixture.set();
    let slots = set.slots();
    let x = complexes(slots, 50);
    let linear = Place { fixture, level: fixture.parameters.levels().linear, rescales: 2 };
    let stc =
        Place { fixture, level: fixture.parameters.levels().slots_to_coefficients, rescales: 1 };
    let top = Place { fixture, level: fixture.parameters.levels().chebyshev, rescales: 1 };
    let cases = [
        (linear, [16, 2], 1),
        (linear, [512, 2], 32),
        (linear, [-544, 16], 512),
        (linear, [512, 16], slots),
        (linear, [48, 32], slots),
        (stc, [16, 1], 256),
        (top, [8, 1], 16),
    ];
    for (index, (place, steps, period)) in cases.into_iter().enumerate() {
        let matrix = Matrix::random(steps, period, 60 + index as u8);
        let scale = fixture.parameters.linear_scale();
        let input = fixture.encrypt(&x, scale, place.level + 1, 51);
        let expected = matrix.times(&fixture.decrypt(&input));
        let plans = [matrix.few_keys(place), matrix.hoisted(place)];
        let results = plans.map(|plan| {
            plan.check(set).unwrap();
            let gain = plan.gain(set);
            let output = LinearTransform::new(&fixture.context, plan)
                .apply(fixture.evaluator(), &input)
                .unwrap();
            assert_eq!(output.level(), place.level - place.rescales);
            assert!((output.scale / scale - 1.0).abs() < 1e-9 && (gain - 1.0).abs() < 1e-9);
            fixture.decrypt(&output)
        });
        // The division at the end, and at worst one rounding for each weighted copy; weights have
        // a mean square of 2/3. The rounding of the weights themselves is 2^-20 and less.
        let one = in_slots(set, theory::rounding(set), scale);
        let weights = (6.0 * 2.0 / 3.0 * 2.0 * period.max(32) as f64 / 12.0).sqrt();
        let rms = one * (1.0 + 6.0 * 2.0 / 3.0_f64).sqrt() + weights / place.dropped();
        for (variant, result) in ["few keys", "hoisted"].into_iter().zip(&results) {
            let what = format!("{variant}, {steps:?}, period {period}, level {}", place.level);
            let errors = SlotErrors::between(result, &expected);
            errors.assert_within(&what, 1.1 * rms, 12.0 * rms);
            assert!(errors.rms > 0.9 * one, "{what}: less noise than one rounding");
        }
    }
}

#[test]
fn masked_and_unmasked_copies_add_up() {
    let fixture = small();
    let set = fixture.set();
    let slots = set.slots();
    let x = complexes(slots, 52);
    let place = Place { fixture, level: fixture.parameters.levels().linear, rescales: 2 };
    let scale = fixture.parameters.linear_scale();
    let input = fixture.encrypt(&x, scale, place.level, 53);
    let mut masks = [complexes(slots, 54), complexes(slots, 55)];
    // One mask is a border: zeros and ones.
    for (slot, m) in masks[0].iter_mut().enumerate() {
        *m = if slot < 512 { Complex64::ZERO } else { Complex64::ONE };
    }
    let step = place.rotation(512);
    let nodes = vec![
        Node::Input { mask: Some(0) },
        Node::Input { mask: None },
        Node::Input { mask: Some(1) },
        Node::Step { from: 0, element: step },
        Node::Step { from: 1, element: step },
        Node::Step { from: 2, element: step },
    ];
    let weights: Vec<Vec<Complex64>> = (0..6).map(|i| complexes(512, 56 + i)).collect();
    let terms = weights.iter().enumerate();
    let terms = terms.map(|(node, w)| Term { node, weights: w.clone() }).collect();
    let mut plan = place.plan(nodes, vec![terms], None);
    plan.masks = masks.to_vec();
    plan.mask_scale = f64::from(1 << 18);
    plan.weight_scale = place.dropped() / plan.mask_scale;
    let (mask_scale, weight_scale) = (plan.mask_scale, plan.weight_scale);
    let transform = LinearTransform::new(&fixture.context, plan);
    // Six weights and two masks on the chain's primes; the weights on special primes too.
    assert!(transform.byte_len() > 2 * place.level * slots * 4);
    let output = transform.apply(fixture.evaluator(), &input).unwrap();

    let inputs = fixture.decrypt(&input);
    let masked = |m: &[Complex64]| inputs.iter().zip(m).map(|(x, m)| x * m).collect::<Vec<_>>();
    let copies = [masked(&masks[0]), inputs.clone(), masked(&masks[1])];
    let mut expected = vec![Complex64::ZERO; slots];
    for (node, weights) in weights.iter().enumerate() {
        let copy = rotated(&copies[node % 3], if node < 3 { 0 } else { 512 });
        for ((y, x), w) in expected.iter_mut().zip(copy).zip(weights.iter().cycle()) {
            *y += w * x;
        }
    }
    let errors = SlotErrors::between(&fixture.decrypt(&output), &expected);
    // Masks of N coefficients and weights of 1024 are rounded at their scales; |x|^2 and |w|^2
    // have means of 2/3.
    let variance = |coefficients: f64, scale: f64| coefficients / 12.0 / scale.powi(2);
    let of_masks = 4.0 * 4.0 / 9.0 * variance(2.0 * slots as f64, mask_scale);
    let of_weights = 6.0 * 2.0 / 3.0 * variance(1024.0, weight_scale);
    let rounding = in_slots(set, theory::rounding(set), scale).powi(2);
    let rms = (of_masks + of_weights + 2.0 * rounding).sqrt();
    errors.assert_within("masks", 1.2 * rms, 12.0 * rms);
    assert!(errors.rms > 0.5 * rms, "masks: {:.3e}, predicted {rms:.3e}", errors.rms);
}

#[test]
fn a_missing_rotation_is_named() {
    let fixture = small();
    let place = Place { fixture, level: fixture.parameters.levels().linear, rescales: 2 };
    let kind = KeyKind::Automorphism(place.rotation(7));
    let nodes =
        vec![Node::Input { mask: None }, Node::Step { from: 0, element: place.rotation(7) }];
    let term = Term { node: 1, weights: vec![Complex64::ONE] };
    let plan = place.plan(nodes, vec![vec![term]], None);
    let input = fixture.encrypt(&complexes(1, 57), 1e9, place.level, 58);
    let transform = LinearTransform::new(&fixture.context, plan);
    let error = transform.apply(fixture.evaluator(), &input).unwrap_err();
    assert_eq!(error, EvalError::MissingKey(MissingKey { kind, level: place.level }));
}

#[test]
fn a_transform_below_its_level_is_refused() {
    let fixture = small();
    let levels = fixture.parameters.levels();
    let place = Place { fixture, level: levels.linear, rescales: 2 };
    let plan = Matrix::random([16, 2], 1, 59).few_keys(place);
    let transform = LinearTransform::new(&fixture.context, plan);
    for actual in 1..place.level {
        let input = fixture.encrypt(&complexes(1, 57), 1e6, actual, 58);
        let error = transform.apply(fixture.evaluator(), &input).unwrap_err();
        let (operation, needed) = ("a linear transform", place.level);
        assert_eq!(error, EvalError::Level { operation, actual, needed });
    }
}
