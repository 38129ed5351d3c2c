//! Maxima: of windows, of whole channels, of two feature maps.
//!
//! The larger of a and b is `b + relu(a - b)`. A window's maximum is that of its rows and then of
//! its columns, each a few of these; what lies beyond the border is left out by reading an element
//! of the window twice.

use blindsight_model::graph::{ActivationKind, Node, NodeId};

use super::convolution::layer_axes;
use super::pooling::{Reduction, over_pixels, reduced};
use super::window::Window;
use super::{Call, Converter, Done, Map, Stop};
use crate::attributes::problem;
use crate::axes::Side;
use crate::error::Reason;

const LARGEST: &str = "maximum of each channel, from ReLUs of differences";

/// Windows of more rows or columns than this take too many steps.
const LARGEST_WINDOW: usize = 64;

impl<'m> Converter<'m, '_> {
    pub(super) fn max_pool(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let window = Window::take(&mut call.attributes)?;
        let partial = call.attributes.flag("ceil_mode", false)?;
        // It says how indices are counted, which are not supported.
        call.attributes.flag("storage_order", false)?;
        let kernel = window.kernel();
        let kernel = kernel.ok_or_else(|| problem("kernel_shape", "is missing".to_owned()))?;
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let (shape, rank) = (self.shape_of(&map), map.axes.rank());
        window.moves_in(rank - 2)?;
        let reach = [0, 1].map(|i| (kernel[i] - 1).saturating_mul(window.dilation[i]) + 1);
        let padding = window.padding(shape, reach);
        let mut id = self.refreshed(call, map.slot)?;
        let axes = [(Side::Row, padding.rows), (Side::Column, padding.columns)];
        for (index, (side, pads)) in axes.into_iter().enumerate() {
            let windows = Windows {
                length: side.length(shape),
                kernel: kernel[index],
                stride: window.stride[index],
                dilation: window.dilation[index],
                pads,
                partial,
            };
            let places = windows.places().ok_or_else(|| {
                let text = "a window lies outside of what it moves over, or is too large";
                Reason::Layout(text.to_owned())
            })?;
            id = self.maximum(call, id, side, places)?;
        }
        let axes = layer_axes(rank, self.slots.node_shape(id)?);
        self.done(
            call,
            id,
            axes,
            "maxima of windows, each the sum of one and a ReLU of differences",
        )
    }

    pub(super) fn global_max_pool(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let id = self.largest(call, &map)?;
        let axes = layer_axes(map.axes.rank(), self.slots.node_shape(id)?);
        self.done(call, id, axes, LARGEST)
    }

    /// Maxima over all rows and columns.
    pub(super) fn reduce_max(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let Reduction { map, axes, keep } = self.reduction(call)?;
        let map = if over_pixels(&map.axes, &axes) { map } else { self.settled(call.index, map)? };
        if !over_pixels(&map.axes, &axes) {
            let text = "only maxima over all rows and columns of each channel are supported";
            return Err(Reason::Layout(text.to_owned()).into());
        }
        let id = self.largest(call, &map)?;
        let after = reduced(map.axes, self.slots.node_shape(id)?, &axes, keep)?;
        self.done(call, id, after, LARGEST)
    }

    /// The maximum of each channel.
    fn largest(&mut self, call: &Call<'m>, map: &Map) -> Result<NodeId, Stop> {
        let shape = self.shape_of(map);
        let mut id = self.refreshed(call, map.slot)?;
        for side in [Side::Row, Side::Column] {
            let mut length = side.length(shape);
            while length > 1 {
                // Each with the one half of the length further on, the middle one with itself.
                let half = length.div_ceil(2);
                let second = |at: usize| Some((at + half).min(length - 1));
                let halves = vec![(0..half).map(Some).collect(), (0..half).map(second).collect()];
                id = self.maximum(call, id, side, halves)?;
                length = half;
            }
        }
        Ok(id)
    }

    /// The larger of two feature maps, or the smaller.
    pub(super) fn max(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let (left, right) = (self.map(call, 0, "input")?, self.map(call, 1, "input")?);
        let (left, right, axes) = self.broadcast(call, &left, &right)?;
        if call.node.op_type == "Max" {
            let id = self.larger(call, left, right)?;
            return self.done(call, id, axes, "the larger of two, from a ReLU of their difference");
        }
        let source = self.difference(call, left, right)?;
        let more = self.node(call, Node::Activation { source, kind: ActivationKind::Relu })?;
        let id = self.difference(call, left, more)?;
        self.done(call, id, axes, "the smaller of two, from a ReLU of their difference")
    }

    /// A result that is not a sum of many products: reading one at several places would repeat it.
    fn refreshed(&mut self, call: &Call<'m>, slot: usize) -> Result<NodeId, Stop> {
        let source = self.build_slot(slot)?;
        if self.slots.is_light(source) {
            return Ok(source);
        }
        self.node(call, Node::Activation { source, kind: ActivationKind::Identity })
    }

    /// The largest of what is at each list's places.
    fn maximum(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        side: Side,
        places: Vec<Vec<Option<usize>>>,
    ) -> Result<NodeId, Stop> {
        let length = side.length(self.slots.node_shape(source)?);
        let mut parts = Vec::with_capacity(places.len());
        for places in places {
            let all = places.iter().copied().eq((0..length).map(Some));
            parts.push(if all { source } else { self.places(call, source, side, places)? });
        }
        while parts.len() > 1 {
            let mut larger = Vec::with_capacity(parts.len().div_ceil(2));
            for pair in parts.chunks(2) {
                larger.push(match *pair {
                    [left, right] => self.larger(call, left, right)?,
                    [one] => one,
                    _ => continue,
                });
            }
            parts = larger;
        }
        Ok(parts.first().copied().unwrap_or(source))
    }

    fn larger(&mut self, call: &Call<'m>, left: NodeId, right: NodeId) -> Result<NodeId, Stop> {
        let source = self.difference(call, left, right)?;
        let left = self.node(call, Node::Activation { source, kind: ActivationKind::Relu })?;
        self.node(call, Node::Add { left, right })
    }
}

/// Windows along one side.
struct Windows {
    length: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: [usize; 2],
    /// Whether the last one may reach beyond the end.
    partial: bool,
}

impl Windows {
    /// For each place in the window, what it reads in each window. `None` when there is no window,
    /// or one without any element.
    fn places(&self) -> Option<Vec<Vec<Option<usize>>>> {
        let [before, after] = self.pads;
        if self.kernel > LARGEST_WINDOW {
            return None;
        }
        let reach = (self.kernel - 1).checked_mul(self.dilation)?.checked_add(1)?;
        let padded = before.checked_add(self.length)?.checked_add(after)?;
        let span = padded.checked_sub(reach)?;
        let mut count = span / self.stride + 1;
        // A window must start before the zeros at the end.
        if self.partial && span % self.stride != 0 && count * self.stride < before + self.length {
            count += 1;
        }
        let element = |window: usize, place: usize| {
            let at = (window * self.stride + place * self.dilation).checked_sub(before);
            at.filter(|at| *at < self.length)
        };
        let first = |window: usize| (0..self.kernel).find_map(|place| element(window, place));
        let firsts: Vec<usize> = (0..count).map(first).collect::<Option<_>>()?;
        let of_place = |place: usize| {
            let read = |(window, first): (usize, &usize)| element(window, place).unwrap_or(*first);
            firsts.iter().enumerate().map(read).map(Some).collect()
        };
        Some((0..self.kernel).map(of_place).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(length: usize, kernel: usize, stride: usize, pads: [usize; 2]) -> Windows {
        Windows { length, kernel, stride, dilation: 1, pads, partial: false }
    }

    #[test]
    fn borders_are_left_out() {
        let places = windows(5, 3, 2, [1, 1]).places().unwrap();
        let plain = |places: &[Option<usize>]| -> Vec<usize> {
            places.iter().map(|place| place.unwrap()).collect()
        };
        // The windows are 0 1, 1 2 3 and 3 4.
        assert_eq!(plain(&places[0]), [0, 1, 3]);
        assert_eq!(plain(&places[1]), [0, 2, 4]);
        assert_eq!(plain(&places[2]), [1, 3, 3]);
    }

    #[test]
    fn windows_outside_are_refused() {
        assert!(windows(2, 3, 1, [0, 0]).places().is_none());
        assert!(windows(2, 2, 1, [2, 0]).places().is_none(), "zeros alone");
        assert!(windows(500, LARGEST_WINDOW + 1, 1, [0, 0]).places().is_none());
    }

    #[test]
    fn the_last_window_may_be_cut_off() {
        let partial = Windows { partial: true, ..windows(5, 2, 2, [0, 0]) };
        let places = partial.places().unwrap();
        assert_eq!(places[0], [Some(0), Some(2), Some(4)]);
        assert_eq!(places[1], [Some(1), Some(3), Some(4)]);
    }
}
