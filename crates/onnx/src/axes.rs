//! How the dimensions of an ONNX tensor relate to channels, rows and columns.
//!
//! A batch of one needs no side of its own, and neither does any side of length 1. So an axis is a
//! product of the remaining sides: N x C x H x W is `[] [C] [H] [W]`, what TensorFlow writes is
//! `[] [H] [W] [C]`, a flattened feature map `[] [C H W]`, and one that was averaged before
//! `[] [C]`. Transposing, flattening and reshaping only rename; what changes the order of values
//! in memory is remembered until a layer's weights can be put in that order.

use blindsight_model::tensor::Shape;

use crate::array::is_permutation;

/// A side of a feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Channel,
    Row,
    Column,
}

use Side::{Channel, Column, Row};

impl Side {
    pub(crate) const fn length(self, shape: Shape) -> usize {
        match self {
            Channel => shape.channels(),
            Row => shape.height(),
            Column => shape.width(),
        }
    }
}

/// The axes of a tensor that holds a feature map: every side longer than 1 is in exactly one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axes(Vec<Vec<Side>>);

impl Axes {
    /// Batch, channels, height, width.
    pub(crate) fn channels_first(shape: Shape) -> Self {
        Self(vec![vec![], vec![Channel], vec![Row], vec![Column]]).without_ones(shape)
    }

    /// Batch, height, width, channels.
    pub(crate) fn channels_last(shape: Shape) -> Self {
        Self(vec![vec![], vec![Row], vec![Column], vec![Channel]]).without_ones(shape)
    }

    /// Batch, channels, length, of what has one row.
    pub(crate) fn sequence(shape: Shape) -> Self {
        Self(vec![vec![], vec![Channel], vec![Column]]).without_ones(shape)
    }

    /// Batch, rows, columns, of what has one channel.
    pub(crate) fn plane(shape: Shape) -> Self {
        Self(vec![vec![], vec![Row], vec![Column]]).without_ones(shape)
    }

    /// An axis for each side, in their order, of a tensor with so many: a batch of one vector, one
    /// sequence of channels or one picture. `None` when the feature map has more sides.
    pub(crate) fn of_layers(rank: usize, shape: Shape) -> Option<Self> {
        match rank {
            2 => (shape.plane() == 1).then(|| Self::vector(2, shape)),
            3 => (shape.height() == 1).then(|| Self::sequence(shape)),
            4 => Some(Self::channels_first(shape)),
            _ => None,
        }
    }

    /// Axes that are products of these sides.
    pub(crate) fn of_sides(axes: Vec<Vec<Side>>) -> Self {
        Self(axes)
    }

    /// `rank` axes of which the last holds the values of a vector.
    pub(crate) fn vector(rank: usize, shape: Shape) -> Self {
        let mut axes = vec![vec![]; rank.max(1)];
        if let Some(last) = axes.last_mut() {
            last.push(Channel);
        }
        Self(axes).without_ones(shape)
    }

    pub(crate) fn rank(&self) -> usize {
        self.0.len()
    }

    /// The sides of one axis; none for an axis of length 1 or one that does not exist.
    pub(crate) fn sides(&self, axis: usize) -> &[Side] {
        self.0.get(axis).map_or(&[], Vec::as_slice)
    }

    /// The lengths of the axes.
    pub(crate) fn dims(&self, shape: Shape) -> Vec<usize> {
        self.0.iter().map(|axis| axis.iter().map(|side| side.length(shape)).product()).collect()
    }

    /// The axes in another order: `order[i]` is the old place of the new axis `i`.
    pub(crate) fn transposed(&self, order: &[usize]) -> Option<Self> {
        if !is_permutation(order, self.rank()) {
            return None;
        }
        Some(Self(order.iter().map(|&axis| self.sides(axis).to_vec()).collect()))
    }

    /// Axes of other lengths over the same values in the same order; `None` when that would cut
    /// a side into pieces.
    pub(crate) fn regrouped(&self, shape: Shape, dims: &[usize]) -> Option<Self> {
        let mut sides = self.0.iter().flatten().copied();
        let mut axes = Vec::with_capacity(dims.len());
        for &length in dims {
            let mut axis = Vec::new();
            let mut product = 1;
            while product < length {
                let side = sides.next()?;
                product *= side.length(shape);
                axis.push(side);
            }
            if product != length {
                return None;
            }
            axes.push(axis);
        }
        if sides.next().is_some() { None } else { Some(Self(axes)) }
    }

    /// Without the given axes, which must be of length 1.
    pub(crate) fn squeezed(&self, dropped: &[usize]) -> Option<Self> {
        if dropped.iter().any(|&axis| !self.sides(axis).is_empty()) {
            return None;
        }
        let kept = self.0.iter().enumerate().filter(|(axis, _)| !dropped.contains(axis));
        Some(Self(kept.map(|(_, sides)| sides.clone()).collect()))
    }

    /// The same axes after sides have become shorter.
    pub(crate) fn without_ones(mut self, shape: Shape) -> Self {
        for axis in &mut self.0 {
            axis.retain(|side| side.length(shape) > 1);
        }
        self
    }

    /// Whether values lie in channel, row, column order.
    pub(crate) fn in_order(&self) -> bool {
        let places: Vec<u8> = self.0.iter().flatten().map(|&side| side as u8).collect();
        places.is_sorted()
    }

    /// For every value in channel, row, column order, its place in the tensor.
    pub(crate) fn places(&self, shape: Shape) -> Vec<usize> {
        let mut strides = [0; 3];
        let mut product = 1;
        for &side in self.0.iter().flatten().rev() {
            if let Some(stride) = strides.get_mut(side as usize) {
                *stride = product;
            }
            product *= side.length(shape);
        }
        let [channel, row, column] = strides;
        let mut places = Vec::with_capacity(shape.elements());
        for c in 0..shape.channels() {
            for h in 0..shape.height() {
                places.extend((0..shape.width()).map(|w| c * channel + h * row + w * column));
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::new(2, 3, 4).unwrap()
    }

    #[test]
    fn flattening_keeps_the_order() {
        let first = Axes::channels_first(shape());
        assert_eq!(first.dims(shape()), [1, 2, 3, 4]);
        let flat = first.regrouped(shape(), &[1, 24]).unwrap();
        assert_eq!(flat.places(shape()), (0..24).collect::<Vec<_>>());
        assert!(flat.in_order());
        assert_eq!(flat.regrouped(shape(), &[2, 3, 1, 4, 1]).unwrap().sides(1), [Row]);
        let impossible: [&[usize]; 5] = [&[1, 4, 6], &[24, 2], &[1, 12], &[0], &[]];
        for impossible in impossible {
            assert!(flat.regrouped(shape(), impossible).is_none(), "{impossible:?}");
        }
    }

    #[test]
    fn channels_last_are_found_again() {
        let last = Axes::channels_last(shape());
        assert_eq!(last.transposed(&[0, 3, 1, 2]).unwrap(), Axes::channels_first(shape()));
        let flat = last.regrouped(shape(), &[24]).unwrap();
        assert!(!flat.in_order());
        // Value (c 1, h 0, w 1) comes after one whole pixel and one channel.
        assert_eq!(flat.places(shape())[12 + 1], 2 + 1);
    }

    #[test]
    fn sides_of_one_have_no_place() {
        let pooled = Shape::vector(5).unwrap();
        let axes = Axes::channels_last(pooled);
        assert_eq!(axes.transposed(&[0, 3, 1, 2]).unwrap(), Axes::channels_first(pooled));
        assert_eq!(axes.squeezed(&[1, 2]).unwrap(), Axes::vector(2, pooled));
        assert!(axes.squeezed(&[3]).is_none());
        assert_eq!(
            Axes::channels_first(pooled).regrouped(pooled, &[1, 5]),
            Some(Axes::vector(2, pooled))
        );
    }
}
