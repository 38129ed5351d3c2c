//! Averages over windows and over whole channels, in the ways that exporters write them.

use std::collections::BTreeSet;

use blindsight_model::graph::{Conv2d, MAX_SIDE, Node, NodeId, Padding, Pool};
use blindsight_model::tensor::Shape;

use super::convolution::layer_axes;
use super::select::surrounded;
use super::window::Window;
use super::{Call, Converter, Done, Map, Stop, Value};
use crate::array::axis_of;
use crate::attributes::problem;
use crate::axes::{Axes, Side};
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    pub(super) fn global_average_pool(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let map = self.map(call, 0, "input")?;
        let axes: Vec<usize> = (2..map.axes.rank()).collect();
        let map = if over_pixels(&map.axes, &axes) { map } else { self.layered(call, map)? };
        self.average(call, map, &axes, true)
    }

    pub(super) fn average_pool(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let window = Window::take(&mut call.attributes)?;
        if window.dilation != [1; 2] {
            let text = format!("are {:?}; only 1 is supported", window.dilation);
            return Err(problem("dilations", text).into());
        }
        // Without a border it does not matter what of it counts, nor with one window where it ends.
        let partial = call.attributes.flag("ceil_mode", false)?;
        let zeros_count = call.attributes.flag("count_include_pad", false)?;
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let shape = self.shape_of(&map);
        let whole = [shape.height(), shape.width()];
        window.moves_in(map.axes.rank() - 2)?;
        match window.kernel() {
            Some(_) if partial && !window.is_bare() => {
                Err(problem("ceil_mode", "is set, with padding".to_owned()).into())
            }
            Some(kernel) if !window.is_bare() => {
                let padding = window.padding(shape, kernel);
                let pool = Pool::new(kernel, window.stride)?;
                self.padded_pool(call, &map, pool, padding, zeros_count)
            }
            Some(kernel) if kernel == whole => {
                let axes: Vec<usize> = (2..map.axes.rank()).collect();
                self.average(call, map, &axes, true)
            }
            Some(kernel) if !partial => self.pool(call, &map, Pool::new(kernel, window.stride)?),
            Some(_) => Err(problem("ceil_mode", "is set; it is not supported".to_owned()).into()),
            None => Err(problem("kernel_shape", "is missing".to_owned()).into()),
        }
    }

    /// The means of windows that reach into zeros, which count or do not.
    fn padded_pool(
        &mut self,
        call: &Call<'m>,
        map: &Map,
        pool: Pool,
        padding: Padding,
        zeros_count: bool,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(map);
        let source = self.build(map)?;
        if padding.sides().iter().any(|side| *side > MAX_SIDE) {
            return Err(problem("pads", "is out of range".to_owned()).into());
        }
        let places = [
            (Side::Row, surrounded(shape.height(), padding.rows)),
            (Side::Column, surrounded(shape.width(), padding.columns)),
        ];
        let mut id = source;
        for (side, places) in places.clone() {
            id = self.places(call, id, side, places)?;
        }
        id = self.node(call, Node::AveragePool { source: id, pool })?;
        if !zeros_count {
            for (axis, (side, places)) in places.into_iter().enumerate() {
                id = self.uncounted(
                    call,
                    id,
                    side,
                    &places,
                    [pool.kernel(), pool.stride()].map(|s| s[axis]),
                )?;
            }
        }
        let axes = layer_axes(map.axes.rank(), self.slots.node_shape(id)?);
        self.done(call, id, axes, "averages of windows")
    }

    /// Means along a side over all of a window's places as means over those that are no zeros.
    fn uncounted(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        side: Side,
        places: &[Option<usize>],
        [kernel, stride]: [usize; 2],
    ) -> Result<NodeId, Stop> {
        let windows = places.windows(kernel).step_by(stride);
        let counts: Vec<usize> = windows.map(|window| window.iter().flatten().count()).collect();
        let different: BTreeSet<usize> = counts.iter().copied().collect();
        if different.contains(&0) {
            let text = "a window lies outside of what it moves over";
            return Err(Reason::Layout(text.to_owned()).into());
        }
        let mut sum = None;
        for count in different {
            let place = |(at, found): (usize, &usize)| (*found == count).then_some(at);
            let of_count = counts.iter().enumerate().map(place).collect();
            let part = self.places(call, source, side, of_count)?;
            let factor = kernel as f32 / count as f32;
            let part = self.times(call, part, |_| (factor, 0.0))?;
            sum = Some(match sum {
                None => part,
                Some(left) => self.node(call, Node::Add { left, right: part })?,
            });
        }
        Ok(sum.unwrap_or(source))
    }

    /// The means of windows.
    fn pool(&mut self, call: &Call<'m>, map: &Map, pool: Pool) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(map);
        if pool.result([shape.height(), shape.width()]).is_none() {
            let text = "the window is larger than what it moves over";
            return Err(Reason::Layout(text.to_owned()).into());
        }
        let source = self.build(map)?;
        let slot = self.slots.emit(call.index, Node::AveragePool { source, pool })?;
        let axes = layer_axes(map.axes.rank(), self.slots.shape(slot));
        Ok(Done::new(Value::Map(Map { slot, axes }), "averages of windows"))
    }

    /// Means, or sums, over some of the dimensions.
    pub(super) fn reduce_mean(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let Reduction { map, axes, keep } = self.reduction(call)?;
        let sum = call.node.op_type == "ReduceSum";
        if over_pixels(&map.axes, &axes) && !sum {
            return self.average(call, map, &axes, keep);
        }
        let whole = |axis: &usize| map.axes.sides(*axis).len() <= 1;
        let map = if axes.iter().all(whole) { map } else { self.settled(call.index, map)? };
        let mut id = self.build(&map)?;
        let mut count = 1;
        for side in axes.iter().flat_map(|axis| map.axes.sides(*axis)) {
            let shape = self.slots.node_shape(id)?;
            let length = side.length(shape);
            count *= length;
            id = match side {
                Side::Row => self.mean_of_window(call, id, [length, 1])?,
                Side::Column => self.mean_of_window(call, id, [1, length])?,
                Side::Channel => {
                    let weights = vec![1.0 / length as f32; length];
                    let conv = Conv2d::new([1, length, 1, 1], weights, None, 1, 0)?;
                    self.node(call, Node::Conv2d { source: id, conv })?
                }
            };
        }
        if sum {
            id = self.times(call, id, |_| (count as f32, 0.0))?;
        }
        let after = reduced(map.axes, self.slots.node_shape(id)?, &axes, keep)?;
        self.done(call, id, after, if sum { "sums" } else { "averages" })
    }

    fn mean_of_window(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        window: [usize; 2],
    ) -> Result<NodeId, Stop> {
        let pool = Pool::new(window, window)?;
        self.node(call, Node::AveragePool { source, pool })
    }

    /// What a reduction reads, and over which of its dimensions it goes.
    pub(super) fn reduction(&mut self, call: &mut Call<'m>) -> Result<Reduction, Stop> {
        call.operands(1, 2)?;
        let keep = call.attributes.flag("keepdims", true)?;
        if call.attributes.flag("noop_with_empty_axes", false)? {
            return Err(problem("noop_with_empty_axes", "is set".to_owned()).into());
        }
        let axes = self.integers_either(call, "axes", 1, "axes")?.unwrap_or_default();
        let map = self.map(call, 0, "input")?;
        let rank = map.axes.rank();
        let known: Option<Vec<usize>> = axes.iter().map(|&axis| axis_of(axis, rank)).collect();
        let known = known.filter(|known| !known.is_empty() && !known.contains(&0));
        let axes = known.ok_or_else(|| {
            let text = "the dimensions that it goes over are not given, or the batch is one";
            Reason::Layout(text.to_owned())
        })?;
        Ok(Reduction { map, axes, keep })
    }

    /// The mean of each channel, over axes that are those of rows and columns.
    fn average(
        &mut self,
        call: &Call<'m>,
        map: Map,
        axes: &[usize],
        keep: bool,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(&map);
        let (slot, how) = if shape.plane() == 1 {
            (map.slot, "does nothing: each channel is one number already")
        } else {
            let source = self.build(&map)?;
            let slot = self.slots.emit(call.index, Node::GlobalAveragePool { source })?;
            (slot, "average of each channel")
        };
        let axes = reduced(map.axes, self.slots.shape(slot), axes, keep)?;
        Ok(Done::new(Value::Map(Map { slot, axes }), how))
    }
}

/// What a reduction does.
pub(super) struct Reduction {
    pub(super) map: Map,
    /// The dimensions that it goes over.
    pub(super) axes: Vec<usize>,
    /// Whether they stay, with a length of 1.
    pub(super) keep: bool,
}

/// Whether these axes are those of all rows and columns, and of nothing else.
pub(super) fn over_pixels(all: &Axes, axes: &[usize]) -> bool {
    (0..all.rank()).all(|axis| {
        let sides = all.sides(axis);
        let channels = sides.contains(&Side::Channel);
        let pixels = sides.iter().any(|side| *side != Side::Channel);
        let reduced = axes.contains(&axis);
        !(channels && reduced || pixels && !reduced)
    })
}

/// The axes after a reduction.
pub(super) fn reduced(all: Axes, after: Shape, axes: &[usize], keep: bool) -> Result<Axes, Reason> {
    let result = all.without_ones(after);
    if keep {
        return Ok(result);
    }
    let misfit = || Reason::Layout("it does not fit the dimensions that it reads".to_owned());
    result.squeezed(axes).ok_or_else(misfit)
}
