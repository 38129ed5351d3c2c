//! Zeros around a picture, which become part of the convolution that reads them, or whole channels
//! of zeros.

use blindsight_model::graph::{MAX_SIDE, Padding};
use blindsight_model::tensor::Shape;

use super::operands::missing;
use super::select::{resized, side_of};
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
        let beyond = Beyond::of(mode).ok_or_else(|| problem("mode", "is not known".to_owned()))?;
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
        let amounts = amounts(&map.axes, &pads, axes)?;
        let added = match beyond {
            Beyond::Zeros => Added::of(&map.axes, &amounts),
            _ => None,
        };
        let Some(added) = added else { return self.extend(call, &map, &amounts, beyond) };
        match (added.channels, added.around == Padding::default()) {
            (0, true) => Ok(Done::new(Value::Map(map), "does nothing: it adds no zeros")),
            (0, false) => self.pad_around(call, map, added.around),
            (channels, true) => self.pad_channels(call, map, channels),
            _ => self.extend(call, &map, &amounts, beyond),
        }
    }

    /// Any more or fewer rows, columns and channels.
    fn extend(
        &mut self,
        call: &Call<'m>,
        map: &Map,
        amounts: &[(usize, [i64; 2])],
        beyond: Beyond,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(map);
        let mut id = self.build(map)?;
        for &(axis, [before, after]) in amounts {
            let refused = || {
                let text = format!(
                    "it adds {before} before and {after} after dimension {axis}: too many or too \
                     few, or to several sides at once"
                );
                Reason::Layout(text)
            };
            let side = side_of(&map.axes, shape, axis).ok_or_else(refused)?;
            let places = beyond.places(side.length(shape), [before, after]);
            id = self.places(call, id, side, places.ok_or_else(refused)?)?;
        }
        let axes = resized(&map.axes, shape, self.slots.node_shape(id)?);
        self.done(call, id, axes, "more or fewer rows, columns or channels")
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

/// What lies beyond the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    Zeros,
    /// What lies as far within, the border itself but once.
    Reflected,
    /// The border.
    Edge,
    /// The other end.
    Wrapped,
}

impl Beyond {
    fn of(mode: &str) -> Option<Self> {
        Some(match mode {
            "constant" => Self::Zeros,
            "reflect" => Self::Reflected,
            "edge" => Self::Edge,
            "wrap" => Self::Wrapped,
            _ => return None,
        })
    }

    /// What is read where, with so many more before and after a side, or fewer.
    fn places(self, length: usize, [before, after]: [i64; 2]) -> Option<Vec<Option<usize>>> {
        // Sides beyond this are no network's, and sums could overflow.
        let most = (MAX_SIDE * MAX_SIDE) as i64;
        let length = i64::try_from(length).ok()?;
        if !(-most..=most).contains(&before) || !(-most..=most).contains(&after) {
            return None;
        }
        let place = |at: i64| {
            let inside = (0..length).contains(&at);
            let place = match self {
                _ if inside => Some(at),
                Self::Zeros => None,
                Self::Edge => Some(at.clamp(0, length - 1)),
                Self::Wrapped => Some(at.rem_euclid(length)),
                Self::Reflected if length == 1 => Some(0),
                Self::Reflected => {
                    let at = at.rem_euclid(2 * (length - 1));
                    Some(at.min(2 * (length - 1) - at))
                }
            };
            place.and_then(|place| usize::try_from(place).ok())
        };
        let places: Vec<Option<usize>> = (-before..length + after).map(place).collect();
        (!places.is_empty()).then_some(places)
    }
}

/// What is added before and after each axis, where it is anything.
fn amounts(
    axes: &Axes,
    pads: &[i64],
    given: Option<Vec<i64>>,
) -> Result<Vec<(usize, [i64; 2])>, Reason> {
    let misfit = || Reason::Operands("its paddings and axes do not fit together".to_owned());
    let rank = axes.rank();
    let padded: Vec<usize> = match given {
        None => (0..rank).collect(),
        Some(given) => {
            let known: Option<Vec<usize>> = given.iter().map(|&axis| axis_of(axis, rank)).collect();
            known.ok_or_else(misfit)?
        }
    };
    let repeated = padded
        .iter()
        .enumerate()
        .any(|(index, axis)| padded.iter().take(index).any(|earlier| earlier == axis));
    if pads.len() != 2 * padded.len() || repeated {
        return Err(misfit());
    }
    let (before, after) = pads.split_at(padded.len());
    let amounts = padded.into_iter().zip(before.iter().zip(after));
    let amounts = amounts.map(|(axis, (first, last))| (axis, [*first, *last]));
    Ok(amounts.filter(|(_, counts)| *counts != [0, 0]).collect())
}

/// What a Pad adds for a convolution or a shortcut.
#[derive(Default)]
struct Added {
    /// Channels, before and after.
    channels: usize,
    /// Rows and columns.
    around: Padding,
}

impl Added {
    /// `None` when it is for something else.
    fn of(axes: &Axes, amounts: &[(usize, [i64; 2])]) -> Option<Self> {
        let mut added = Self::default();
        amounts.iter().try_for_each(|&(axis, counts)| added.add(axes, axis, counts))?;
        Some(added)
    }

    /// Adds so many before and after one axis.
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
