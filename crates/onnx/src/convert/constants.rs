//! Constants, and what is computed from them alone: shapes to reshape to, paddings, turned weights.

use std::rc::Rc;

use super::operands::missing;
use super::renaming::{order, resolved, squeezed, unsqueezed};
use super::{Call, Constant, Converter, Done, Stop, Value};
use crate::array::{Array, axis_of};
use crate::attributes::problem;
use crate::error::{Reason, shown};
use crate::tensors::{self, Kind, MAX_INTEGERS, type_name};

/// Operators that are computed beforehand when all their inputs are constants.
pub(super) const FOLDED: [&str; 15] = [
    "Add",
    "Cast",
    "Concat",
    "ConstantOfShape",
    "Div",
    "Gather",
    "Identity",
    "Mul",
    "Reshape",
    "Shape",
    "Slice",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
];

const BEFOREHAND: &str = "computed beforehand";

/// The operator Constant.
pub(super) fn constant<'m>(call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
    call.operands(0, 0)?;
    let attributes = &mut call.attributes;
    let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    let constant = if let Some(tensor) = attributes.tensor("value")? {
        tensors::check(tensor).map_err(|reason| Reason::Tensor { what: "value", reason })?;
        Constant::Stored(tensor)
    } else if attributes.has("value_float") {
        let value = attributes.float("value_float", 0.0)?;
        reals(Array::new(Vec::new(), vec![value]))?
    } else if let Some(values) = attributes.floats("value_floats")? {
        reals(Some(Array::vector(values.to_vec())).filter(|_| finite(values)))?
    } else if attributes.has("value_int") {
        let value = attributes.int("value_int", 0)?;
        integers(Array::new(Vec::new(), vec![value]))?
    } else if let Some(values) = attributes.ints("value_ints")? {
        integers(
            Some(values)
                .filter(|values| values.len() <= MAX_INTEGERS)
                .map(|values| Array::vector(values.to_vec())),
        )?
    } else {
        return Err(Reason::Computation("it has no value of a known kind".to_owned()).into());
    };
    Ok(Done::new(Value::Constant(constant), "constant"))
}

impl Constant<'_> {
    pub(super) fn dims(&self) -> Vec<usize> {
        match self {
            // Dimensions were checked when the file was read.
            Self::Stored(tensor) => {
                tensor.dims.iter().filter_map(|&side| usize::try_from(side).ok()).collect()
            }
            Self::Reals(array) => array.dims().to_vec(),
            Self::Integers(array) => array.dims().to_vec(),
        }
    }

    fn is_real(&self) -> bool {
        match self {
            Self::Stored(tensor) => Kind::of(tensor.data_type).is_some_and(Kind::is_real),
            Self::Reals(_) => true,
            Self::Integers(_) => false,
        }
    }
}

impl<'m> Converter<'m, '_> {
    /// An operator of [`FOLDED`] whose inputs are all constants.
    pub(super) fn folded(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let constant = match call.node.op_type.as_str() {
            "Identity" => {
                call.operands(1, 1)?;
                self.constant(call, 0, "input")?
            }
            "Shape" => return self.shape(call),
            "Cast" => self.cast(call)?,
            "ConstantOfShape" => self.filled(call)?,
            "Concat" => self.joined(call)?,
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(call)?,
            _ => self.moved(call)?,
        };
        Ok(Done::new(Value::Constant(constant), BEFOREHAND))
    }

    fn cast(&mut self, call: &mut Call<'m>) -> Result<Constant<'m>, Stop> {
        call.operands(1, 1)?;
        let to = i32::try_from(call.attributes.int("to", 0)?).unwrap_or(0);
        call.attributes.ignore("saturate");
        let constant = self.constant(call, 0, "input")?;
        let Some(kind) = Kind::of(to) else {
            return Err(problem("to", format!("is {}", type_name(to))).into());
        };
        match (constant.is_real(), kind.is_real()) {
            (true, true) | (false, false) => Ok(constant),
            (false, true) => {
                let array = self.read_integers(&constant, "input")?;
                reals(Some(array.map(|value| value as f32)))
            }
            (true, false) => {
                let array = self.read_reals(&constant, "input")?;
                let small = array.values().len() <= MAX_INTEGERS;
                integers(small.then(|| array.map(|value| value as i64)))
            }
        }
    }

    fn filled(&mut self, call: &mut Call<'m>) -> Result<Constant<'m>, Stop> {
        call.operands(1, 1)?;
        let value = call.attributes.tensor("value")?;
        let dims = self.integers(call, 0, "shape")?;
        let dims: Option<Vec<usize>> =
            dims.values().iter().map(|&side| usize::try_from(side).ok()).collect();
        let dims = dims.ok_or_else(too_large)?;
        let count = dims.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        let count = count.filter(|&count| count <= MAX_INTEGERS).ok_or_else(too_large)?;
        match value.map(Constant::Stored) {
            None => reals(Array::new(dims, vec![0.0; count])),
            Some(constant) if constant.is_real() => {
                let value = self.read_reals(&constant, "value")?.scalar();
                reals(value.and_then(|value| Array::new(dims, vec![value; count])))
            }
            Some(constant) => {
                let value = self.read_integers(&constant, "value")?.scalar();
                integers(value.and_then(|value| Array::new(dims, vec![value; count])))
            }
        }
    }

    fn joined(&mut self, call: &mut Call<'m>) -> Result<Constant<'m>, Stop> {
        let axis = call.attributes.int("axis", 0)?;
        let mut values = Vec::new();
        for input in 0..call.node.input.len() {
            let array = self.integers(call, input, "inputs")?;
            if array.dims().len() != 1 || axis_of(axis, 1).is_none() {
                let text = "only lists of integers can be joined beforehand";
                return Err(Reason::Computation(text.to_owned()).into());
            }
            values.extend_from_slice(array.values());
            if values.len() > MAX_INTEGERS {
                return Err(too_large().into());
            }
        }
        integers(Some(Array::vector(values)))
    }

    fn arithmetic(&mut self, call: &mut Call<'m>) -> Result<Constant<'m>, Stop> {
        call.operands(2, 2)?;
        let op = call.node.op_type.as_str();
        if self.constant(call, 0, "input")?.is_real() {
            let (left, right) = (self.reals(call, 0, "input")?, self.reals(call, 1, "input")?);
            return reals(paired(&left, &right, |x, y| {
                let value = match op {
                    "Add" => x + y,
                    "Sub" => x - y,
                    "Mul" => x * y,
                    _ => x / y,
                };
                Some(value).filter(|value| value.is_finite())
            }));
        }
        let (left, right) = (self.integers(call, 0, "input")?, self.integers(call, 1, "input")?);
        integers(paired(&left, &right, |x: i64, y: i64| match op {
            "Add" => x.checked_add(y),
            "Sub" => x.checked_sub(y),
            "Mul" => x.checked_mul(y),
            _ => x.checked_div(y),
        }))
    }

    /// Operators that only move elements.
    fn moved(&mut self, call: &mut Call<'m>) -> Result<Constant<'m>, Stop> {
        let constant = self.constant(call, 0, "input")?;
        let moved = self.moves(call, &constant.dims())?;
        if constant.is_real() {
            let array = self.read_reals(&constant, "input")?;
            reals(moved.apply(&array))
        } else {
            let array = self.read_integers(&constant, "input")?;
            integers(moved.apply(&array))
        }
    }

    /// What the operator does to an array of these dimensions.
    fn moves(&mut self, call: &mut Call<'m>, dims: &[usize]) -> Result<Move, Stop> {
        let unfit = || Reason::Layout(format!("it does not fit its input of dimensions {dims:?}"));
        let op = call.node.op_type.as_str();
        call.operands(1, if op == "Slice" { 5 } else { 2 })?;
        Ok(match op {
            "Transpose" => {
                Move::Turn(order(call)?.unwrap_or_else(|| (0..dims.len()).rev().collect()))
            }
            "Reshape" => {
                let zero_is_zero = call.attributes.flag("allowzero", false)?;
                let target = self.integers(call, 1, "new shape")?;
                Move::Rename(resolved(target.values(), dims, zero_is_zero).ok_or_else(unfit)?)
            }
            "Squeeze" => {
                let given = self.integers_either(call, "axes", 1, "axes")?;
                Move::Rename(squeezed(dims, given.as_deref()).ok_or_else(unfit)?)
            }
            "Unsqueeze" => {
                let given = self.integers_either(call, "axes", 1, "axes")?;
                let given = given.ok_or_else(|| missing("axes"))?;
                Move::Rename(unsqueezed(dims, &given).ok_or_else(unfit)?)
            }
            "Gather" => {
                let axis = call.attributes.int("axis", 0)?;
                let axis = axis_of(axis, dims.len()).ok_or_else(unfit)?;
                let side = dims.get(axis).copied().unwrap_or(0);
                let indices = self.integers(call, 1, "indices")?;
                let places: Option<Vec<usize>> =
                    indices.values().iter().map(|&index| axis_of(index, side)).collect();
                let places = places.filter(|_| indices.dims().len() <= 1).ok_or_else(unfit)?;
                Move::Pick { axis, places, drop: indices.dims().is_empty() }
            }
            "Slice" => self.sliced(call, dims)?.ok_or_else(unfit)?,
            other => return Err(Reason::Computation(format!("{} is unknown", shown(other))).into()),
        })
    }

    /// A Slice of one axis.
    fn sliced(&mut self, call: &mut Call<'m>, dims: &[usize]) -> Result<Option<Move>, Stop> {
        let starts = self.integers(call, 1, "starts")?;
        let ends = self.integers(call, 2, "ends")?;
        let axes = self.integers_either(call, "axes", 3, "axes")?.unwrap_or_else(|| vec![0]);
        let steps = self.integers_either(call, "steps", 4, "steps")?.unwrap_or_else(|| vec![1]);
        let (&[start], &[end], &[axis], &[step]) =
            (starts.values(), ends.values(), axes.as_slice(), steps.as_slice())
        else {
            return Ok(None);
        };
        let Some(axis) = axis_of(axis, dims.len()) else { return Ok(None) };
        let side = dims.get(axis).copied().unwrap_or(0);
        if side > MAX_INTEGERS || step == 0 {
            return Ok(None);
        }
        let side = i64::try_from(side).unwrap_or(0);
        let counted = |at: i64| if at < 0 { at.saturating_add(side) } else { at };
        // Backwards, the end may lie before the first element.
        let (low, high) = if step > 0 { (0, side) } else { (-1, side - 1) };
        let (mut at, end) = (counted(start).clamp(low, high), counted(end).clamp(low, high));
        let mut places = Vec::new();
        while if step > 0 { at < end } else { at > end } {
            places.extend(usize::try_from(at));
            at = at.saturating_add(step);
        }
        Ok(Some(Move::Pick { axis, places, drop: false }))
    }
}

/// A rearrangement of an array's elements.
enum Move {
    Turn(Vec<usize>),
    Rename(Vec<usize>),
    Pick { axis: usize, places: Vec<usize>, drop: bool },
}

impl Move {
    fn apply<T: Copy>(&self, array: &Array<T>) -> Option<Array<T>> {
        match self {
            Self::Turn(order) => array.transposed(order),
            Self::Rename(dims) => array.clone().reshaped(dims.clone()),
            Self::Pick { axis, places, drop } => {
                // Picking the same element again and again would multiply the array.
                let most = array.dims().get(*axis).copied().unwrap_or(0).max(MAX_INTEGERS);
                let picked = (places.len() <= most).then(|| array.picked(*axis, places))??;
                let mut dims = picked.dims().to_vec();
                if *drop {
                    dims.remove(*axis);
                }
                picked.reshaped(dims)
            }
        }
    }
}

/// The operation on elements in pairs; one number goes with every element of the other array.
fn paired<T: Copy>(
    left: &Array<T>,
    right: &Array<T>,
    operation: impl Fn(T, T) -> Option<T>,
) -> Option<Array<T>> {
    let values: Option<Vec<T>> = if left.dims() == right.dims() {
        let pairs = left.values().iter().zip(right.values());
        pairs.map(|(&x, &y)| operation(x, y)).collect()
    } else if let Some(y) = right.scalar().filter(|_| right.dims().len() <= left.dims().len()) {
        left.values().iter().map(|&x| operation(x, y)).collect()
    } else if let Some(x) = left.scalar().filter(|_| left.dims().len() <= right.dims().len()) {
        return Array::new(
            right.dims().to_vec(),
            right.values().iter().map(|&y| operation(x, y)).collect::<Option<_>>()?,
        );
    } else {
        return None;
    };
    Array::new(left.dims().to_vec(), values?)
}

fn reals<'m>(array: Option<Array<f32>>) -> Result<Constant<'m>, Stop> {
    array.map(|array| Constant::Reals(Rc::new(array))).ok_or_else(|| not_folded().into())
}

fn integers<'m>(array: Option<Array<i64>>) -> Result<Constant<'m>, Stop> {
    let array = array.filter(|array| array.values().len() <= MAX_INTEGERS);
    array.map(|array| Constant::Integers(Rc::new(array))).ok_or_else(|| not_folded().into())
}

fn not_folded() -> Reason {
    Reason::Computation("its constants do not fit together or are out of range".to_owned())
}

fn too_large() -> Reason {
    let text =
        format!("it computes more than {MAX_INTEGERS} constants, or a negative number of them");
    Reason::Computation(text)
}
