//! One block: convolution, shortcut, bias; then the activation in a bootstrap.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_engine::{Operation, PlaintextData, Value};
use blindsight_model::tensor::Shape;

use crate::compile::CompileError;
use crate::emit::Emitter;
use crate::residual::convolution::{Borders, ConvolutionMap, Encoding, rotated};
use crate::residual::formats::request_level;
use crate::residual::lowering::{Block, Convolution, Shortcut, Source};
use crate::residual::packing::{Layout, ROW_SLOTS, steps};
use crate::trigonometric::{self, NoFit};

/// `log2` of the scale of border masks: their rounding error, spread over the slots, is then some
/// 2^-13 of each value, and random.
const MASK_BITS: i32 = 18;

/// An approximation whose error, root mean square over the values that were seen, is a larger part
/// of the range than this means that the range is wrong.
const WORST_ERROR: f64 = 0.02;

/// Emits the steps of a block. `values` are the request and the results of the blocks before it.
pub(crate) fn emit(
    emitter: &mut Emitter,
    bootstrap: &BootstrapParameters,
    index: usize,
    block: &Block,
    values: &Values,
) -> Result<Value, CompileError> {
    let layout = layout_of(index, block.shape)?;
    let mut sum = branch(emitter, bootstrap, index, &block.main, values)?;
    if let Shortcut::Convolution(convolution) = &block.shortcut {
        let shortcut = branch(emitter, bootstrap, index, convolution, values)?;
        sum = emitter.add(sum, shortcut);
    }
    sum = join_parts(emitter, sum);
    for _ in 0..1 << layout.stage() {
        sum = emitter.push(Operation::Rotate { input: sum, steps: steps::RECENTRE });
    }
    if let Shortcut::Identity { source, factors } = &block.shortcut {
        let plan = scaling(bootstrap, layout, factors);
        let shortcut = emitter.transform(values.get(*source), plan);
        sum = emitter.add(sum, shortcut);
    }
    sum = emitter.add_plaintext(sum, bias(bootstrap, layout, &block.bias));
    let activation = &block.activation;
    let function = |u| activation.eval(u);
    let polynomial =
        trigonometric::polynomial(bootstrap, function, activation.histogram(), WORST_ERROR)
            .map_err(|error| match error {
                NoFit::Fit(source) => CompileError::Fit { block: index, source },
                NoFit::Poor(error) => CompileError::PoorFit { block: index, error },
            })?;
    let polynomial = emitter.activation(polynomial);
    Ok(emitter.bootstrap(sum, polynomial))
}

/// The real part plus the imaginary part of the slot to the right.
fn join_parts(emitter: &mut Emitter, sum: Value) -> Value {
    let rotated = emitter.rotate(sum, steps::JOIN);
    emitter.join(sum, rotated)
}

/// The request and the results of blocks, as values of the program.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// One for each block so far.
    pub(crate) blocks: Vec<Value>,
}

impl Values {
    pub(crate) fn get(&self, source: Source) -> Value {
        match source {
            Source::Picture => 0,
            Source::Block(index) => self.blocks[index],
        }
    }
}

pub(crate) fn layout_of(block: usize, shape: Shape) -> Result<Layout, CompileError> {
    let (channels, side) = (shape.channels(), shape.height());
    Layout::of(shape).ok_or(CompileError::Layout { block, channels, side })
}

fn branch(
    emitter: &mut Emitter,
    bootstrap: &BootstrapParameters,
    block: usize,
    convolution: &Convolution,
    values: &Values,
) -> Result<Value, CompileError> {
    let levels = bootstrap.levels();
    // The picture comes one level lower and without need of masks.
    let (level, borders) = match convolution.source {
        Source::Picture => (request_level(bootstrap), Borders::Prepared),
        Source::Block(_) => (levels.linear, Borders::Masked),
    };
    let rescales = level - levels.slots_to_coefficients;
    let map = ConvolutionMap {
        weights: &convolution.weights,
        inputs: convolution.input.channels(),
        outputs: convolution.output.channels(),
        kernel: convolution.kernel,
        before: convolution.padding.rows[0],
        from: layout_of(block, convolution.input)?,
        to: layout_of(block, convolution.output)?,
        borders,
    };
    let encoding = Encoding {
        level,
        rescales,
        mask_bits: MASK_BITS,
        gain: rescale_gain(bootstrap, level, rescales),
        shift: bootstrap.slot_shift(),
    };
    let plan = map.plan(bootstrap, encoding)?;
    Ok(emitter.transform(values.get(convolution.source), plan))
}

/// The product of the primes that a linear layer drops: weights of that scale leave the scale of
/// the ciphertext as it is.
fn rescale_gain(bootstrap: &BootstrapParameters, level: usize, rescales: usize) -> f64 {
    (level - rescales + 1..=level).map(|level| bootstrap.set().prime(level)).product()
}

/// One factor for each channel: a transform without rotations.
fn scaling(bootstrap: &BootstrapParameters, layout: Layout, factors: &[f32]) -> TransformPlan {
    let levels = bootstrap.levels();
    let rescales = levels.linear - levels.slots_to_coefficients;
    // Nothing is switched: the fewest special primes that a transform can have.
    let special = blindsight_ckks::keys::Special { wide: 0, narrow: 1 };
    let weights = per_channel(layout, factors, bootstrap.slot_shift());
    TransformPlan {
        level: levels.linear,
        baby_special: special,
        giant_special: special,
        nodes: vec![Node::Input { mask: None }],
        masks: Vec::new(),
        mask_scale: 1.0,
        sums: vec![vec![Term { node: 0, weights }]],
        giant: None,
        weight_scale: rescale_gain(bootstrap, levels.linear, rescales),
        rescales,
    }
}

fn bias(bootstrap: &BootstrapParameters, layout: Layout, bias: &[f32]) -> PlaintextData {
    PlaintextData {
        values: per_channel(layout, bias, bootstrap.slot_shift()),
        level: bootstrap.levels().slots_to_coefficients,
        scale: bootstrap.linear_scale(),
    }
}

/// One value for each channel, over one row of slots rotated left by `shift`.
fn per_channel(layout: Layout, values: &[f32], shift: usize) -> Vec<Complex64> {
    let of_slot =
        |slot: usize| values.get(slot % layout.channels()).map_or(0.0, |value| f64::from(*value));
    let row: Vec<f64> = (0..layout.channels().min(ROW_SLOTS)).map(of_slot).collect();
    rotated(&row, shift as i64)
}

#[cfg(test)]
mod tests {
    use blindsight_model::tensor::Tensor;

    use super::*;
    use crate::residual::packing::SLOTS;
    use crate::residual::testing::{
        assert_close, assert_sound, bootstrap, feature_map, in_clear, numbers, packed, shift,
    };

    const SHAPES: [[usize; 2]; 4] = [[16, 32], [32, 16], [64, 8], [5, 32]];

    #[test]
    fn identity_shortcuts_have_one_factor_for_each_channel() {
        for [channels, side] in SHAPES {
            let shape = Shape::new(channels, side, side).unwrap();
            let layout = Layout::of(shape).unwrap();
            let mut map = feature_map(shape, 7);
            let factors = numbers(channels, 8);
            let plan = scaling(bootstrap(), layout, &factors);
            assert_sound(&plan);
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
