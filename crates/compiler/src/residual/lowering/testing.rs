//! Small networks of the kind that can be run encrypted.

use blindsight_model::calibration::Calibration;
use blindsight_model::graph::{ActivationKind, Graph, Padding};
use blindsight_model::tensor::{Shape, Tensor};

use crate::testing;
pub(super) use crate::testing::Parts;

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
    testing::calibration(graph)
}

/// Some pictures as networks read them.
pub(super) fn inputs() -> Vec<Tensor> {
    testing::inputs(Shape::PICTURE)
}
