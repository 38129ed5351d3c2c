//! One block: convolution, shortcut, bias; then the activation in a bootstrap.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{LinearSteps, rotations};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::linear_transform::{LinearTransform, Node, Term, TransformPlan};
use blindsight_ckks_eval::{Context, Evaluator, MissingKey, Plaintext, add};

use super::convolution::{Borders, ConvolutionMap, Encoding, turned, unfold};
use super::{ActivationDegree, CompileError, activation};
use crate::lowering::{Block, Convolution, Shortcut, Source};
use crate::packing::{Layout, ROW_SLOTS, request_format};
use crate::tensor::Shape;

/// `log2` of the scale of border masks: their rounding error, spread over the slots, is then some
/// 2^-13 of each value, and random.
const MASK_BITS: i32 = 18;

/// A block with its weights encoded.
#[derive(Debug)]
pub(super) struct EncryptedBlock {
    main: Branch,
    /// A shortcut by convolution, added before the output is turned back.
    strided_shortcut: Option<Branch>,
    /// A shortcut by identity, added after.
    identity_shortcut: Option<Branch>,
    bias: Plaintext,
    /// How often the output is turned back by [`LinearSteps::back`].
    turns: usize,
    steps: LinearSteps,
    activation: TrigPolynomial,
}

#[derive(Debug)]
struct Branch {
    source: Source,
    transform: LinearTransform,
}

impl EncryptedBlock {
    pub(super) fn new(
        context: &Context,
        index: usize,
        block: &Block,
        degree: ActivationDegree,
    ) -> Result<Self, CompileError> {
        let set = context.set();
        let steps = rotations(set.slots()).linear;
        let layout = layout_of(index, block.shape)?;
        let (mut strided_shortcut, mut identity_shortcut) = (None, None);
        match &block.shortcut {
            Shortcut::None => {}
            Shortcut::Identity { source, factors } => {
                let transform = LinearTransform::new(context, scaling(set, layout, factors));
                identity_shortcut = Some(Branch { source: *source, transform });
            }
            Shortcut::Convolution(convolution) => {
                strided_shortcut = Some(branch(context, index, convolution, steps)?);
            }
        }
        Ok(Self {
            main: branch(context, index, &block.main, steps)?,
            strided_shortcut,
            identity_shortcut,
            bias: bias(context, layout, &block.bias),
            turns: 1 << layout.stage(),
            steps,
            activation: activation::polynomial(set, index, &block.activation, degree)?,
        })
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = Source> {
        let shortcuts = self.strided_shortcut.iter().chain(&self.identity_shortcut);
        std::iter::once(&self.main).chain(shortcuts).map(|b| b.source)
    }

    pub(super) fn activation(&self) -> &TrigPolynomial {
        &self.activation
    }

    pub(super) fn byte_len(&self) -> usize {
        let shortcuts = self.strided_shortcut.iter().chain(&self.identity_shortcut);
        std::iter::once(&self.main).chain(shortcuts).map(|b| b.transform.byte_len()).sum()
    }

    /// The input of the activation.
    pub(super) fn linear<'c>(
        &self,
        evaluator: Evaluator<'_>,
        source: impl Fn(Source) -> &'c Ciphertext,
    ) -> Result<Ciphertext, MissingKey> {
        let apply = |b: &Branch| b.transform.apply(evaluator, source(b.source));
        let mut sum = apply(&self.main)?;
        if let Some(shortcut) = &self.strided_shortcut {
            sum = add(evaluator.context, &sum, &apply(shortcut)?);
        }
        sum = unfold(evaluator, &sum, self.steps)?;
        for _ in 0..self.turns {
            sum = evaluator.rotate(&sum, self.steps.back)?;
        }
        if let Some(shortcut) = &self.identity_shortcut {
            sum = add(evaluator.context, &sum, &apply(shortcut)?);
        }
        self.bias.add_to(&mut sum);
        Ok(sum)
    }
}

fn layout_of(block: usize, shape: Shape) -> Result<Layout, CompileError> {
    let (channels, side) = (shape.channels(), shape.height());
    Layout::of(shape).ok_or(CompileError::Layout { block, channels, side })
}

fn branch(
    context: &Context,
    block: usize,
    convolution: &Convolution,
    steps: LinearSteps,
) -> Result<Branch, CompileError> {
    let set = context.set();
    let levels = set.levels();
    let shift = rotations(set.slots()).slot_shift(set.slots());
    // The picture comes one level lower and without need of masks.
    let (level, borders) = match convolution.source {
        Source::Picture => (request_format(set).level, Borders::Prepared),
        Source::Block(_) => (levels.linear, Borders::Masked),
    };
    let rescales = level - levels.slots_to_coefficients;
    let map = ConvolutionMap {
        weights: &convolution.weights,
        inputs: convolution.input.channels(),
        outputs: convolution.output.channels(),
        kernel: convolution.kernel,
        from: layout_of(block, convolution.input)?,
        to: layout_of(block, convolution.output)?,
        borders,
    };
    let gain = rescale_gain(set, level, rescales);
    let plan =
        map.plan(set, steps, Encoding { level, rescales, mask_bits: MASK_BITS, gain, shift });
    Ok(Branch { source: convolution.source, transform: LinearTransform::new(context, plan) })
}

/// The product of the primes that a linear layer drops: weights of that scale leave the scale of
/// the ciphertext as it is.
fn rescale_gain(set: &Parameters, level: usize, rescales: usize) -> f64 {
    set.chain().primes()[level - rescales..level].iter().map(|p| p.value() as f64).product()
}

/// One factor for each channel: a transform without rotations.
fn scaling(set: &Parameters, layout: Layout, factors: &[f32]) -> TransformPlan {
    let levels = set.levels();
    let rescales = levels.linear - levels.slots_to_coefficients;
    let shift = rotations(set.slots()).slot_shift(set.slots());
    let special = blindsight_ckks::keys::Special::Narrow(1);
    TransformPlan {
        level: levels.linear,
        baby_special: special,
        giant_special: special,
        nodes: vec![Node::Input { mask: None }],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: vec![vec![Term { node: 0, weights: per_channel(layout, factors, shift) }]],
        giant: None,
        weight_scale: rescale_gain(set, levels.linear, rescales),
        rescales,
    }
}

fn bias(context: &Context, layout: Layout, bias: &[f32]) -> Plaintext {
    let set = context.set();
    let levels = set.levels();
    let shift = rotations(set.slots()).slot_shift(set.slots());
    let values = per_channel(layout, bias, shift);
    Plaintext::encode(context, &values, set.scale(levels.linear), levels.slots_to_coefficients)
}

/// One value for each channel, over one row of slots turned left by `shift`.
fn per_channel(layout: Layout, values: &[f32], shift: usize) -> Vec<Complex64> {
    let of_slot =
        |slot: usize| values.get(slot % layout.channels()).map_or(0.0, |value| f64::from(*value));
    let row: Vec<f64> = (0..layout.channels().min(ROW_SLOTS)).map(of_slot).collect();
    turned(&row, shift as i64)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        assert_close, assert_keys_exist, feature_map, in_clear, numbers, packed, set, shift,
    };
    use super::*;
    use crate::packing::SLOTS;
    use crate::tensor::Tensor;

    const SHAPES: [[usize; 2]; 4] = [[16, 32], [32, 16], [64, 8], [5, 32]];

    #[test]
    fn identity_shortcuts_have_one_factor_for_each_channel() {
        for [channels, side] in SHAPES {
            let shape = Shape::new(channels, side, side).unwrap();
            let layout = Layout::of(shape).unwrap();
            let mut map = feature_map(shape, 7);
            let factors = numbers(channels, 8);
            let plan = scaling(set(), layout, &factors);
            assert_keys_exist(&plan);
            assert!(plan.nodes.len() == 1 && plan.sums.len() == 1, "no key switch");
            let found = in_clear(&plan, &packed(&map, layout, 1e3));
            for (plane, factor) in map.planes_mut().zip(&factors) {
                plane.iter_mut().for_each(|x| *x *= factor);
            }
            assert_close("scaling", &found, &packed(&map, layout, 0.0));
        }
    }

    #[test]
    fn biases_repeat_over_the_slots() {
        for [channels, side] in SHAPES {
            let shape = Shape::new(channels, side, side).unwrap();
            let layout = Layout::of(shape).unwrap();
            let bias = numbers(channels, 9);
            let mut map = Tensor::zeros(shape);
            for (plane, bias) in map.planes_mut().zip(&bias) {
                plane.fill(*bias);
            }
            let values = per_channel(layout, &bias, shift());
            let found: Vec<f64> = values.iter().cycle().take(SLOTS).map(|z| z.re).collect();
            assert_close("bias", &found, &packed(&map, layout, 0.0));
        }
    }
}
