//! A convolution as a linear transform of the slots.
//!
//! An output slot and the input slot that a tap reads are a fixed rotation apart:
//! `e * row + v`, where `e` counts rows of the input's layout and `v` is the way along a row of
//! 512 slots, columns and channels together. Weights depend on the position within a row (and, in
//! strided layers, on the copy), so they repeat with period 512 to 2048; taps that would leave the
//! picture sideways are zeros among the weights. Taps that would leave it above or below read a
//! copy of the input whose offending row is masked.
//!
//! `v = 16 u + 2 d + h` with `0 <= d < 8` and `h` 0 or 1: the pairs `(e, u)` are the babies, reached
//! in steps of a row and of 16 slots, and `d` is the giant step of two slots. Slots are complex and
//! values real, so one pass computes both `h`: the weights of `h = 1` are imaginary, and the
//! imaginary part of the result is then rotated by one slot and added to the real part. That halves the
//! giant steps and the weights. Rotations start at the corner of the kernel, so the output stands
//! rotated left by [`corner`] until it is recentred.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyError;
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_ring::GaloisElement;

use crate::residual::packing::{Layout, ROW_SLOTS, RowGroup, SLOTS, steps};

/// A convolution between two layouts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvolutionMap<'a> {
    /// `[output channel, input channel, kernel row, kernel column]`, normalised.
    pub(crate) weights: &'a [f32],
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// 1 or 3.
    pub(crate) kernel: usize,
    /// Rows and columns of zeros before the first; 0 or 1, and 0 only with a stride of 2 or a kernel
    /// of 1. What follows the last is what the kernel then reaches.
    pub(crate) before: usize,
    pub(crate) from: Layout,
    /// The same layout (stride 1) or the next (stride 2).
    pub(crate) to: Layout,
    pub(crate) borders: Borders,
}

/// How taps above and below the picture are kept from reading the opposite border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Borders {
    /// By masks on the input.
    Masked,
    /// The input was packed with [`RowGroup`]s.
    Prepared,
}

/// The level, scales and shift at which a convolution is encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding {
    pub(crate) level: usize,
    pub(crate) rescales: usize,
    /// `log2` of the scale of masks.
    pub(crate) mask_bits: i32,
    /// What weights and masks together multiply the scale by.
    pub(crate) gain: f64,
    /// Rotation to the left that all ciphertexts between bootstraps have.
    pub(crate) shift: usize,
}

/// How far the output of a convolution into this layout stands rotated to the left.
pub(crate) fn corner(to: Layout) -> i64 {
    -steps::RECENTRE << to.stage()
}

/// One shared rotation of weights: `e` rows and `v` slots along the row.
type Offset = (isize, isize);

impl ConvolutionMap<'_> {
    /// The transform that computes the convolution, rotated left by [`corner`] more than its input,
    /// but for the join of real and imaginary parts.
    ///
    /// # Errors
    /// When there are no keys for its level.
    pub(crate) fn plan(
        &self,
        bootstrap: &BootstrapParameters,
        encoding: Encoding,
    ) -> Result<TransformPlan, KeyError> {
        let degree = bootstrap.set().degree();
        let mut tree = NodeTree::new(degree);
        let corner = corner(self.to);
        let (pixel, giant) = (steps::PIXEL as isize, steps::GIANT as usize);
        let row = self.from.row_stride() as isize;
        let mut sums: Vec<Vec<Term>> = vec![Vec::new(); steps::PIXEL as usize / giant];
        for (e, v) in self.offsets() {
            let weights = self.diagonal(e, v);
            if weights.iter().all(|w| *w == 0.0) {
                continue;
            }
            let way = e * row + v + corner as isize;
            let (rows, rest) = (way.div_euclid(row), way.rem_euclid(row));
            let (pixels, rest) = (rest / pixel, (rest % pixel) as usize);
            let mask = match self.borders {
                Borders::Masked => self.mask_of(e),
                Borders::Prepared => None,
            };
            let small_rows = rows as usize * self.from.copies();
            let node = tree.node(mask, small_rows, pixels as usize);
            // The output's frame is rotated by shift and corner, and the rest of the way follows.
            let weights = rotated(&weights, encoding.shift as i64 + corner - rest as i64);
            let unit = if rest % giant == 0 { Complex64::ONE } else { Complex64::I };
            add_term(&mut sums[rest / giant], node, weights.into_iter().map(|w| w * unit));
        }
        while sums.len() > 1 && sums.last().is_some_and(Vec::is_empty) {
            sums.pop();
        }
        let masks: Vec<Vec<Complex64>> =
            tree.masks.iter().map(|m| m.slots(self.from, encoding.shift)).collect();
        let mask_scale = if masks.is_empty() { 1.0 } else { f64::from(1 << encoding.mask_bits) };
        let special = bootstrap.key_levels().at(encoding.level)?.special;
        Ok(TransformPlan {
            level: encoding.level,
            baby_special: special,
            giant_special: special,
            nodes: tree.nodes,
            masks,
            mask_scale,
            sums,
            giant: Some(GaloisElement::rotation(steps::GIANT, degree)),
            weight_scale: encoding.gain / mask_scale,
            rescales: encoding.rescales,
        })
    }

    fn stride(&self) -> usize {
        1 << (self.to.stage() - self.from.stage())
    }

    /// How far taps are from the position that they are for, in rows or columns.
    fn taps(&self) -> RangeInclusive<isize> {
        let first = -(self.before as isize);
        first..=first + self.kernel as isize - 1
    }

    /// All rotations that any tap may need.
    fn offsets(&self) -> impl Iterator<Item = Offset> {
        let (first, last) = self.taps().into_inner();
        // The second half of the copies in a strided layer stands one row further down.
        let lowest_row = first - (self.stride() as isize - 1);
        let from = self.from.channels() as isize;
        let lowest = first * from - (self.to.channels() as isize - 1);
        let highest = last * from + from - 1;
        (lowest_row..=last).flat_map(move |e| (lowest..=highest).map(move |v| (e, v)))
    }

    /// The weight of each output slot for one rotation, over the shortest period.
    fn diagonal(&self, e: isize, v: isize) -> Vec<f64> {
        let period = if self.stride() == 1 { ROW_SLOTS } else { 2 * self.from.row_stride() };
        (0..period).map(|slot| self.weight(slot, e, v)).collect()
    }

    fn weight(&self, slot: usize, e: isize, v: isize) -> f64 {
        // In a strided layer the output row is two input rows long; its second half is filled with
        // copies that read from one row higher relative to themselves.
        let second_half = slot / self.from.row_stride();
        let dy = e + second_half as isize;
        let place = slot % ROW_SLOTS;
        let (column, output) = (place / self.to.channels(), place % self.to.channels());
        let Ok(source) = usize::try_from(place as isize + v) else {
            return 0.0;
        };
        if source >= ROW_SLOTS {
            return 0.0;
        }
        let (source_column, slot_channel) =
            (source / self.from.channels(), source % self.from.channels());
        let dx = source_column as isize - (column * self.stride()) as isize;
        let taps = self.taps();
        if !taps.contains(&dy) || !taps.contains(&dx) || output >= self.outputs {
            return 0.0;
        }
        let input = match self.borders {
            Borders::Masked => slot_channel,
            Borders::Prepared => {
                let first = RowGroup::of_tap(dy).channel(self.inputs, 0);
                if !(first..first + self.inputs).contains(&slot_channel) {
                    return 0.0;
                }
                slot_channel - first
            }
        };
        if input >= self.inputs {
            return 0.0;
        }
        let (ky, kx) = ((dy - taps.start()) as usize, (dx - taps.start()) as usize);
        let index = ((output * self.inputs + input) * self.kernel + ky) * self.kernel + kx;
        f64::from(self.weights[index])
    }

    /// The mask that a rotation by `e` rows reads through: without the border that a tap of it
    /// would read beyond the opposite one.
    ///
    /// No tap misses the masked row. With a stride of 1 a rotation is one tap. With a stride of 2
    /// it is two, for rows of different parity: where the last row (odd) is masked for a tap at
    /// row -1, the other tap reads even rows; where the first (even) is masked for a tap at the row
    /// after the last, the other reads odd rows, or that same row.
    fn mask_of(&self, e: isize) -> Option<RowGroup> {
        let stride = self.stride() as isize;
        let taps = self.taps();
        let mut read = (e..e + stride).filter(|dy| taps.contains(dy));
        read.find_map(|dy| match dy {
            ..=-1 => Some(RowGroup::WithoutLast),
            // The last position has stride - 1 rows below it.
            _ if dy >= stride => Some(RowGroup::WithoutFirst),
            _ => None,
        })
    }
}

/// Adds weights to those of the same node, if there are any.
fn add_term(sum: &mut Vec<Term>, node: usize, weights: impl Iterator<Item = Complex64>) {
    match sum.iter_mut().find(|term| term.node == node) {
        Some(term) => term.weights.iter_mut().zip(weights).for_each(|(sum, w)| *sum += w),
        None => sum.push(Term { node, weights: weights.collect() }),
    }
}

impl RowGroup {
    /// One where the group keeps a row of the layout, else zero, rotated left by `shift`.
    fn slots(self, layout: Layout, shift: usize) -> Vec<Complex64> {
        let keeps = |slot: usize| {
            let row = slot / layout.row_stride();
            match self {
                Self::All => true,
                Self::WithoutLast => row + 1 < layout.side(),
                Self::WithoutFirst => row > 0,
            }
        };
        let mask: Vec<f64> = (0..SLOTS).map(|slot| f64::from(u8::from(keeps(slot)))).collect();
        rotated(&mask, shift as i64)
    }
}

/// Rotated copies of the input, made on demand from their neighbours.
struct NodeTree {
    degree: usize,
    nodes: Vec<Node>,
    masks: Vec<RowGroup>,
    known: HashMap<(Option<usize>, usize, usize), usize>,
}

impl NodeTree {
    fn new(degree: usize) -> Self {
        Self { degree, nodes: Vec::new(), masks: Vec::new(), known: HashMap::new() }
    }

    /// The input, masked, rotated by so many rows of the widest layout and steps of 16 slots.
    fn node(&mut self, mask: Option<RowGroup>, rows: usize, pixels: usize) -> usize {
        let mask = mask.map(|m| {
            self.masks.iter().position(|known| *known == m).unwrap_or_else(|| {
                self.masks.push(m);
                self.masks.len() - 1
            })
        });
        self.numbered(mask, rows, pixels)
    }

    fn numbered(&mut self, mask: Option<usize>, rows: usize, pixels: usize) -> usize {
        if let Some(&node) = self.known.get(&(mask, rows, pixels)) {
            return node;
        }
        let rotation = |steps| GaloisElement::rotation(steps, self.degree);
        let node = if pixels > 0 {
            let (parent, further) = steps::parent(pixels);
            let element = rotation(further as i64 * steps::PIXEL);
            Node::Step { from: self.numbered(mask, rows, parent), element }
        } else if rows > 0 {
            let long = (steps::LONG_ROW / steps::ROW) as usize;
            let (step, rows_less) = match rows.checked_sub(long) {
                Some(less) => (steps::LONG_ROW, less),
                None => (steps::ROW, rows - 1),
            };
            let element = rotation(step);
            Node::Step { from: self.numbered(mask, rows_less, 0), element }
        } else {
            Node::Input { mask }
        };
        self.nodes.push(node);
        self.known.insert((mask, rows, pixels), self.nodes.len() - 1);
        self.nodes.len() - 1
    }
}

/// `values` rotated left by `steps`, as complex numbers.
pub(crate) fn rotated(values: &[f64], steps: i64) -> Vec<Complex64> {
    let count = values.len() as i64;
    (0..count)
        .map(|i| Complex64::new(values[(i + steps).rem_euclid(count) as usize], 0.0))
        .collect()
}

#[cfg(test)]
mod tests;
