//! The parameter-free shortcut of a residual block: every second row and column, and channels of
//! zeros before and after.

use blindsight_model::graph::Node;
use blindsight_model::tensor::Shape;

use super::select::{resized, side_of, surrounded};
use super::slots::State;
use super::{Call, Converter, Done, Map, Stop, Value};
use crate::array::axis_of;
use crate::axes::{Axes, Side};
use crate::error::Reason;

/// Of one dimension: which elements a Slice keeps.
struct Cut {
    axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

impl Cut {
    /// What it keeps of so many elements, in order.
    fn places(&self, length: usize) -> Option<Vec<usize>> {
        let whole = i64::try_from(length).ok()?;
        let from_end = |at: i64| if at < 0 { at.saturating_add(whole) } else { at };
        let (start, end) = (from_end(self.start), from_end(self.end));
        // Backwards, the end may lie before the first.
        let (start, end) = match self.step {
            1.. => (start.clamp(0, whole), end.clamp(0, whole)),
            ..=-1 => (start.clamp(-1, whole - 1), end.clamp(-1, whole - 1)),
            0 => return None,
        };
        let inside = |at: &i64| if self.step > 0 { *at < end } else { *at > end };
        let next = |at: &i64| at.checked_add(self.step);
        let places = std::iter::successors(Some(start), next).take_while(inside);
        places.map(|at| usize::try_from(at).ok()).collect()
    }
}

impl<'m> Converter<'m, '_> {
    pub(super) fn slice(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(3, 5)?;
        let starts = self.integers(call, 1, "starts")?;
        let ends = self.integers(call, 2, "ends")?;
        let axes = self.integers_either(call, "axes", 3, "axes")?;
        let steps = self.integers_either(call, "steps", 4, "steps")?;
        let map = self.map(call, 0, "input")?;
        let cuts = cuts(starts.values(), ends.values(), axes, steps, map.axes.rank());
        let cuts = cuts.ok_or_else(|| {
            Reason::Operands("its starts, ends, axes and steps do not fit together".to_owned())
        })?;
        let dims = map.axes.dims(self.shape_of(&map));
        let mut thinned = [false; 2];
        for cut in &cuts {
            let length = dims.get(cut.axis).copied().unwrap_or(0);
            match (kept(cut, length), map.axes.sides(cut.axis)) {
                (Kept::All, _) => {}
                (Kept::EverySecond, [Side::Row]) => thinned[0] = true,
                (Kept::EverySecond, [Side::Column]) => thinned[1] = true,
                _ => return self.cut(call, &map, &cuts),
            }
        }
        self.thin(call, map, thinned)
    }

    /// Any part of a feature map.
    fn cut(&mut self, call: &Call<'m>, map: &Map, cuts: &[Cut]) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(map);
        let mut id = self.build(map)?;
        for cut in cuts {
            let refused = || {
                let Cut { axis, start, end, step } = cut;
                let text = format!(
                    "of dimension {axis} it keeps {start} to {end} in steps of {step}: nothing, or \
                     parts of several sides"
                );
                Reason::Layout(text)
            };
            let side = side_of(&map.axes, shape, cut.axis);
            let length = side.map_or(1, |side| side.length(shape));
            let places = cut.places(length).filter(|places| !places.is_empty());
            let places = places.ok_or_else(refused)?;
            if places.len() == length && cut.step > 0 {
                continue;
            }
            let places = places.into_iter().map(Some).collect();
            id = self.places(call, id, side.ok_or_else(refused)?, places)?;
        }
        let axes = map.axes.clone().without_ones(self.slots.node_shape(id)?);
        self.done(call, id, axes, "part of a feature map")
    }

    /// Channels of zeros, as many before as after.
    pub(super) fn pad_channels(
        &mut self,
        call: &Call<'m>,
        map: Map,
        added: usize,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(&map);
        let channels = added.checked_mul(2).and_then(|both| both.checked_add(shape.channels()));
        let channels = channels.ok_or_else(|| Reason::Layout("it adds too much".to_owned()))?;
        let thinned = match *self.slots.state(map.slot) {
            State::Thinned { slot, source, rows, columns } => {
                let before = self.slots.shape(slot);
                let both = (rows || before.height() == 1) && (columns || before.width() == 1);
                both.then_some(source)
            }
            _ => None,
        };
        let after = Shape::new(channels, shape.height(), shape.width())?;
        let Some(source) = thinned else {
            let source = self.build(&map)?;
            let places = surrounded(shape.channels(), [added; 2]);
            let id = self.places(call, source, Side::Channel, places)?;
            return self.done(call, id, resized(&map.axes, shape, after), "channels of zeros");
        };
        self.renote(map.slot, "part of the shortcut without parameters");
        let slot = self.slots.emit(call.index, Node::SubsamplePad { source, channels })?;
        // A single channel had no axis; now that there are more it has.
        let axes = if shape.channels() == 1 { Axes::channels_first(after) } else { map.axes };
        Ok(Done::new(Value::Map(Map { slot, axes }), "shortcut without parameters"))
    }

    /// Every second row, column or both; both may come one after the other.
    fn thin(&mut self, call: &Call<'m>, map: Map, thinned: [bool; 2]) -> Result<Done<'m>, Stop> {
        let [mut rows, mut columns] = thinned;
        if !rows && !columns {
            return Ok(Done::new(Value::Map(map), "does nothing: it keeps everything"));
        }
        let shape = self.shape_of(&map);
        let halved = |length: usize, halve: bool| if halve { length.div_ceil(2) } else { length };
        let after = Shape::new(
            shape.channels(),
            halved(shape.height(), rows),
            halved(shape.width(), columns),
        )?;
        let (slot, source) = match *self.slots.state(map.slot) {
            State::Thinned { slot, source, rows: earlier_rows, columns: earlier_columns }
                if !(rows && earlier_rows || columns && earlier_columns) =>
            {
                rows |= earlier_rows;
                columns |= earlier_columns;
                self.renote(map.slot, "part of the shortcut without parameters");
                (slot, source)
            }
            _ => (map.slot, self.build(&map)?),
        };
        let state = State::Thinned { slot, source, rows, columns };
        let slot = self.slots.wait(call.index, after, state);
        let axes = map.axes.without_ones(after);
        Ok(Done::new(Value::Map(Map { slot, axes }), "every second row and column"))
    }
}

enum Kept {
    All,
    EverySecond,
    Other,
}

fn kept(cut: &Cut, length: usize) -> Kept {
    let Ok(length) = i64::try_from(length) else { return Kept::Other };
    let clamped = |at: i64| {
        let at = if at < 0 { at.saturating_add(length) } else { at };
        at.clamp(0, length)
    };
    let (start, end) = (clamped(cut.start), clamped(cut.end));
    match cut.step {
        1 if start == 0 && end == length => Kept::All,
        // An even end cuts off nothing that the step would not have left out.
        2 if start == 0 && (end + 1) / 2 == (length + 1) / 2 => {
            if length == 1 {
                Kept::All
            } else {
                Kept::EverySecond
            }
        }
        _ => Kept::Other,
    }
}

/// One cut for every axis that is named; `None` when lists differ in length or an axis is wrong.
fn cuts(
    starts: &[i64],
    ends: &[i64],
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
    rank: usize,
) -> Option<Vec<Cut>> {
    let axes = match axes {
        Some(axes) => axes,
        None => (0..i64::try_from(starts.len()).ok()?).collect(),
    };
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return None;
    }
    let mut cuts: Vec<Cut> = Vec::new();
    for (((axis, &start), &end), step) in axes.into_iter().zip(starts).zip(ends).zip(steps) {
        let axis = axis_of(axis, rank)?;
        if cuts.iter().any(|cut| cut.axis == axis) {
            return None;
        }
        cuts.push(Cut { axis, start, end, step });
    }
    Some(cuts)
}
