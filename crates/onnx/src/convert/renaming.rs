//! Operators that compute nothing: they rename dimensions, or only matter in training.

use std::rc::Rc;

use blindsight_model::tensor::Shape;

use super::operands::missing;
use super::{Call, Constant, Converter, Done, Map, Stop, Value};
use crate::array::{Array, axis_of};
use crate::attributes::problem;
use crate::axes::Axes;
use crate::error::Reason;
use crate::tensors::{Kind, type_name};
use crate::view::View;

const RENAMES: &str = "only renames dimensions";

impl<'m> Converter<'m, '_> {
    /// Identity, Dropout, and Cast between real numbers.
    pub(super) fn pass(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let mut how = "does nothing at inference";
        match call.node.op_type.as_str() {
            "Dropout" => {
                call.operands(1, 3)?;
                call.attributes.ignore("ratio");
                call.attributes.ignore("seed");
                if self.value(call, 2).is_some() {
                    let training = self.integers(call, 2, "training mode")?;
                    if training.scalar() != Some(0) {
                        let text = "it is in training mode; export the model for inference";
                        return Err(Reason::Computation(text.to_owned()).into());
                    }
                }
            }
            "Cast" => {
                call.operands(1, 1)?;
                expect_real(call)?;
                how = "does nothing: everything is computed in single precision or better";
            }
            _ => call.operands(1, 1)?,
        }
        self.renamed(call, how, |_| Some(Renaming::Nothing))
    }

    pub(super) fn transpose(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let order = order(call)?;
        self.renamed(call, RENAMES, |dims| {
            Some(Renaming::Turned(order.unwrap_or_else(|| (0..dims.len()).rev().collect())))
        })
    }

    pub(super) fn reshape(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let zero_is_zero = call.attributes.flag("allowzero", false)?;
        let target = self.integers(call, 1, "new shape")?;
        self.renamed(call, RENAMES, |dims| {
            resolved(target.values(), dims, zero_is_zero).map(Renaming::Regrouped)
        })
    }

    pub(super) fn flatten(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let axis = call.attributes.int("axis", 1)?;
        self.renamed(call, RENAMES, |dims| {
            // One past the last is allowed here.
            let rank = i64::try_from(dims.len()).ok()?;
            let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
            let (before, after) = dims.split_at_checked(usize::try_from(axis).ok()?)?;
            Some(Renaming::Regrouped(vec![before.iter().product(), after.iter().product()]))
        })
    }

    /// Squeeze and Unsqueeze.
    pub(super) fn squeeze(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 2)?;
        let given = self.integers_either(call, "axes", 1, "axes")?;
        let adds = call.node.op_type == "Unsqueeze";
        self.renamed(call, RENAMES, |dims| {
            let dims = if adds {
                unsqueezed(dims, given.as_ref()?)
            } else {
                squeezed(dims, given.as_deref())
            };
            dims.map(Renaming::Regrouped)
        })
    }

    /// Softmax and LogSoftmax at the end, which keep the order of the scores.
    pub(super) fn softmax(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        // Before version 13, all dimensions from the axis on counted as one.
        let flattens = self.opset < 13;
        let axis = call.attributes.int("axis", if flattens { 1 } else { -1 })?;
        let map = self.map(call, 0, "input")?;
        let axis = axis_of(axis, map.axes.rank())
            .ok_or_else(|| problem("axis", "is out of range".to_owned()))?;
        let covered = |other: usize| if flattens { other >= axis } else { other == axis };
        let all =
            (0..map.axes.rank()).all(|other| covered(other) || map.axes.sides(other).is_empty());
        if !all {
            let text = "it should go over all scores, but goes over one of several dimensions";
            return Err(Reason::Layout(text.to_owned()).into());
        }
        let how = "left to the client: it does not change the order of the scores";
        Ok(Done::new(Value::Scores(map), how))
    }

    /// The dimensions of a feature map, as a constant.
    pub(super) fn shape(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let start = call.attributes.int("start", 0)?;
        let end = call.attributes.int("end", i64::MAX)?;
        let dims = match self.value(call, 0) {
            Some(Value::Map(map) | Value::Scores(map)) => map.axes.dims(self.shape_of(map)),
            Some(Value::View { view, .. }) => view.dims(),
            Some(Value::Refused) => return Err(Stop::Poisoned),
            Some(Value::Constant(constant)) => constant.dims(),
            None => return Err(missing("input")),
        };
        let rank = i64::try_from(dims.len()).unwrap_or(i64::MAX);
        let clamped = |at: i64| {
            let at = if at < 0 { at.saturating_add(rank) } else { at };
            usize::try_from(at.clamp(0, rank)).unwrap_or(0)
        };
        let picked = dims.get(clamped(start)..clamped(end)).unwrap_or(&[]);
        let values = picked.iter().filter_map(|&side| i64::try_from(side).ok()).collect();
        let value = Value::Constant(Constant::Integers(Rc::new(Array::vector(values))));
        Ok(Done::new(value, "known beforehand: the dimensions are fixed"))
    }

    /// The first input with other axes, which what it does to these lengths says.
    fn renamed(
        &mut self,
        call: &Call<'m>,
        how: &str,
        rename: impl FnOnce(&[usize]) -> Option<Renaming>,
    ) -> Result<Done<'m>, Stop> {
        let refused = |dims: &[usize]| {
            let text = format!(
                "it turns the dimensions {dims:?} into something that is not a batch of one \
                 feature map or vector"
            );
            Stop::from(Reason::Layout(text))
        };
        let (slot, view, renaming) = match self.value(call, 0).cloned() {
            Some(Value::View { slot, view }) => {
                let renaming = rename(&view.dims()).ok_or_else(|| refused(&view.dims()))?;
                (slot, view, renaming)
            }
            value => {
                let (map, scores) = match value {
                    Some(Value::Scores(map)) => (map, true),
                    _ => (self.map(call, 0, "input")?, false),
                };
                self.note_sharing(call, 0, &map);
                let Map { slot, axes } = map;
                let shape = self.slots.shape(slot);
                let dims = axes.dims(shape);
                let renaming = rename(&dims).ok_or_else(|| refused(&dims))?;
                if let Some(axes) = renaming.of_axes(&axes, shape) {
                    let map = Map { slot, axes };
                    let value = if scores { Value::Scores(map) } else { Value::Map(map) };
                    return Ok(Done::new(value, how));
                }
                if scores {
                    return Err(refused(&dims));
                }
                (slot, View::of(&axes, shape), renaming)
            }
        };
        let view = renaming.of_view(&view).ok_or_else(|| refused(&view.dims()))?;
        let value = match view.axes(self.slots.shape(slot)) {
            Some(axes) => Value::Map(Map { slot, axes }),
            None => Value::View { slot, view },
        };
        Ok(Done::new(value, how))
    }
}

/// What becomes of axes.
enum Renaming {
    Nothing,
    /// In another order.
    Turned(Vec<usize>),
    /// Of other lengths.
    Regrouped(Vec<usize>),
}

impl Renaming {
    fn of_axes(&self, axes: &Axes, shape: Shape) -> Option<Axes> {
        match self {
            Self::Nothing => Some(axes.clone()),
            Self::Turned(order) => axes.transposed(order),
            Self::Regrouped(dims) => axes.regrouped(shape, dims),
        }
    }

    fn of_view(&self, view: &View) -> Option<View> {
        match self {
            Self::Nothing => Some(view.clone()),
            Self::Turned(order) => view.transposed(order),
            Self::Regrouped(dims) => view.regrouped(dims),
        }
    }
}

/// Refuses a Cast to anything but real numbers.
pub(super) fn expect_real(call: &mut Call) -> Result<(), Reason> {
    let to = call.attributes.int("to", 0)?;
    call.attributes.ignore("saturate");
    let to = i32::try_from(to).unwrap_or(0);
    if Kind::of(to).is_some_and(Kind::is_real) {
        return Ok(());
    }
    Err(problem("to", format!("is {}; only real numbers are supported", type_name(to))))
}

/// The attribute `perm` of a Transpose.
pub(super) fn order(call: &mut Call) -> Result<Option<Vec<usize>>, Reason> {
    let Some(order) = call.attributes.ints("perm")? else { return Ok(None) };
    let order: Option<Vec<usize>> = order.iter().map(|&axis| usize::try_from(axis).ok()).collect();
    order.map(Some).ok_or_else(|| problem("perm", "is not an order of dimensions".to_owned()))
}

/// The dimensions that a Reshape asks for: -1 is what is left over, 0 what was there before.
pub(super) fn resolved(target: &[i64], dims: &[usize], zero_is_zero: bool) -> Option<Vec<usize>> {
    let mut wanted = Vec::with_capacity(target.len());
    let mut open = None;
    for (axis, &length) in target.iter().enumerate() {
        wanted.push(match length {
            -1 if open.replace(axis).is_some() => return None,
            -1 => 1,
            0 if zero_is_zero => 0,
            0 => *dims.get(axis)?,
            length => usize::try_from(length).ok()?,
        });
    }
    let count =
        |dims: &[usize]| dims.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
    if let Some(open) = open {
        let rest = count(&wanted)?;
        let all = count(dims)?;
        *wanted.get_mut(open)? =
            if rest > 0 && all % rest == 0 { all / rest } else { return None };
    }
    Some(wanted)
}

/// Dimensions without the given ones, or without all of length 1.
pub(super) fn squeezed(dims: &[usize], given: Option<&[i64]>) -> Option<Vec<usize>> {
    let Some(given) = given else {
        return Some(dims.iter().copied().filter(|&side| side != 1).collect());
    };
    let axes: Option<Vec<usize>> = given.iter().map(|&axis| axis_of(axis, dims.len())).collect();
    let axes = axes?;
    let mut kept = Vec::new();
    for (axis, &side) in dims.iter().enumerate() {
        match axes.contains(&axis) {
            false => kept.push(side),
            true if side == 1 => {}
            true => return None,
        }
    }
    Some(kept)
}

/// Dimensions with new ones of length 1, which are at the given places of the result.
pub(super) fn unsqueezed(dims: &[usize], given: &[i64]) -> Option<Vec<usize>> {
    /// More dimensions than any network has.
    const MOST: usize = 16;
    let rank = dims.len().checked_add(given.len()).filter(|&rank| rank <= MOST)?;
    let axes: Option<Vec<usize>> = given.iter().map(|&axis| axis_of(axis, rank)).collect();
    let axes = axes?;
    let mut old = dims.iter().copied();
    let all: Option<Vec<usize>> =
        (0..rank).map(|axis| if axes.contains(&axis) { Some(1) } else { old.next() }).collect();
    // An axis given twice leaves one over.
    all.filter(|_| old.next().is_none())
}
