//! What transforms compute, on numbers in the clear: the tests of the packing need no encryption.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_model::tensor::{Shape, Tensor};
use blindsight_ring::GaloisElement;

use crate::residual::packing::{Layout, ROW_SLOTS, SLOTS, request_boxes};

pub(super) fn bootstrap() -> &'static BootstrapParameters {
    static BOOTSTRAP: LazyLock<BootstrapParameters> = LazyLock::new(|| {
        let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15()).unwrap());
        BootstrapParameters::new(set, BootstrapLiteral::degree_15()).unwrap()
    });
    &BOOTSTRAP
}

/// Rotation to the left that every ciphertext between bootstraps has.
pub(super) fn shift() -> usize {
    bootstrap().slot_shift()
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
            Node::Step { from, element } => rotated_left(&nodes[from], steps_of(element)),
        });
    }
    let mut result = vec![Complex64::ZERO; SLOTS];
    for (index, terms) in plan.sums.iter().enumerate().rev() {
        if index + 1 < plan.sums.len() {
            result = rotated_left(&result, steps_of(plan.giant.unwrap()));
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

/// The plan can be run, with keys of the shape that it assumes.
pub(super) fn assert_sound(plan: &TransformPlan) {
    assert_eq!(plan.check(bootstrap().set()), Ok(()));
    let rotates = plan.nodes.iter().any(|node| matches!(node, Node::Step { .. }));
    if rotates || plan.sums.len() > 1 {
        let special = bootstrap().key_levels().at(plan.level).unwrap().special;
        assert_eq!((plan.baby_special, plan.giant_special), (special, special));
    }
}

pub(super) fn rotated_left<T: Copy>(values: &[T], steps: i64) -> Vec<T> {
    let mut rotated = values.to_vec();
    rotated.rotate_left(steps.rem_euclid(values.len() as i64) as usize);
    rotated
}

/// All copies of a feature map, and `elsewhere` in the channels that it lacks, rotated left by the
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
    rotated_left(&slots, shift() as i64)
}

/// The slots of a request for an input.
pub(super) fn request_slots(input: &Tensor) -> Vec<f64> {
    let shape = input.shape();
    let [_, rows, columns] = [shape.channels(), shape.height(), shape.width()];
    let mut slots = vec![0.0; SLOTS];
    for part in request_boxes(shape, shift()).unwrap() {
        let triple = |numbers: [u32; 3]| numbers.map(|n| n as usize);
        let (from, extent, strides) =
            (triple(part.from), triple(part.extent), triple(part.strides));
        for c in 0..extent[0] {
            for y in 0..extent[1] {
                for x in 0..extent[2] {
                    let value = ((from[0] + c) * rows + from[1] + y) * columns + from[2] + x;
                    let way = c * strides[0] + y * strides[1] + x * strides[2];
                    let slot = (part.slot as usize + way) % SLOTS;
                    slots[slot] = f64::from(input.values()[value]);
                }
            }
        }
    }
    slots
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
