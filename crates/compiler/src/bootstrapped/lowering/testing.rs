//! Small networks of the kind that can be run encrypted.

use std::ops::ControlFlow;

use blindsight_model::calibration::{Calibration, Margins, calibrate_inputs};
use blindsight_model::fingerprint::Fingerprint;
use blindsight_model::graph::{
    ActivationKind, Conv2d, Graph, GraphBuilder, Linear, Node, NodeId, Padding,
};
use blindsight_model::tensor::{Shape, Tensor};

/// How the last block of [`network`] halves the side of its input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Downsampling {
    /// Padding on all sides, a shortcut without parameters.
    SubsamplePad,
    /// Padding on all sides, a shortcut with a convolution.
    Convolution,
    /// Padding after alone, a shortcut with a convolution.
    Uneven,
}

impl Downsampling {
    pub(super) const ALL: [Self; 3] = [Self::SubsamplePad, Self::Convolution, Self::Uneven];
}

/// A convolution of 16 channels, a block that keeps and a block that halves the side, the scores.
pub(super) fn network(kind: ActivationKind, downsampling: Downsampling) -> Graph {
    let mut parts = Parts::new();
    let first = parts.conv(parts.input(), [16, 3, 3, 3], 1);
    let first = parts.activation(first, kind);

    let inner = parts.conv(first, [16, 16, 3, 3], 1);
    let inner = parts.activation(inner, kind);
    let outer = parts.conv(inner, [16, 16, 3, 3], 1);
    let sum = parts.sum(first, outer);
    let second = parts.activation(sum, kind);

    let padding = match downsampling {
        Downsampling::Uneven => Padding::uneven(0, 1),
        _ => Padding::even(1),
    };
    let inner = parts.padded_conv(second, [32, 16, 3, 3], 2, padding);
    let inner = parts.activation(inner, kind);
    let outer = parts.conv(inner, [32, 32, 3, 3], 1);
    let shortcut = match downsampling {
        Downsampling::SubsamplePad => parts.subsample(second, 32),
        _ => parts.conv(second, [32, 16, 1, 1], 2),
    };
    let sum = parts.sum(outer, shortcut);
    let last = parts.activation(sum, kind);
    parts.scores(last, 32)
}

/// The calibration of a network on [`inputs`].
pub(super) fn calibration(graph: &Graph) -> Calibration {
    let (model, margins) = (Fingerprint::of(b""), Margins::default());
    let go_on = |_| ControlFlow::Continue(());
    calibrate_inputs(graph, model, inputs().as_slice(), &margins, go_on).unwrap().0
}

/// Some pictures as networks read them.
pub(super) fn inputs() -> Vec<Tensor> {
    let picture = |seed: usize| {
        let value = |i: usize| (i * (seed + 3) % 256) as f32 / 64.0 - 2.0;
        let values = (0..Shape::PICTURE.elements()).map(value).collect();
        Tensor::new(Shape::PICTURE, values).unwrap()
    };
    (0..4).map(picture).collect()
}

/// A graph under construction, with made-up weights.
pub(super) struct Parts {
    builder: GraphBuilder,
    made: usize,
}

impl Parts {
    pub(super) fn new() -> Self {
        Self::of_shape(Shape::PICTURE)
    }

    pub(super) fn of_shape(input: Shape) -> Self {
        Self { builder: GraphBuilder::new(input), made: 0 }
    }

    pub(super) fn input(&self) -> NodeId {
        self.builder.input()
    }

    pub(super) fn add(&mut self, node: Node) -> NodeId {
        self.builder.add(node).unwrap()
    }

    /// A convolution that keeps the side up to the stride.
    pub(super) fn conv(&mut self, source: NodeId, dims: [usize; 4], stride: usize) -> NodeId {
        self.padded_conv(source, dims, stride, dims[2] / 2)
    }

    pub(super) fn padded_conv(
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

    pub(super) fn activation(&mut self, source: NodeId, kind: ActivationKind) -> NodeId {
        self.add(Node::Activation { source, kind })
    }

    pub(super) fn sum(&mut self, left: NodeId, right: NodeId) -> NodeId {
        self.add(Node::Add { left, right })
    }

    pub(super) fn subsample(&mut self, source: NodeId, channels: usize) -> NodeId {
        self.add(Node::SubsamplePad { source, channels })
    }

    /// Average pool and ten scores.
    pub(super) fn scores(mut self, source: NodeId, channels: usize) -> Graph {
        let source = self.add(Node::GlobalAveragePool { source });
        let (weights, bias) = (self.numbers(10 * channels, 1.0), self.numbers(10, 0.5));
        let linear = Linear::new([10, channels], weights, bias).unwrap();
        let scores = self.add(Node::Linear { source, linear });
        self.finish(scores)
    }

    pub(super) fn finish(self, output: NodeId) -> Graph {
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
