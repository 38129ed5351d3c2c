//! Every kind of convolution that the network has, as a transform of slots in the clear.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::residual::testing::{
    assert_close, assert_sound, bootstrap, complex_in_clear, feature_map, numbers, packed,
    request_slots, rotated_left, shift,
};
use blindsight_model::tensor::{Shape, Tensor};

use super::*;

/// A convolution with made-up weights.
#[derive(Debug, Clone, Copy)]
struct Case {
    kernel: usize,
    before: usize,
    input: Shape,
    output: Shape,
    borders: Borders,
}

impl Case {
    fn new(kernel: usize, input: [usize; 2], output: [usize; 2], borders: Borders) -> Self {
        let shape = |[channels, side]: [usize; 2]| Shape::new(channels, side, side).unwrap();
        Self { kernel, before: kernel / 2, input: shape(input), output: shape(output), borders }
    }

    /// The same with no zeros before, and one row and column after.
    fn uneven(self) -> Self {
        Self { before: 0, ..self }
    }

    fn weights(self, seed: u64) -> Vec<f32> {
        let taps = self.input.channels() * self.kernel * self.kernel;
        numbers(self.output.channels() * taps, seed)
    }

    fn plan(self, weights: &[f32]) -> TransformPlan {
        let levels = bootstrap().levels();
        let map = ConvolutionMap {
            weights,
            inputs: self.input.channels(),
            outputs: self.output.channels(),
            kernel: self.kernel,
            before: self.before,
            from: Layout::of(self.input).unwrap(),
            to: Layout::of(self.output).unwrap(),
            borders: self.borders,
        };
        let encoding = Encoding {
            level: levels.linear,
            rescales: 2,
            mask_bits: 18,
            gain: 1e12,
            shift: shift(),
        };
        let plan = map.plan(bootstrap(), encoding).unwrap();
        assert_eq!((plan.level, plan.rescales), (levels.linear, 2));
        assert_eq!(plan.weight_scale * plan.mask_scale, 1e12);
        plan
    }

    /// Runs the plan as a block does, recentred, and compares every slot, copies
    /// included, with the definition of a convolution.
    fn check(self, seed: u64) {
        let weights = self.weights(seed);
        let input = feature_map(self.input, seed ^ 1);
        let plan = self.plan(&weights);
        assert_sound(&plan);
        let slots = match self.borders {
            Borders::Prepared => request_slots(&input),
            // What other channels hold must not matter.
            Borders::Masked => packed(&input, Layout::of(self.input).unwrap(), 1e3),
        };
        let mut found = joined(&plan, &slots);
        let to = Layout::of(self.output).unwrap();
        for _ in 0..1 << to.stage() {
            found = rotated_left(&found, steps::RECENTRE);
        }
        let expected = packed(&self.convolve(&input, &weights), to, 0.0);
        assert_close(&format!("{self:?}"), &found, &expected);
    }

    /// By the definition, with zeros around the picture.
    fn convolve(self, input: &Tensor, weights: &[f32]) -> Tensor {
        let Self { kernel, before, output: shape, .. } = self;
        let (inputs, side) = (input.shape().channels(), input.shape().height());
        let stride = side / shape.height();
        let planes: Vec<&[f32]> = input.planes().collect();
        let mut output = Tensor::zeros(shape);
        for (o, plane) in output.planes_mut().enumerate() {
            for (at, value) in plane.iter_mut().enumerate() {
                let (row, column) = (at / shape.width() * stride, at % shape.width() * stride);
                let mut sum = 0.0;
                for (i, plane) in planes.iter().enumerate() {
                    for tap in 0..kernel * kernel {
                        let (dy, dx) = (tap / kernel, tap % kernel);
                        let y = (row + dy).wrapping_sub(before);
                        let x = (column + dx).wrapping_sub(before);
                        if y < side && x < side {
                            let weight = weights[(o * inputs + i) * kernel * kernel + tap];
                            sum += f64::from(weight) * f64::from(plane[y * side + x]);
                        }
                    }
                }
                *value = sum as f32;
            }
        }
        output
    }
}

/// A plan's result after the join of real and imaginary parts.
fn joined(plan: &TransformPlan, slots: &[f64]) -> Vec<f64> {
    let sum = complex_in_clear(plan, slots);
    let rotated = rotated_left(&sum, steps::JOIN);
    sum.iter().zip(rotated).map(|(z, w)| z.re + w.im).collect()
}

/// Every kind of layer: stages, transitions with both paddings, both shortcuts, the first layer.
fn cases() -> [Case; 10] {
    use Borders::{Masked, Prepared};
    [
        Case::new(3, [3, 32], [16, 32], Prepared),
        Case::new(3, [16, 32], [16, 32], Masked),
        Case::new(3, [16, 32], [32, 16], Masked),
        Case::new(1, [16, 32], [32, 16], Masked),
        Case::new(3, [32, 16], [32, 16], Masked),
        Case::new(3, [32, 16], [64, 8], Masked),
        Case::new(1, [32, 16], [64, 8], Masked),
        Case::new(3, [64, 8], [64, 8], Masked),
        Case::new(3, [16, 32], [32, 16], Masked).uneven(),
        Case::new(3, [32, 16], [64, 8], Masked).uneven(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_layer_of_a_resnet_is_a_convolution(seed: u64) {
        for case in cases() {
            case.check(seed);
        }
    }

    /// Fewer channels than the layout has room for, on either side, and any kernel.
    #[test]
    fn layouts_need_not_be_full(
        seed: u64,
        stage in 0_usize..3,
        inputs in 1_usize..=16,
        outputs in 1_usize..=16,
        kernel in prop::sample::select(vec![1_usize, 3]),
        strided: bool,
        uneven: bool,
    ) {
        let to = if strided && stage < 2 { stage + 1 } else { stage };
        let (input, output) = ([inputs << stage, 32 >> stage], [outputs << to, 32 >> to]);
        let case = Case::new(kernel, input, output, Borders::Masked);
        // Without a stride there is only one way to keep the size.
        if uneven && to > stage { case.uneven() } else { case }.check(seed);
    }
}

/// Pictures of all sides that a layout has, of few channels, and a first layer that halves the side.
#[test]
fn first_layers_read_every_picture_that_fits() {
    use Borders::Prepared;
    for (input, output) in [
        ([3, 16], [32, 16]),
        ([5, 8], [64, 8]),
        ([1, 32], [16, 32]),
        ([3, 32], [32, 16]),
        ([3, 16], [64, 8]),
    ] {
        Case::new(3, input, output, Prepared).check(7);
    }
}

/// A plan that grows costs speed and memory: its steps to babies are key switches.
#[test]
fn plans_stay_within_their_sizes() {
    // At most so many steps to babies; giant steps, weights, period of the weights.
    let sizes = [
        (11, 7, 77, 512),
        (12, 7, 96, 512),
        (24, 7, 160, 1024),
        (8, 7, 48, 1024),
        (24, 7, 192, 512),
        (46, 7, 320, 2048),
        (17, 7, 96, 2048),
        (48, 7, 384, 512),
        (26, 7, 160, 1024),
        (52, 7, 320, 2048),
    ];
    for (case, (babies, giants, weights, period)) in cases().into_iter().zip(sizes) {
        let plan = case.plan(&case.weights(5));
        let steps = plan.nodes.iter().filter(|n| matches!(n, Node::Step { .. })).count();
        let terms = || plan.sums.iter().flatten();
        println!("{case:?}: {steps} steps to babies");
        assert!(steps <= babies, "{case:?}: {steps} steps to babies");
        assert_eq!((plan.sums.len() - 1, terms().count()), (giants, weights), "{case:?}");
        assert!(terms().all(|term| term.weights.len() == period), "{case:?}");
        let masked = case.borders == Borders::Masked && case.kernel == 3;
        assert_eq!(plan.masks.is_empty(), !masked, "{case:?}");
        assert_eq!(plan.mask_scale, if masked { f64::from(1 << 18) } else { 1.0 });
    }
}

/// A subsampling shortcut has one weight in each column: nearly all its diagonals vanish and cost
/// nothing.
#[test]
fn zero_diagonals_are_left_out() {
    let case = cases()[3];
    let mut weights = vec![0.0; case.weights(0).len()];
    for channel in 0..16 {
        weights[(channel + 8) * 16 + channel] = 1.0;
    }
    let plan = case.plan(&weights);
    let terms = plan.sums.iter().flatten().count();
    assert!(terms < 94 / 4, "{terms} diagonals");
    let input = feature_map(case.input, 6);
    let mut found = joined(&plan, &packed(&input, Layout::of(case.input).unwrap(), 0.0));
    for _ in 0..2 {
        found = rotated_left(&found, steps::RECENTRE);
    }
    let expected = case.convolve(&input, &weights);
    let expected = packed(&expected, Layout::of(case.output).unwrap(), 0.0);
    assert_close("subsampling", &found, &expected);
}
