//! The end of the network: average pool and fully connected layer as one matrix, and an answer
//! that is small enough to send.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::rotations;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks_eval::linear_transform::{LinearTransform, Node, Term, TransformPlan};
use blindsight_ckks_eval::{Context, Evaluator, LinearCombination, MissingKey, Plaintext, add};
use blindsight_ring::GaloisElement;

use super::CompileError;
use super::convolution::turned;
use crate::lowering::{Head, Lowered};
use crate::packing::{ANSWER_LOG2_MODULUS, ANSWER_PERIOD, ANSWER_SCALE, Layout, ROW_SLOTS, SLOTS};

/// The head with its weights encoded.
///
/// Slot `j` of the result shall be the score of class `j mod 16`. Sixteen rotations, each weighted
/// by the class of the slot that it arrives in, leave in every slot a part of the sum over its
/// sixteen neighbours; the parts are then added over all slots of the same class.
#[derive(Debug)]
pub(super) struct EncryptedHead {
    source: usize,
    matrix: LinearTransform,
    bias: Plaintext,
    /// Rotations and how many copies they add up.
    sums: Vec<(i64, usize)>,
}

impl EncryptedHead {
    pub(super) fn new(
        context: &Context,
        head: &Head,
        lowered: &Lowered,
    ) -> Result<Self, CompileError> {
        let set = context.set();
        let classes = head.bias.len();
        if classes > ANSWER_PERIOD {
            return Err(CompileError::Classes(classes));
        }
        let shape = lowered.blocks[head.source].shape;
        let layout = Layout::of(shape).ok_or(CompileError::Layout {
            block: head.source,
            channels: shape.channels(),
            side: shape.height(),
        })?;
        let mut bias: Vec<Complex64> =
            head.bias.iter().map(|b| Complex64::new(f64::from(*b), 0.0)).collect();
        bias.resize(ANSWER_PERIOD, Complex64::ZERO);
        let level = set.levels().slots_to_coefficients;
        let scale = set.scale(set.levels().linear);
        Ok(Self {
            source: head.source,
            matrix: LinearTransform::new(context, matrix_plan(set, head, layout, classes)),
            bias: Plaintext::encode(context, &bias, scale, level - 1),
            sums: sums(set),
        })
    }

    pub(super) fn source(&self) -> usize {
        self.source
    }

    pub(super) fn byte_len(&self) -> usize {
        self.matrix.byte_len()
    }

    pub(super) fn apply(
        &self,
        evaluator: Evaluator<'_>,
        features: &Ciphertext,
    ) -> Result<CompactCiphertext, MissingKey> {
        let mut scores = self.matrix.apply(evaluator, features)?;
        for &(step, count) in &self.sums {
            let part = scores.clone();
            for _ in 1..count {
                scores = add(evaluator.context, &evaluator.rotate(&scores, step)?, &part);
            }
        }
        self.bias.add_to(&mut scores);
        let one = Complex64::new(1.0, 0.0);
        let sum = LinearCombination { terms: vec![(one, &scores)], constant: Complex64::ZERO };
        let base = sum.rescaled(evaluator.context, evaluator.set().levels().base, ANSWER_SCALE);
        let answer = CompactCiphertext::from_base_level(
            evaluator.set(),
            &base,
            ANSWER_LOG2_MODULUS,
            ANSWER_PERIOD,
        );
        Ok(answer.expect("the level is the base and the constants are in bounds"))
    }
}

fn matrix_plan(set: &Parameters, head: &Head, layout: Layout, classes: usize) -> TransformPlan {
    let level = set.levels().slots_to_coefficients;
    let steps = rotations(set.slots());
    let shift = steps.slot_shift(set.slots());
    let channels = layout.channels();
    // Every copy of the features takes part in the sums.
    let part = 1.0 / layout.copies() as f64;
    let weight = |slot: usize, rotation: usize| {
        let class = slot % ANSWER_PERIOD;
        let channel = (slot + rotation + shift) % ROW_SLOTS % channels;
        let known = class < classes && channel < head.weights.len() / classes;
        if known {
            f64::from(head.weights[class * (head.weights.len() / classes) + channel]) * part
        } else {
            0.0
        }
    };
    let sums = (0..ANSWER_PERIOD).map(|rotation| {
        let diagonal: Vec<f64> = (0..channels).map(|slot| weight(slot, rotation)).collect();
        vec![Term { node: 0, weights: turned(&diagonal, -(rotation as i64)) }]
    });
    let unit = GaloisElement::rotation(steps.linear.fold, set.degree());
    let key = set.find_key(blindsight_ckks::keys::KeyKind::Automorphism(unit), level);
    let special =
        key.map_or(blindsight_ckks::keys::Special::Narrow(3), |i| set.keys()[i].layout.special);
    TransformPlan {
        level,
        baby_special: special,
        giant_special: special,
        nodes: vec![Node::Input { mask: None }],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: sums.collect(),
        giant: Some(unit),
        weight_scale: set.chain().primes()[level - 1].value() as f64,
        rescales: 1,
    }
}

/// Sums over all slots of one class, by the rotations that slots-to-coefficients has keys for.
fn sums(set: &Parameters) -> Vec<(i64, usize)> {
    let [fine, coarse] = rotations(set.slots()).slots_to_coefficients;
    let steps = [fine.giant_step(), coarse.step(), coarse.giant_step()];
    let mut ends: Vec<usize> = steps[1..].to_vec();
    ends.push(SLOTS);
    steps.into_iter().zip(ends).map(|(step, end)| (step as i64, end / step)).collect()
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::keys::KeyKind;

    use super::super::testing::{
        assert_keys_exist, feature_map, in_clear, numbers, packed, set, turned_left,
    };
    use super::*;
    use crate::tensor::Shape;

    #[test]
    fn every_slot_holds_the_score_of_its_class() {
        for (stage, classes) in [(0, 10), (1, 16), (2, 10), (2, 1)] {
            let shape = Shape::new(16 << stage, 32 >> stage, 32 >> stage).unwrap();
            let layout = Layout::of(shape).unwrap();
            let features = feature_map(shape, 10);
            let weights = numbers(classes * shape.channels(), 11);
            let head = Head { source: 0, weights, bias: vec![0.0; classes], bound: 1.0 };
            let plan = matrix_plan(set(), &head, layout, classes);
            assert_keys_exist(&plan);
            let mut found = in_clear(&plan, &packed(&features, layout, 0.0));
            for (step, count) in sums(set()) {
                let element = GaloisElement::rotation(step, set().degree());
                let kind = KeyKind::Automorphism(element);
                assert!(set().find_key(kind, plan.level - 1).is_some());
                let part = found.clone();
                for _ in 1..count {
                    found = turned_left(&found, step);
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
