//! Small networks with made-up weights, and inputs for them.
#![allow(clippy::missing_panics_doc, clippy::new_without_default, clippy::must_use_candidate)]
#![allow(clippy::unwrap_used, missing_docs, reason = "for tests alone")]

use std::ops::ControlFlow;

use blindsight_model::calibration::{Calibration, Margins, calibrate_inputs};
use blindsight_model::fingerprint::Fingerprint;
use blindsight_model::graph::{
    ActivationKind, Conv2d, Graph, GraphBuilder, Linear, Node, NodeId, Padding, Pick, Pool,
    Selection, Slope,
};
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::{Shape, Tensor};

/// Networks of squares that the chain of some ring carries, with their names.
#[must_use]
pub fn shallow() -> [(&'static str, Graph); 5] {
    [
        ("perceptron", perceptron(ActivationKind::Square)),
        ("tabular", tabular()),
        ("convolutional", convolutional()),
        ("digits", digits()),
        ("odd", odd()),
    ]
}

/// A first layer whose input is there several times, and one whose input is there once.
#[must_use]
pub fn perceptron(kind: ActivationKind) -> Graph {
    let mut parts = Parts::of_sides([1, 14, 14]);
    let hidden = parts.linear(parts.input(), [50, 196]);
    let hidden = parts.activation(hidden, kind);
    let hidden = parts.linear(hidden, [20, 50]);
    let hidden = parts.activation(hidden, kind);
    let scores = parts.linear(hidden, [10, 20]);
    parts.finish(scores)
}

/// Numbers that are no picture.
#[must_use]
pub fn tabular() -> Graph {
    let mut parts = Parts::of_sides([200, 1, 1]);
    let hidden = parts.linear(parts.input(), [64, 200]);
    let hidden = parts.activation(hidden, ActivationKind::Square);
    let scores = parts.linear(hidden, [3, 64]);
    parts.finish(scores)
}

/// Convolutions, pools, more channels than planes, matrices.
#[must_use]
pub fn convolutional() -> Graph {
    let mut parts = Parts::of_sides([1, 28, 28]);
    let map = parts.conv(parts.input(), [4, 1, 5, 5], 1);
    let map = parts.activation(map, ActivationKind::Square);
    let map = parts.pool(map, 2, 2);
    let map = parts.padded_conv(map, [7, 4, 3, 5], 1, 0);
    let map = parts.activation(map, ActivationKind::Square);
    let map = parts.pool(map, 3, 2);
    let hidden = parts.linear(map, [24, 7 * 5 * 4]);
    let hidden = parts.activation(hidden, ActivationKind::Square);
    let scores = parts.linear(hidden, [3, 24]);
    parts.finish(scores)
}

/// Two squares: a convolution with strides, a pool, matrices.
#[must_use]
pub fn striding() -> Graph {
    let mut parts = Parts::of_sides([1, 14, 14]);
    let map = parts.padded_conv(parts.input(), [4, 1, 3, 3], 2, 1);
    let map = parts.activation(map, ActivationKind::Square);
    let map = parts.pool(map, 2, 2);
    let hidden = parts.linear(map, [12, 4 * 3 * 3]);
    let hidden = parts.activation(hidden, ActivationKind::Square);
    let scores = parts.linear(hidden, [5, 12]);
    parts.finish(scores)
}

/// LeNet-5 with fewer rows in its matrices: feature maps of 4,704 values, which a pool reads.
#[must_use]
pub fn digits() -> Graph {
    let mut parts = Parts::of_sides([1, 28, 28]);
    let map = parts.conv(parts.input(), [6, 1, 5, 5], 1);
    let map = parts.activation(map, ActivationKind::Square);
    let map = parts.pool(map, 2, 2);
    let map = parts.padded_conv(map, [16, 6, 5, 5], 1, 0);
    let map = parts.activation(map, ActivationKind::Square);
    let map = parts.pool(map, 2, 2);
    let hidden = parts.linear(map, [30, 16 * 5 * 5]);
    let hidden = parts.activation(hidden, ActivationKind::Square);
    let scores = parts.linear(hidden, [10, 30]);
    parts.finish(scores)
}

/// An input that one ciphertext does not hold: three channels of 9,216 values.
#[must_use]
pub fn wide() -> Graph {
    let mut parts = Parts::of_sides([3, 96, 96]);
    let map = parts.padded_conv(parts.input(), [4, 3, 3, 3], 4, 0);
    let map = parts.activation(map, ActivationKind::Relu);
    let mean = parts.add(Node::GlobalAveragePool { source: map });
    let scores = parts.linear(mean, [3, 4]);
    parts.finish(scores)
}

/// Channels that no ciphertext holds: 150 rows of 130, in bands. A convolution reads across them.
#[must_use]
pub fn tall() -> Graph {
    let mut parts = Parts::of_sides([1, 150, 130]);
    let map = parts.conv(parts.input(), [1, 1, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let map = parts.conv(map, [4, 1, 5, 5], 2);
    let map = parts.activation(map, ActivationKind::Silu);
    let map = parts.pool(map, 2, 2);
    let map = parts.conv(map, [6, 4, 3, 3], 2);
    let map = parts.activation(map, ActivationKind::Relu);
    let mean = parts.add(Node::GlobalAveragePool { source: map });
    let scores = parts.linear(mean, [3, 6]);
    parts.finish(scores)
}

/// Odd sizes, strides, two colours, a sum of two paths, and a mean at the end.
#[must_use]
pub fn odd() -> Graph {
    let mut parts = Parts::of_sides([2, 13, 17]);
    let first = parts.padded_conv(parts.input(), [5, 2, 3, 3], 2, Padding::uneven(0, 1));
    let first = parts.activation(first, ActivationKind::Square);
    let inner = parts.padded_conv(first, [5, 5, 3, 3], 1, 1);
    let inner = parts.activation(inner, ActivationKind::Square);
    let outer =
        parts.padded_conv(inner, [5, 5, 1, 3], 1, Padding { rows: [0, 0], columns: [1, 1] });
    let sum = parts.sum(outer, first);
    let sum = parts.activation(sum, ActivationKind::Square);
    let mean = parts.add(Node::GlobalAveragePool { source: sum });
    let scores = parts.linear(mean, [6, 5]);
    parts.finish(scores)
}

/// So many fully connected layers, too deep for a chain if they are many.
#[must_use]
pub fn deep(layers: usize) -> Graph {
    let mut parts = Parts::of_sides([1, 4, 4]);
    let mut last = parts.linear(parts.input(), [16, 16]);
    for _ in 0..layers {
        let next = parts.activation(last, ActivationKind::Tanh);
        last = parts.linear(next, [16, 16]);
    }
    parts.finish(last)
}

/// A network whose first feature maps are of this shape, and may fill several ciphertexts: strides,
/// pools, borders, a shortcut.
#[must_use]
pub fn large([channels, height, width]: [usize; 3]) -> Graph {
    let mut parts = Parts::of_sides([3, height, width]);
    let map = parts.conv(parts.input(), [channels, 3, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let map = parts.conv(map, [channels, channels, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let map = parts.conv(map, [2 * channels, channels, 3, 3], 2);
    let short = parts.activation(map, ActivationKind::Silu);
    let map = parts.conv(short, [2 * channels, 2 * channels, 3, 3], 1);
    let map = parts.sum(map, short);
    let map = parts.activation(map, ActivationKind::Relu);
    let map = parts.pool(map, 2, 2);
    let map = parts.conv(map, [4 * channels, 2 * channels, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let map = parts.pool(map, 2, 2);
    let features = parts.activation(map, ActivationKind::Tanh);
    let elements = 4 * channels * (height / 8) * (width / 8);
    let hidden = parts.linear(features, [20, elements]);
    let hidden = parts.activation(hidden, ActivationKind::Relu);
    let scores = parts.linear(hidden, [7, 20]);
    parts.finish(scores)
}

/// More channels than pixels, and a vector of more elements than classes fit an answer otherwise.
#[must_use]
pub fn channels() -> Graph {
    let mut parts = Parts::of_sides([6, 8, 8]);
    let map = parts.padded_conv(parts.input(), [48, 6, 3, 5], 1, Padding::uneven(1, 1));
    let map = parts.activation(map, ActivationKind::Elu);
    let map = parts.conv(map, [96, 48, 3, 3], 2);
    let map = parts.activation(map, ActivationKind::Relu);
    let map = parts.conv(map, [32, 96, 1, 1], 1);
    let map = parts.activation(map, ActivationKind::Relu6);
    let mean = parts.add(Node::GlobalAveragePool { source: map });
    let scores = parts.linear(mean, [40, 32]);
    parts.finish(scores)
}

/// Fully connected layers: of two feature maps that leave most slots empty, and of long vectors.
#[must_use]
pub fn heads() -> Graph {
    let mut parts = Parts::of_sides([4, 8, 8]);
    let map = parts.conv(parts.input(), [16, 4, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let next = parts.conv(map, [16, 16, 3, 3], 1);
    let next = parts.activation(next, ActivationKind::Relu);
    let sum = parts.sum(map, next);
    let hidden = parts.linear(sum, [200, 16 * 8 * 8]);
    let hidden = parts.activation(hidden, ActivationKind::Relu);
    let hidden = parts.linear(hidden, [1000, 200]);
    let hidden = parts.activation(hidden, ActivationKind::Tanh);
    let hidden = parts.linear(hidden, [500, 1000]);
    let mut hidden = parts.activation(hidden, ActivationKind::Relu);
    // Too deep for any chain.
    for (from, to) in [(500, 30), (30, 20), (20, 20), (20, 20)] {
        let next = parts.linear(hidden, [to, from]);
        hidden = parts.activation(next, ActivationKind::Tanh);
    }
    let scores = parts.linear(hidden, [7, 20]);
    parts.finish(scores)
}

/// Squares of vectors that grow: results are longer than what is read, which is there all around.
#[must_use]
pub fn growing() -> Graph {
    let mut parts = Parts::of_sides([30, 1, 1]);
    let mut last = parts.input();
    for (from, to) in [(30, 60), (60, 500), (500, 900), (900, 40)] {
        let next = parts.linear(last, [to, from]);
        last = parts.activation(next, ActivationKind::Square);
    }
    let scores = parts.linear(last, [5, 40]);
    parts.finish(scores)
}

/// Depthwise convolutions between expansions, and sums without an activation after them, as in
/// MobileNetV2.
#[must_use]
pub fn inverted() -> Graph {
    let mut parts = Parts::of_sides([3, 24, 24]);
    let map = parts.conv(parts.input(), [8, 3, 3, 3], 2);
    let mut narrow = parts.activation(map, ActivationKind::Relu6);
    for (channels, stride, again) in [(8, 1, true), (12, 2, false), (12, 1, true)] {
        let from = if again { channels } else { 8 };
        let wide = parts.conv(narrow, [3 * from, from, 1, 1], 1);
        let wide = parts.activation(wide, ActivationKind::Relu6);
        let wide = parts.depthwise(wide, 3 * from, stride);
        let wide = parts.activation(wide, ActivationKind::Relu6);
        let next = parts.conv(wide, [channels, 3 * from, 1, 1], 1);
        narrow = if again { parts.sum(next, narrow) } else { next };
    }
    let map = parts.conv(narrow, [32, 12, 1, 1], 1);
    let map = parts.activation(map, ActivationKind::HardSwish);
    parts.scores(map, 32)
}

/// Squeeze and excitation: channels times numbers that come from their means; and maxima of windows
/// after it.
#[must_use]
pub fn gated() -> Graph {
    let mut parts = Parts::of_sides([1, 16, 12]);
    let map = parts.conv(parts.input(), [6, 1, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Silu);
    let mean = parts.add(Node::GlobalAveragePool { source: map });
    let gate = parts.linear(mean, [3, 6]);
    let gate = parts.activation(gate, ActivationKind::Relu);
    let gate = parts.linear(gate, [6, 3]);
    let gate = parts.activation(gate, ActivationKind::Sigmoid);
    let all = Selection::everything([6, 1, 1]);
    let all = all.with_rows(vec![Some(0); 16]).with_columns(vec![Some(0); 12]);
    let gate = parts.add(Node::Select { source: gate, selection: all });
    let squares = [1.0, -1.0].map(|sign| {
        let gate = parts.times(gate, sign);
        let sum = parts.sum(map, gate);
        let square = parts.activation(sum, ActivationKind::Square);
        parts.times(square, 0.25 * sign)
    });
    let map = parts.sum(squares[0], squares[1]);
    let map = parts.activation(map, ActivationKind::Identity);
    let every = |from: usize, count: usize| (0..count).map(|at| Some(2 * at + from)).collect();
    let rows = [0, 1].map(|from| Selection::everything([6, 16, 12]).with_rows(every(from, 8)));
    let map = parts.larger(map, rows);
    let columns = [0, 1].map(|from| Selection::everything([6, 8, 12]).with_columns(every(from, 6)));
    let map = parts.larger(map, columns);
    let hidden = parts.linear(map, [10, 6 * 8 * 6]);
    let hidden = parts.activation(hidden, ActivationKind::LeakyRelu(Slope::USUAL));
    let scores = parts.linear(hidden, [5, 10]);
    parts.finish(scores)
}

/// Two branches from one map, whose channels then lie side by side.
pub fn branches() -> Graph {
    let mut parts = Parts::of_sides([3, 12, 12]);
    let map = parts.conv(parts.input(), [4, 3, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let all = |channels: [Option<usize>; 11]| {
        let pick = |from| Pick { from, factor: 1.0, offset: 0.0 };
        let channels = channels.map(pick).to_vec();
        Selection::everything([11, 12, 12]).with_channels(channels).unwrap()
    };
    let branch = |parts: &mut Parts, [outputs, kernel]: [usize; 2], first: usize| {
        let branch = parts.conv(map, [outputs, 4, kernel, kernel], 1);
        let branch = parts.activation(branch, ActivationKind::Relu);
        let own = |c: usize| (first..first + outputs).contains(&c).then(|| c - first);
        parts.add(Node::Select { source: branch, selection: all(std::array::from_fn(own)) })
    };
    let [narrow, wide] =
        [([5, 1], 0), ([6, 3], 5)].map(|(form, first)| branch(&mut parts, form, first));
    let map = parts.sum(narrow, wide);
    let map = parts.conv(map, [4, 11, 3, 3], 2);
    let map = parts.activation(map, ActivationKind::Relu);
    parts.scores(map, 4)
}

/// The largest difference between the scores that are found and those expected of [`inputs`], as a
/// part of the largest score. The input's number goes to `found`.
pub fn error_of_scores(
    graph: &Graph,
    found: impl Fn(&Tensor, usize) -> Vec<f64>,
    expected: impl Fn(&Tensor) -> Vec<f64>,
) -> f64 {
    error_of_first(graph, usize::MAX, found, expected)
}

/// The same, on so many of the inputs.
pub fn error_of_first(
    graph: &Graph,
    count: usize,
    found: impl Fn(&Tensor, usize) -> Vec<f64>,
    expected: impl Fn(&Tensor) -> Vec<f64>,
) -> f64 {
    let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
    for (number, input) in inputs(graph.shape(graph.input())).iter().enumerate().take(count) {
        let (found, expected) = (found(input, number), expected(input));
        assert_eq!(found.len(), expected.len());
        for (x, y) in found.iter().zip(&expected) {
            worst = worst.max((x - y).abs());
            largest = largest.max(y.abs());
        }
    }
    assert!(largest > 0.01, "{largest}");
    worst / largest
}

/// The scores of the network itself.
pub fn plain_scores(graph: &Graph) -> impl Fn(&Tensor) -> Vec<f64> {
    let plain = PlainNetwork::new(graph.clone());
    move |input| plain.run(input).unwrap().values().iter().copied().map(f64::from).collect()
}

/// The calibration of a network on [`inputs`].
pub fn calibration(graph: &Graph) -> Calibration {
    let (model, margins) = (Fingerprint::of(b""), Margins::default());
    let go_on = |_| ControlFlow::Continue(());
    let inputs = inputs(graph.shape(graph.input()));
    calibrate_inputs(graph, model, inputs.as_slice(), &margins, go_on).unwrap().0
}

/// Some inputs as networks read them.
pub fn inputs(shape: Shape) -> Vec<Tensor> {
    let input = |seed: usize| {
        let value = |i: usize| (i * (seed + 3) % 256) as f32 / 64.0 - 2.0;
        Tensor::new(shape, (0..shape.elements()).map(value).collect()).unwrap()
    };
    (0..4).map(input).collect()
}

/// A graph under construction, with made-up weights.
#[derive(Debug)]
pub struct Parts {
    builder: GraphBuilder,
    made: usize,
}

impl Parts {
    pub fn new() -> Self {
        Self::of_shape(Shape::PICTURE)
    }

    pub fn of_shape(input: Shape) -> Self {
        Self { builder: GraphBuilder::new(input), made: 0 }
    }

    /// Channels, rows and columns of the input.
    pub fn of_sides([channels, height, width]: [usize; 3]) -> Self {
        Self::of_shape(Shape::new(channels, height, width).unwrap())
    }

    pub fn input(&self) -> NodeId {
        self.builder.input()
    }

    pub fn add(&mut self, node: Node) -> NodeId {
        self.builder.add(node).unwrap()
    }

    /// A fully connected layer to so many outputs.
    pub fn linear(&mut self, source: NodeId, dims: [usize; 2]) -> NodeId {
        let weights = self.numbers(dims[0] * dims[1], (3.0 / dims[1] as f32).sqrt());
        let bias = self.numbers(dims[0], 0.3);
        self.add(Node::Linear { source, linear: Linear::new(dims, weights, bias).unwrap() })
    }

    /// A fully connected layer that reads nothing.
    pub fn blind(&mut self, source: NodeId, dims: [usize; 2]) -> NodeId {
        let bias = self.numbers(dims[0], 0.3);
        let linear = Linear::new(dims, vec![0.0; dims[0] * dims[1]], bias).unwrap();
        self.add(Node::Linear { source, linear })
    }

    /// Means of square windows.
    pub fn pool(&mut self, source: NodeId, kernel: usize, stride: usize) -> NodeId {
        let pool = Pool::new([kernel; 2], [stride; 2]).unwrap();
        self.add(Node::AveragePool { source, pool })
    }

    /// A convolution that keeps the side up to the stride.
    pub fn conv(&mut self, source: NodeId, dims: [usize; 4], stride: usize) -> NodeId {
        self.padded_conv(source, dims, stride, dims[2] / 2)
    }

    pub fn padded_conv(
        &mut self,
        source: NodeId,
        dims: [usize; 4],
        stride: usize,
        padding: impl Into<Padding>,
    ) -> NodeId {
        let [out, inputs, height, width] = dims;
        let size = (3.0 / (inputs * height * width) as f32).sqrt();
        let mut weights = self.numbers(dims.iter().product(), size);
        // Channels of very different sizes, among them one that never lives.
        for (channel, kernel) in weights.chunks_exact_mut(dims[1..].iter().product()).enumerate() {
            let factor = if channel == 5 { 0.0 } else { 0.2 + channel as f32 / out as f32 };
            kernel.iter_mut().for_each(|w| *w *= factor);
        }
        let mut bias = self.numbers(out, 0.2);
        if let Some(bias) = bias.get_mut(5) {
            *bias = 0.0;
        }
        let conv = Conv2d::new(dims, weights, Some(bias), stride, padding).unwrap();
        self.add(Node::Conv2d { source, conv })
    }

    /// A convolution of each channel alone.
    pub fn depthwise(&mut self, source: NodeId, channels: usize, stride: usize) -> NodeId {
        let weights = self.numbers(9 * channels, 0.5);
        let conv = Conv2d::new([channels, 1, 3, 3], weights, None, stride, 1).unwrap();
        let conv = conv.with_groups(channels).unwrap();
        self.add(Node::Conv2d { source, conv })
    }

    /// Everything times a number.
    pub fn times(&mut self, source: NodeId, factor: f32) -> NodeId {
        let shape = self.builder.shape(source).unwrap();
        let pick = |from| Pick { from: Some(from), factor, offset: 0.0 };
        let picks = (0..shape.channels()).map(pick).collect();
        let all = Selection::everything([shape.channels(), shape.height(), shape.width()]);
        self.add(Node::Select { source, selection: all.with_channels(picks).unwrap() })
    }

    /// The larger of two selections: one of them, and the ReLU of their difference.
    pub fn larger(&mut self, source: NodeId, selections: [Selection; 2]) -> NodeId {
        let [left, right] =
            selections.map(|selection| self.add(Node::Select { source, selection }));
        let negative = self.times(right, -1.0);
        let difference = self.sum(left, negative);
        let above = self.activation(difference, ActivationKind::Relu);
        self.sum(above, right)
    }

    pub fn activation(&mut self, source: NodeId, kind: ActivationKind) -> NodeId {
        self.add(Node::Activation { source, kind })
    }

    pub fn sum(&mut self, left: NodeId, right: NodeId) -> NodeId {
        self.add(Node::Add { left, right })
    }

    pub fn subsample(&mut self, source: NodeId, channels: usize) -> NodeId {
        self.add(Node::SubsamplePad { source, channels })
    }

    /// Average pool and ten scores.
    pub fn scores(mut self, source: NodeId, channels: usize) -> Graph {
        let source = self.add(Node::GlobalAveragePool { source });
        let (weights, bias) = (self.numbers(10 * channels, 1.0), self.numbers(10, 0.5));
        let linear = Linear::new([10, channels], weights, bias).unwrap();
        let scores = self.add(Node::Linear { source, linear });
        self.finish(scores)
    }

    pub fn finish(self, output: NodeId) -> Graph {
        self.builder.finish(output).unwrap()
    }

    /// Numbers between -`size` and `size`, other ones at every call.
    fn numbers(&mut self, count: usize, size: f32) -> Vec<f32> {
        self.made += 1;
        let seed = self.made * 1009;
        let number = |i: usize| ((i * 7919 + seed) % 1999) as f32 / 999.0 - 1.0;
        (0..count).map(|i| number(i) * size).collect()
    }
}
