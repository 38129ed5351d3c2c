//! The end of the network: average pool and fully connected layer as one matrix, and an answer
//! that is small enough to send.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyError;
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_engine::{Operation, PlaintextData, Value};
use blindsight_ring::GaloisElement;

use crate::compile::CompileError;
use crate::emit::Emitter;
use crate::residual::block::layout_of;
use crate::residual::convolution::rotated;
use crate::residual::formats::{ANSWER_PERIOD, ANSWER_SCALE};
use crate::residual::lowering::{Head, Lowered};
use crate::residual::packing::{Layout, ROW_SLOTS, SLOTS, steps};

/// Emits the steps from the features to the answer.
///
/// Slot `j` of the result is the score of class `j mod 16`. Sixteen rotations, each weighted by the
/// class of the slot that it arrives in, leave in every slot a part of the sum over its sixteen
/// neighbours; the parts are then added over all slots of the same class.
pub(crate) fn emit(
    emitter: &mut Emitter,
    bootstrap: &BootstrapParameters,
    lowered: &Lowered,
    features: Value,
) -> Result<Value, CompileError> {
    let head = &lowered.head;
    let classes = head.bias.len();
    if classes > ANSWER_PERIOD {
        return Err(CompileError::Classes { found: classes, most: ANSWER_PERIOD });
    }
    let layout = layout_of(head.source, lowered.blocks[head.source].shape)?;
    let mut scores = emitter.transform(features, matrix_plan(bootstrap, head, layout, classes)?);
    for (step, count) in sums(bootstrap) {
        let part = scores;
        for _ in 1..count {
            let rotated = emitter.push(Operation::Rotate { input: scores, steps: step });
            scores = emitter.add(rotated, part);
        }
    }
    let mut values: Vec<Complex64> =
        head.bias.iter().map(|b| Complex64::new(f64::from(*b), 0.0)).collect();
    values.resize(ANSWER_PERIOD, Complex64::ZERO);
    let levels = bootstrap.levels();
    let (level, scale) = (levels.slots_to_coefficients - 1, bootstrap.linear_scale());
    scores = emitter.add_plaintext(scores, PlaintextData { values, level, scale });
    let (level, scale) = (levels.base, ANSWER_SCALE);
    Ok(emitter.push(Operation::Rescale { input: scores, level, scale }))
}

fn matrix_plan(
    bootstrap: &BootstrapParameters,
    head: &Head,
    layout: Layout,
    classes: usize,
) -> Result<TransformPlan, KeyError> {
    let level = bootstrap.levels().slots_to_coefficients;
    let shift = bootstrap.slot_shift();
    let channels = layout.channels();
    // Every copy of the features takes part in the sums.
    let part = 1.0 / layout.copies() as f64;
    let inputs = head.weights.len() / classes;
    let weight = |slot: usize, rotation: usize| {
        let class = slot % ANSWER_PERIOD;
        let channel = (slot + rotation + shift) % ROW_SLOTS % channels;
        let known = class < classes && channel < inputs;
        if known { f64::from(head.weights[class * inputs + channel]) * part } else { 0.0 }
    };
    let sums = (0..ANSWER_PERIOD).map(|rotation| {
        let diagonal: Vec<f64> = (0..channels).map(|slot| weight(slot, rotation)).collect();
        vec![Term { node: 0, weights: rotated(&diagonal, -(rotation as i64)) }]
    });
    let special = bootstrap.key_levels().at(level)?.special;
    Ok(TransformPlan {
        level,
        baby_special: special,
        giant_special: special,
        nodes: vec![Node::Input { mask: None }],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: sums.collect(),
        giant: Some(GaloisElement::rotation(steps::JOIN, bootstrap.set().degree())),
        weight_scale: bootstrap.set().prime(level),
        rescales: 1,
    })
}

/// Sums over all slots of one class, by the rotations that slots-to-coefficients has keys for: each
/// with how many copies it adds up.
fn sums(bootstrap: &BootstrapParameters) -> Vec<(i64, usize)> {
    let mut steps = vec![ANSWER_PERIOD];
    for group in bootstrap.literal().slots_to_coefficients.iter().skip(1) {
        steps.extend([group.step(), group.giant_step()]);
    }
    let mut ends: Vec<usize> = steps[1..].to_vec();
    ends.push(SLOTS);
    steps.into_iter().zip(ends).map(|(step, end)| (step as i64, end / step)).collect()
}

#[cfg(test)]
mod tests {
    use blindsight_model::tensor::Shape;

    use super::*;
    use crate::residual::testing::{
        assert_sound, bootstrap, feature_map, in_clear, numbers, packed, rotated_left,
    };

    #[test]
    fn every_slot_holds_the_score_of_its_class() {
        for (stage, classes) in [(0, 10), (1, 16), (2, 10), (2, 1)] {
            let shape = Shape::new(16 << stage, 32 >> stage, 32 >> stage).unwrap();
            let layout = Layout::of(shape).unwrap();
            let features = feature_map(shape, 10);
            let weights = numbers(classes * shape.channels(), 11);
            let head = Head { source: 0, weights, bias: vec![0.0; classes], bound: 1.0 };
            let plan = matrix_plan(bootstrap(), &head, layout, classes).unwrap();
            assert_sound(&plan);
            let mut found = in_clear(&plan, &packed(&features, layout, 0.0));
            for (step, count) in sums(bootstrap()) {
                let part = found.clone();
                for _ in 1..count {
                    found = rotated_left(&found, step);
                    found.iter_mut().zip(&part).for_each(|(x, p)| *x += p);
                }
            }
            let channel_sum = |plane: &[f32]| plane.iter().copied().map(f64::from).sum::<f64>();
            let pooled: Vec<f64> = features.planes().map(channel_sum).collect();
            let rows = head.weights.chunks_exact(pooled.len());
            let mut expected: Vec<f64> = rows
                .map(|row| row.iter().zip(&pooled).map(|(w, x)| f64::from(*w) * x).sum())
                .collect();
            expected.resize(ANSWER_PERIOD, 0.0);
            for (slot, score) in found.iter().enumerate() {
                let error = (score - expected[slot % ANSWER_PERIOD]).abs();
                assert!(error < 1e-6, "stage {stage}, {classes} classes, slot {slot}: {error}");
            }
        }
    }
}
