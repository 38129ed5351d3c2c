//! Convolution as a matrix product over small panels of patches.
//!
//! The result's positions are cut into panels of [`LANES`], the output channels into tiles of
//! [`TILE`]. A panel gathers the patches under its positions once and is then multiplied with
//! every tile; a tile times a panel fits in registers, and the inner loop vectorises on any
//! target because both sizes are constants.

use crate::graph::{Conv2d, Padding};
use crate::tensor::{Shape, Tensor};

/// Output positions computed together.
const LANES: usize = 8;
/// Output channels computed together.
const TILE: usize = 4;

/// A convolution with its weights in the order in which they are used.
#[derive(Clone, Debug)]
pub struct PackedConv {
    /// `[tile of output channels][input channel, kernel row, kernel column][channel in tile]`;
    /// the last tile of each group is filled up with zeros.
    weights: Vec<[f32; TILE]>,
    bias: Vec<f32>,
    /// Of each group, as `weights` are.
    in_channels: usize,
    groups: usize,
    kernel_height: usize,
    kernel_width: usize,
    stride: usize,
    padding: Padding,
}

impl PackedConv {
    /// Rearranges the weights.
    pub(super) fn new(conv: &Conv2d) -> Self {
        let (stride, padding) = (conv.stride(), conv.padding());
        let mut packed =
            Self::from_parts(conv.dims(), conv.weights(), conv.bias(), stride, padding);
        if conv.groups() > 1 {
            packed.groups = conv.groups();
            packed.weights = tiles(conv.dims(), conv.weights(), conv.groups());
        }
        packed
    }

    /// The same for a convolution in parts: `dims` = `[out, in, kernel height, kernel width]`, as
    /// many weights as that says and one bias for each output channel.
    #[must_use]
    pub fn from_parts(
        dims: [usize; 4],
        weights: &[f32],
        bias: &[f32],
        stride: usize,
        padding: impl Into<Padding>,
    ) -> Self {
        let [_, in_channels, kernel_height, kernel_width] = dims;
        Self {
            weights: tiles(dims, weights, 1),
            bias: bias.to_vec(),
            groups: 1,
            in_channels,
            kernel_height,
            kernel_width,
            stride,
            padding: padding.into(),
        }
    }

    /// The convolution of `source`; `shape` is the inferred shape of the result.
    #[must_use]
    pub fn run(&self, source: &Tensor, shape: Shape) -> Tensor {
        // Sums are added in one order however long the vectors are, and no product is fused into
        // its sum: every processor gives the same bits.
        #[cfg(target_arch = "x86_64")]
        return pulp::Arch::new().dispatch(|| self.panels(source, shape));
        #[cfg(not(target_arch = "x86_64"))]
        self.panels(source, shape)
    }

    /// Inlined where longer vectors are allowed, with the loops that it calls.
    #[inline(always)]
    fn panels(&self, source: &Tensor, shape: Shape) -> Tensor {
        let padded = Padded::new(source, self.padding);
        let offsets = self.patch_offsets(&padded);
        let mut panel = vec![[0.0; LANES]; offsets.len()];
        let mut result = Tensor::zeros(shape);
        let plane = shape.plane();
        // Channels of the result in a group, their tiles, and what the group reads.
        let together = self.bias.len() / self.groups;
        let tiles = together.div_ceil(TILE);
        let of_group = self.in_channels * padded.width * padded.height;
        for first in (0..plane).step_by(LANES) {
            let lanes = LANES.min(plane - first);
            // Lanes beyond the last position repeat it; their products are dropped.
            let corners = std::array::from_fn(|lane| {
                let position = first + lane.min(lanes - 1);
                let (row, column) = (position / shape.width(), position % shape.width());
                row * self.stride * padded.width + column * self.stride
            });
            for group in 0..self.groups {
                let read = &padded.values[group * of_group..][..of_group];
                gather(&mut panel, read, &offsets, corners);
                let tiles = &self.weights[group * tiles * offsets.len()..][..tiles * offsets.len()];
                for (tile, weights) in tiles.chunks_exact(offsets.len()).enumerate() {
                    let sums = multiply(weights, &panel);
                    let channels = tile * TILE..together.min((tile + 1) * TILE);
                    for (channel, sums) in channels.zip(sums) {
                        let channel = group * together + channel;
                        let to = &mut result.values_mut()[channel * plane + first..][..lanes];
                        for (to, sum) in to.iter_mut().zip(sums) {
                            *to = sum + self.bias[channel];
                        }
                    }
                }
            }
        }
        result
    }

    /// Where the elements of a patch lie, relative to its first, in the order of the weights.
    fn patch_offsets(&self, padded: &Padded) -> Vec<usize> {
        let plane = padded.width * padded.height;
        let mut offsets = Vec::new();
        for channel in 0..self.in_channels {
            for row in 0..self.kernel_height {
                for column in 0..self.kernel_width {
                    offsets.push(channel * plane + row * padded.width + column);
                }
            }
        }
        offsets
    }
}

/// Kernels by tiles of the channels of the result, each group's by themselves.
fn tiles(dims: [usize; 4], weights: &[f32], groups: usize) -> Vec<[f32; TILE]> {
    let [out_channels, in_channels, kernel_height, kernel_width] = dims;
    let depth = in_channels * kernel_height * kernel_width;
    let together = out_channels / groups;
    let of_group = together.div_ceil(TILE) * depth;
    let mut packed = vec![[0.0; TILE]; groups * of_group];
    for (channel, kernel) in weights.chunks_exact(depth).enumerate() {
        let (group, channel) = (channel / together, channel % together);
        let tile = &mut packed[group * of_group + channel / TILE * depth..][..depth];
        for (packed, &weight) in tile.iter_mut().zip(kernel) {
            packed[channel % TILE] = weight;
        }
    }
    packed
}

/// A feature map with zeros around every channel, so that patches need no bounds logic.
struct Padded {
    values: Vec<f32>,
    height: usize,
    width: usize,
}

impl Padded {
    fn new(source: &Tensor, padding: Padding) -> Self {
        let shape = source.shape();
        let [top, left, bottom, right] = padding.sides();
        let (height, width) = (top + shape.height() + bottom, left + shape.width() + right);
        let mut values = vec![0.0; shape.channels() * height * width];
        for (to, from) in values.chunks_exact_mut(height * width).zip(source.planes()) {
            let inner_rows = to.chunks_exact_mut(width).skip(top);
            for (to, from) in inner_rows.zip(from.chunks_exact(shape.width())) {
                to[left..left + shape.width()].copy_from_slice(from);
            }
        }
        Self { values, height, width }
    }
}

/// Fills the panel: row `k` holds element `k` of the patch at each corner.
#[inline(always)]
fn gather(panel: &mut [[f32; LANES]], values: &[f32], offsets: &[usize], corners: [usize; LANES]) {
    // Mostly the patches lie side by side, and a row of the panel is one copy.
    let adjacent = corners.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    for (row, offset) in panel.iter_mut().zip(offsets) {
        if adjacent {
            row.copy_from_slice(&values[corners[0] + offset..][..LANES]);
        } else {
            *row = corners.map(|corner| values[corner + offset]);
        }
    }
}

/// Dot products of a tile's kernels with a panel's patches.
#[inline(always)]
fn multiply(weights: &[[f32; TILE]], panel: &[[f32; LANES]]) -> [[f32; LANES]; TILE] {
    let mut sums = [[0.0; LANES]; TILE];
    for (weights, patch) in weights.iter().zip(panel) {
        for (sums, weight) in sums.iter_mut().zip(weights) {
            for (sum, x) in sums.iter_mut().zip(patch) {
                *sum += weight * x;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, Node};

    /// The definition, one output element at a time.
    fn slow(conv: &Conv2d, source: &Tensor, shape: Shape) -> Vec<f64> {
        let [_, channels, kernel_height, kernel_width] = conv.dims();
        let from = source.shape();
        let [top, left, ..] = conv.padding().sides();
        let at = |c: usize, y: usize, x: usize| {
            let y = y.checked_sub(top).filter(|&y| y < from.height());
            let x = x.checked_sub(left).filter(|&x| x < from.width());
            match (y, x) {
                (Some(y), Some(x)) => {
                    f64::from(source.values()[(c * from.height() + y) * from.width() + x])
                }
                _ => 0.0,
            }
        };
        let mut result = Vec::new();
        for out in 0..shape.channels() {
            for (row, column) in
                (0..shape.height()).flat_map(|y| (0..shape.width()).map(move |x| (y, x)))
            {
                let mut sum = f64::from(conv.bias()[out]);
                let first = out / (shape.channels() / conv.groups()) * channels;
                for c in 0..channels {
                    for y in 0..kernel_height {
                        for x in 0..kernel_width {
                            let index =
                                ((out * channels + c) * kernel_height + y) * kernel_width + x;
                            let (y, x) = (row * conv.stride() + y, column * conv.stride() + x);
                            sum += f64::from(conv.weights()[index]) * at(first + c, y, x);
                        }
                    }
                }
                result.push(sum);
            }
        }
        result
    }

    #[test]
    fn panels_agree_with_the_definition() {
        // Odd sizes leave partial tiles and panels; strides and paddings of every kind.
        let cases = [
            ([5, 3, 3, 3], 1, Padding::even(1), [3, 7, 5]),
            ([4, 2, 3, 3], 2, Padding::even(1), [2, 8, 8]),
            ([6, 4, 1, 1], 2, Padding::even(0), [4, 5, 9]),
            ([1, 1, 2, 5], 1, Padding::even(2), [1, 3, 4]),
            ([9, 2, 3, 1], 3, Padding::even(0), [2, 3, 1]),
            ([4, 2, 3, 3], 2, Padding::uneven(0, 1), [2, 8, 6]),
            ([2, 3, 3, 2], 1, Padding { rows: [2, 0], columns: [1, 3] }, [3, 4, 5]),
        ];
        let ones = cases.map(|(dims, stride, padding, from)| (dims, 1, stride, padding, from));
        let grouped = [
            ([6, 1, 3, 3], 6, 1, Padding::even(1), [6, 5, 7]),
            ([10, 2, 3, 1], 2, 2, Padding::even(1), [4, 6, 5]),
        ];
        for (dims, groups, stride, padding, [channels, height, width]) in
            ones.into_iter().chain(grouped)
        {
            let count: usize = dims.iter().product();
            let weights = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
            let bias = (0..dims[0]).map(|i| i as f32 * 0.1 - 0.2).collect();
            let conv = Conv2d::new(dims, weights, Some(bias), stride, padding).unwrap();
            let conv = conv.with_groups(groups).unwrap();
            let from = Shape::new(channels, height, width).unwrap();
            let values = (0..from.elements()).map(|i| (i as f32 * 0.61).cos()).collect();
            let source = Tensor::new(from, values).unwrap();

            let mut builder = GraphBuilder::new(from);
            let node = Node::Conv2d { source: builder.input(), conv: conv.clone() };
            let id = builder.add(node).unwrap();
            let shape = builder.shape(id).unwrap();

            let packed = PackedConv::new(&conv);
            let fast = packed.run(&source, shape);
            assert_eq!(fast, packed.panels(&source, shape), "the same on every processor");
            for (x, y) in fast.values().iter().zip(slow(&conv, &source, shape)) {
                assert!((f64::from(*x) - y).abs() < 1e-5, "{dims:?}: {x} is not {y}");
            }
        }
    }
}
