//! What transforms compute, on numbers in the clear: the tests of the packing need no encryption.

use std::collections::HashMap;
use std::sync::LazyLock;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, rotations};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_ring::GaloisElement;

use crate::packing::{Layout, ROW_SLOTS, SLOTS};
use blindsight_model::tensor::{Shape, Tensor};

pub(super) fn set() -> &'static Parameters {
    static SET: LazyLock<Parameters> = LazyLock::new(|| Parameters::degree_15().unwrap());
    &SET
}

/// Rotation to the left that every ciphertext between bootstraps has.
pub(super) fn shift() -> usize {
    rotations(SLOTS).slot_shift(SLOTS)
}

/// The real part of a plan's result.
pub(super) fn in_clear(plan: &TransformPlan, input: &[f64]) -> Vec<f64> {
    complex_in_clear(plan, input).iter().map(|y| y.re).collect()
}

/// The result of a plan, with everything that its masks and weights are scaled by divided out.
pub(super) fn complex_in_clear(plan: &TransformPlan, input: &[f64]) -> Vec<Complex64> {
    assert_eq!(input.len(), SLOTS);
    let mut nodes: Vec<Vec<f64>> = Vec::new();
    for node in &plan.nodes {
        nodes.push(match *node {
            Node::Input { mask: None } => input.to_vec(),
            Node::Input { mask: Some(mask) } => {
                input.iter().zip(&plan.masks[mask]).map(|(x, m)| x * m.re).collect()
            }
            Node::Step { from, element } => turned_left(&nodes[from], steps_of(element)),
        });
    }
    let mut result = vec![Complex64::ZERO; SLOTS];
    for (index, terms) in plan.sums.iter().enumerate().rev() {
        if index + 1 < plan.sums.len() {
            result = turned_left(&result, steps_of(plan.giant.unwrap()));
        }
        for term in terms {
            let weights = term.weights.iter().cycle();
            for ((y, x), w) in result.iter_mut().zip(&nodes[term.node]).zip(weights) {
                *y += w * x;
            }
        }
    }
    result
}

/// Every rotation of a plan has a key at its level, of the shape that the plan assumes.
pub(super) fn assert_keys_exist(plan: &TransformPlan) {
    let steps = plan.nodes.iter().filter_map(|node| match node {
        Node::Step { element, .. } => Some(*element),
        Node::Input { .. } => None,
    });
    let giant = plan.giant.filter(|_| plan.sums.len() > 1);
    for element in steps.chain(giant) {
        let index = set().find_key(KeyKind::Automorphism(element), plan.level);
        let spec = &set().keys()[index.unwrap()];
        assert_eq!(spec.layout.special, plan.baby_special);
        assert_eq!(spec.layout.special, plan.giant_special);
    }
}

pub(super) fn turned_left<T: Copy>(values: &[T], steps: i64) -> Vec<T> {
    let mut turned = values.to_vec();
    turned.rotate_left(steps.rem_euclid(values.len() as i64) as usize);
    turned
}

/// All copies of a feature map, and `elsewhere` in the channels that it lacks, turned left by the
/// shift between bootstraps.
pub(super) fn packed(map: &Tensor, layout: Layout, elsewhere: f64) -> Vec<f64> {
    let mut slots = vec![elsewhere; SLOTS];
    for (channel, plane) in map.planes().enumerate() {
        for (row, values) in plane.chunks_exact(layout.side()).enumerate() {
            for (column, &value) in values.iter().enumerate() {
                for copy in 0..layout.copies() {
                    let slot = layout.slot(channel, row, column) + copy * ROW_SLOTS;
                    slots[slot] = f64::from(value);
                }
            }
        }
    }
    turned_left(&slots, shift() as i64)
}

pub(super) fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (slot, (x, y)) in found.iter().zip(expected).enumerate() {
        assert!((x - y).abs() < 1e-4, "{what}: slot {slot} holds {x} instead of {y}");
    }
}

/// Numbers between -1 and 1 (SplitMix64).
pub(super) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = |()| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    std::iter::repeat_n((), count).map(next).collect()
}

pub(super) fn feature_map(shape: Shape, seed: u64) -> Tensor {
    Tensor::new(shape, numbers(shape.elements(), seed)).unwrap()
}

fn steps_of(element: GaloisElement) -> i64 {
    static STEPS: LazyLock<HashMap<GaloisElement, i64>> = LazyLock::new(|| {
        (0..SLOTS as i64).map(|s| (GaloisElement::rotation(s, 2 * SLOTS), s)).collect()
    });
    STEPS[&element]
}
