//! Averages over windows and over whole channels, in the ways that exporters write them.

use std::collections::BTreeSet;

use blindsight_model::graph::{MAX_SIDE, Node, NodeId, Padding, Pool};

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
        let shape = self.shape_of(&map);
        let whole = [shape.height(), shape.width()];
        self.expect_channels_first(&map)?;
        match window.kernel() {
            Some(_) if partial && !window.is_bare() => {
                Err(problem("ceil_mode", "is set, with padding".to_owned()).into())
            }
            Some(kernel) if !window.is_bare() => {
                let padding = window.padding(shape, kernel);
                let pool = Pool::new(kernel, window.stride)?;
                self.padded_pool(call, &map, pool, padding, zeros_count)
            }
            Some(kernel) if kernel == whole => self.average(call, map, &[2, 3], true),
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
        let axes = Axes::channels_first(self.slots.node_shape(id)?);
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
        let axes = Axes::channels_first(self.slots.shape(slot));
        Ok(Done::new(Value::Map(Map { slot, axes }), "averages of windows"))
    }

    pub(super) fn reduce_mean(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 2)?;
        let keep = call.attributes.flag("keepdims", true)?;
        if call.attributes.flag("noop_with_empty_axes", false)? {
            return Err(problem("noop_with_empty_axes", "is set".to_owned()).into());
        }
        let axes = self.integers_either(call, "axes", 1, "axes")?;
        let map = self.map(call, 0, "input")?;
        let rank = map.axes.rank();
        let axes = axes.unwrap_or_default();
        let known: Option<Vec<usize>> = axes.iter().map(|&axis| axis_of(axis, rank)).collect();
        let known =
            known.filter(|known| !known.is_empty() && !known.contains(&0)).ok_or_else(whole)?;
        self.average(call, map, &known, keep)
    }

    /// The mean over the given axes, which must be those of rows and columns.
    fn average(
        &mut self,
        call: &Call<'m>,
        map: Map,
        axes: &[usize],
        keep: bool,
    ) -> Result<Done<'m>, Stop> {
        for axis in 0..map.axes.rank() {
            let channels = map.axes.sides(axis).contains(&Side::Channel);
            let pixels = map.axes.sides(axis).iter().any(|side| *side != Side::Channel);
            let averaged = axes.contains(&axis);
            if (channels && averaged) || (pixels && !averaged) {
                return Err(whole().into());
            }
        }
        let shape = self.shape_of(&map);
        let (slot, how) = if shape.plane() == 1 {
            (map.slot, "does nothing: each channel is one number already")
        } else {
            let source = self.build(&map)?;
            let slot = self.slots.emit(call.index, Node::GlobalAveragePool { source })?;
            (slot, "average of each channel")
        };
        let mut result = map.axes.without_ones(self.slots.shape(slot));
        if !keep {
            result = result.squeezed(axes).ok_or_else(whole)?;
        }
        Ok(Done::new(Value::Map(Map { slot, axes: result }), how))
    }
}

fn whole() -> Reason {
    let text = "only averages over all rows and columns of each channel are supported";
    Reason::Layout(text.to_owned())
}
