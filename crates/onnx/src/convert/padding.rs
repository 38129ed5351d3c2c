//! Zeros around a picture, which become part of the convolution that reads them, or whole channels
//! of zeros.

use blindsight_model::graph::{MAX_SIDE, Padding};
use blindsight_model::tensor::Shape;

use super::operands::missing;
use super::slots::State;
use super::{Call, Converter, Done, Map, Stop, Value};
use crate::array::axis_of;
use crate::attributes::problem;
use crate::axes::{Axes, Side};
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    pub(super) fn pad(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 4)?;
        let mode = call.attributes.text("mode", "constant")?;
        if mode != "constant" {
            return Err(problem("mode", "is not constant".to_owned()).into());
        }
        let pads = self.integers_either(call, "pads", 1, "paddings")?;
        let pads = pads.ok_or_else(|| missing("paddings"))?;
        let mut value = call.attributes.float("value", 0.0)?;
        if self.value(call, 2).is_some() {
            let array = self.reals(call, 2, "padding value")?;
            value = array.scalar().unwrap_or(f32::NAN);
        }
        if value != 0.0 {
            return Err(Reason::Computation("it pads with something else than 0".to_owned()).into());
        }
        let axes = match self.value(call, 3) {
            Some(_) => Some(self.integers(call, 3, "axes")?.values().to_vec()),
            None => None,
        };
        let map = self.map(call, 0, "input")?;
        let added = Added::of(&map.axes, &pads, axes)?;
        match (added.channels, added.around == Padding::default()) {
            (0, true) => Ok(Done::new(Value::Map(map), "does nothing: it adds no zeros")),
            (0, false) => self.pad_around(call, map, added.around),
            (channels, true) => self.pad_channels(call, map, channels),
            _ => {
                let text = "it adds zeros around the picture and channels at once";
                Err(Reason::Layout(text.to_owned()).into())
            }
        }
    }

    /// Rows and columns of zeros, held back until a convolution reads them.
    fn pad_around(
        &mut self,
        call: &Call<'m>,
        map: Map,
        padding: Padding,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(&map);
        let [top, left, bottom, right] = padding.sides();
        let (height, width) = (top + shape.height() + bottom, left + shape.width() + right);
        let after = Shape::new(shape.channels(), height, width)?;
        let source = self.build(&map)?;
        let state = State::Padded { slot: map.slot, source, padding };
        let slot = self.slots.wait(call.index, after, state);
        let how = "padding of the convolution after it";
        Ok(Done::new(Value::Map(Map { slot, axes: map.axes }), how))
    }
}

/// What a Pad adds.
#[derive(Default)]
struct Added {
    /// Channels, before and after.
    channels: usize,
    /// Rows and columns.
    around: Padding,
}

impl Added {
    fn of(axes: &Axes, pads: &[i64], given: Option<Vec<i64>>) -> Result<Self, Reason> {
        let misfit = || Reason::Operands("its paddings and axes do not fit together".to_owned());
        let rank = axes.rank();
        let padded: Vec<usize> = match given {
            None => (0..rank).collect(),
            Some(given) => {
                let known: Option<Vec<usize>> =
                    given.iter().map(|&axis| axis_of(axis, rank)).collect();
                known.ok_or_else(misfit)?
            }
        };
        if pads.len() != 2 * padded.len() {
            return Err(misfit());
        }
        let (before, after) = pads.split_at(padded.len());
        let mut added = Self::default();
        for (index, (&axis, (&first, &last))) in
            padded.iter().zip(before.iter().zip(after)).enumerate()
        {
            if padded.iter().take(index).any(|earlier| *earlier == axis) {
                return Err(misfit());
            }
            if first == 0 && last == 0 {
                continue;
            }
            added.add(axes, axis, [first, last]).ok_or_else(|| {
                Reason::Layout(format!(
                    "it adds {first} before and {last} after dimension {axis}; only rows and \
                     columns of zeros before a convolution, and channels of zeros, as many before \
                     as after, are supported"
                ))
            })?;
        }
        Ok(added)
    }

    /// Adds so many before and after one axis; `None` when that is not supported.
    fn add(&mut self, axes: &Axes, axis: usize, counts: [i64; 2]) -> Option<()> {
        let [Ok(first), Ok(last)] = counts.map(usize::try_from) else { return None };
        // A single channel has no side of its own, but is where channels belong.
        let single = (0..axes.rank()).all(|axis| !axes.sides(axis).contains(&Side::Channel));
        let lone_place = single && axes.rank() == 4 && axis == 1;
        match axes.sides(axis) {
            [Side::Channel] if first == last => self.channels = first,
            [] if lone_place && first == last => self.channels = first,
            // Sides beyond this are no convolution's, and their sums could overflow.
            [Side::Row | Side::Column] if first.max(last) > MAX_SIDE => return None,
            [Side::Row] => self.around.rows = [first, last],
            [Side::Column] => self.around.columns = [first, last],
            _ => return None,
        }
        Some(())
    }
}
