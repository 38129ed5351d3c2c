//! A tensor whose axes are parts of a feature map's sides: what a reshape makes that cuts a side.
//!
//! An axis is a product of strides over the feature map in channel, row, column order. Reshaping
//! splits them, transposing changes their order, and a
//! [`Rearrangement`] makes a feature map of it again.

use blindsight_model::graph::Rearrangement;
use blindsight_model::tensor::Shape;

use crate::array::is_permutation;
use crate::axes::{Axes, Side};

/// The axes of a tensor over a feature map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View(Vec<Vec<Run>>);

/// So many elements at one distance; more than one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    length: usize,
    stride: usize,
}

/// More axes than any network has.
const MOST_AXES: usize = 16;

impl View {
    pub(crate) fn of(axes: &Axes, shape: Shape) -> Self {
        let run = |side: &Side| Run { length: side.length(shape), stride: stride(*side, shape) };
        let axis = |axis: usize| axes.sides(axis).iter().map(run).filter(|run| run.length > 1);
        Self((0..axes.rank()).map(|index| axis(index).collect()).collect())
    }

    /// The lengths of the axes.
    pub(crate) fn dims(&self) -> Vec<usize> {
        self.0.iter().map(|axis| axis.iter().map(|run| run.length).product()).collect()
    }

    /// The axes in another order: `order[i]` is the old place of the new axis `i`.
    pub(crate) fn transposed(&self, order: &[usize]) -> Option<Self> {
        if !is_permutation(order, self.0.len()) {
            return None;
        }
        order.iter().map(|&axis| self.0.get(axis).cloned()).collect::<Option<_>>().map(Self)
    }

    /// Axes of other lengths over the same elements in the same order.
    pub(crate) fn regrouped(&self, dims: &[usize]) -> Option<Self> {
        if dims.len() > MOST_AXES {
            return None;
        }
        let mut runs = joined(self.0.iter().flatten().copied()).into_iter();
        let mut rest: Option<Run> = None;
        let mut axes = Vec::with_capacity(dims.len());
        for &length in dims {
            let (mut axis, mut wanted) = (Vec::new(), length);
            while wanted != 1 {
                let run = rest.take().or_else(|| runs.next())?;
                if wanted != 0 && wanted.is_multiple_of(run.length) {
                    wanted /= run.length;
                    axis.push(run);
                } else if wanted != 0 && run.length.is_multiple_of(wanted) {
                    let inner = run.length / wanted;
                    axis.push(Run { length: wanted, stride: run.stride * inner });
                    rest = Some(Run { length: inner, stride: run.stride });
                    wanted = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        if rest.is_some() || runs.next().is_some() { None } else { Some(Self(axes)) }
    }

    /// The same as products of whole sides, where they are.
    pub(crate) fn axes(&self, shape: Shape) -> Option<Axes> {
        let axis = |runs: &Vec<Run>| {
            let mut all = Vec::new();
            for run in joined(runs.iter().copied()) {
                all.extend(sides(run, shape)?);
            }
            Some(all)
        };
        self.0.iter().map(axis).collect::<Option<_>>().map(Axes::of_sides)
    }

    /// The feature map of this shape that has the elements in the tensor's order.
    pub(crate) fn rearrangement(&self, shape: Shape) -> Option<Rearrangement> {
        let runs: Vec<Run> = joined(self.0.iter().flatten().copied());
        // As they lie in the feature map, largest distances first.
        let mut places: Vec<usize> = (0..runs.len()).collect();
        places.sort_by_key(|&index| std::cmp::Reverse(runs.get(index).map(|run| run.stride)));
        let lengths = places.iter().filter_map(|&index| runs.get(index)).map(|run| run.length);
        let order = |index: usize| places.iter().position(|&place| place == index);
        let order = (0..runs.len()).map(order).collect::<Option<_>>()?;
        Rearrangement::new(lengths.collect(), order, shape).ok()
    }
}

/// Neighbours that are one run together, as one.
fn joined(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::new();
    for run in runs {
        match all.last_mut() {
            Some(last) if last.stride == run.stride * run.length => {
                *last = Run { length: last.length * run.length, stride: run.stride };
            }
            _ => all.push(run),
        }
    }
    all
}

/// The sides that a run goes over, if it goes over whole ones.
fn sides(run: Run, shape: Shape) -> Option<Vec<Side>> {
    let mut sides = Vec::new();
    let mut length = 1;
    for side in [Side::Column, Side::Row, Side::Channel] {
        let own = side.length(shape);
        if own > 1 && length < run.length && stride(side, shape) == run.stride * length {
            length *= own;
            sides.insert(0, side);
        }
    }
    (length == run.length).then_some(sides)
}

fn stride(side: Side, shape: Shape) -> usize {
    match side {
        Side::Channel => shape.plane(),
        Side::Row => shape.width(),
        Side::Column => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::new(6, 2, 3).unwrap()
    }

    fn view() -> View {
        View::of(&Axes::channels_first(shape()), shape())
    }

    #[test]
    fn channels_are_cut_and_shuffled() {
        let cut = view().regrouped(&[1, 2, 3, 2, 3]).unwrap();
        assert_eq!(cut.dims(), [1, 2, 3, 2, 3]);
        assert!(cut.axes(shape()).is_none());
        let turned = cut.transposed(&[0, 2, 1, 3, 4]).unwrap();
        let shuffled = turned.regrouped(&[1, 6, 2, 3]).unwrap();
        assert_eq!(shuffled.dims(), [1, 6, 2, 3]);
        let places: Vec<usize> = shuffled.rearrangement(shape()).unwrap().places().collect();
        let first: Vec<usize> = places.iter().step_by(6).map(|place| place / 6).collect();
        assert_eq!(first, [0, 3, 1, 4, 2, 5]);
        assert!(places.chunks(6).all(|map| map.windows(2).all(|pair| pair[1] == pair[0] + 1)));
    }

    #[test]
    fn what_is_put_together_again_has_its_sides() {
        let cut = view().regrouped(&[4, 9]).unwrap();
        assert_eq!(cut.dims(), [4, 9]);
        let whole = cut.regrouped(&[1, 6, 2, 3]).unwrap();
        assert_eq!(whole.axes(shape()), Some(Axes::channels_first(shape())));
        let turned = view().transposed(&[0, 2, 3, 1]).unwrap();
        assert_eq!(turned.axes(shape()), Some(Axes::channels_last(shape())));
        assert_eq!(
            turned.regrouped(&[6, 6]).unwrap().regrouped(&[1, 2, 3, 6]).unwrap().axes(shape()),
            Some(Axes::channels_last(shape()))
        );
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for impossible in [&[1, 35][..], &[36, 2], &[0, 36], &[1; 17], &[usize::MAX, 2]] {
            assert_eq!(view().regrouped(impossible), None, "{impossible:?}");
        }
        // Rows come first in the tensor: what would begin in the middle of one is no run.
        let turned = view().transposed(&[0, 2, 1, 3]).unwrap();
        assert_eq!(turned.regrouped(&[1, 3, 12]), None);
    }
}
