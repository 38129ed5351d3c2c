//! Attributes of operators that move a window over the picture.

use blindsight_model::graph::{MAX_SIDE, Padding};
use blindsight_model::tensor::Shape;

use crate::attributes::{Attributes, problem};
use crate::error::Reason;

/// A window of a convolution or a pool, in height and width. One of a single length has one row.
pub(super) struct Window {
    /// In how many directions it moves, if an attribute says that.
    directions: Option<(&'static str, usize)>,
    kernel: Option<[usize; 2]>,
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    border: Border,
}

enum Border {
    /// Before and after, for height and width.
    Given([[usize; 2]; 2]),
    /// So many zeros that the result is the picture divided by the stride; an odd one comes first.
    SameLower,
    /// The same; an odd one comes last.
    SameUpper,
}

impl Window {
    /// Takes the attributes that all such operators have.
    pub(super) fn take(attributes: &mut Attributes) -> Result<Self, Reason> {
        let mut directions = None;
        let mut take = |name, edges| lengths(attributes, name, edges, &mut directions);
        let kernel = take("kernel_shape", 1)?.map(|[sides, _]| one_row(sides));
        let stride = take("strides", 1)?.map_or([1; 2], |[sides, _]| one_row(sides));
        let dilation = take("dilations", 1)?.map_or([1; 2], |[sides, _]| one_row(sides));
        let pads = take("pads", 2)?.map(|[before, after]| {
            let [before, after] = [before, after].map(|sides| sides.map(|side| side.unwrap_or(0)));
            [[before[0], after[0]], [before[1], after[1]]]
        });
        let border = match attributes.text("auto_pad", "NOTSET")? {
            "NOTSET" => Border::Given(pads.unwrap_or_default()),
            _ if pads.is_some_and(|pads| pads != [[0; 2]; 2]) => {
                return Err(problem("pads", "is given beside auto_pad".to_owned()));
            }
            "VALID" => Border::Given([[0; 2]; 2]),
            "SAME_UPPER" => Border::SameUpper,
            "SAME_LOWER" => Border::SameLower,
            _ => return Err(problem("auto_pad", "has an unknown value".to_owned())),
        };
        if stride.contains(&0) || kernel.is_some_and(|kernel| kernel.contains(&0)) {
            return Err(problem("strides", "or kernel_shape contains 0".to_owned()));
        }
        Ok(Self { directions, kernel, stride, dilation, border })
    }

    /// Refuses a window that moves in another number of directions.
    pub(super) fn moves_in(&self, found: usize) -> Result<(), Reason> {
        match self.directions {
            Some((name, own)) if own != found => {
                Err(problem(name, format!("is for {own} directions, but it has {found}")))
            }
            _ => Ok(()),
        }
    }

    /// The kernel's height and width, which `found` must agree with.
    pub(super) fn agree(&self, found: [usize; 2]) -> Result<(), Reason> {
        match self.kernel {
            Some(kernel) if kernel != found => {
                Err(problem("kernel_shape", format!("is {kernel:?}, but should be {found:?}")))
            }
            _ => Ok(()),
        }
    }

    /// The kernel's height and width, if they are given.
    pub(super) const fn kernel(&self) -> Option<[usize; 2]> {
        self.kernel
    }

    /// The zeros before and after, for height and width, where they are given as numbers.
    pub(super) const fn given(&self) -> Option<[[usize; 2]; 2]> {
        match self.border {
            Border::Given(pads) => Some(pads),
            Border::SameLower | Border::SameUpper => None,
        }
    }

    /// Whether nothing is added at the border.
    pub(super) const fn is_bare(&self) -> bool {
        matches!(self.border, Border::Given([[0, 0], [0, 0]]))
    }

    /// The zeros that this operator adds around what it reads.
    pub(super) fn padding(&self, source: Shape, kernel: [usize; 2]) -> Padding {
        let sides = [source.height(), source.width()];
        let added = |axis: usize| match self.border {
            Border::Given(pads) => pads[axis],
            Border::SameLower | Border::SameUpper => {
                let stride = self.stride[axis];
                let reach = (sides[axis].div_ceil(stride) - 1) * stride + kernel[axis];
                let total = reach.saturating_sub(sides[axis]);
                let (less, more) = (total / 2, total.div_ceil(2));
                let lower = matches!(self.border, Border::SameLower);
                if lower { [more, less] } else { [less, more] }
            }
        };
        Padding { rows: added(0), columns: added(1) }
    }

    /// Of all paddings that give the same result, the even one, else the smallest: what is added at
    /// the end only matters as far as a window reaches it.
    pub(super) fn reduced(&self, source: Shape, kernel: [usize; 2], padding: Padding) -> Padding {
        let Some(result) = self.result(source, kernel, padding) else { return padding };
        let even = Padding::even(padding.rows[0]);
        if padding.columns[0] == padding.rows[0]
            && self.result(source, kernel, even) == Some(result)
        {
            return even;
        }
        let sides = [source.height(), source.width()];
        let reached = |axis: usize, before: usize| {
            let reach = (result[axis] - 1) * self.stride[axis] + kernel[axis];
            [before, reach.saturating_sub(before + sides[axis])]
        };
        Padding { rows: reached(0, padding.rows[0]), columns: reached(1, padding.columns[0]) }
    }

    /// Height and width of the result; `None` when the kernel does not fit.
    pub(super) fn result(
        &self,
        source: Shape,
        kernel: [usize; 2],
        padding: Padding,
    ) -> Option<[usize; 2]> {
        let [top, left, bottom, right] = padding.sides();
        let height = (top + source.height() + bottom).checked_sub(kernel[0])?;
        let width = (left + source.width() + right).checked_sub(kernel[1])?;
        Some([height / self.stride[0] + 1, width / self.stride[1] + 1])
    }
}

/// Lengths for rows, which there may be none of, and columns.
type Sides = [Option<usize>; 2];

/// One row where there are none.
fn one_row(sides: Sides) -> [usize; 2] {
    sides.map(|side| side.unwrap_or(1))
}

/// An attribute of one length for each direction, or of one for each of its two ends.
fn lengths(
    attributes: &mut Attributes,
    name: &'static str,
    ends: usize,
    directions: &mut Option<(&'static str, usize)>,
) -> Result<Option<[Sides; 2]>, Reason> {
    let Some(ints) = attributes.ints(name)? else { return Ok(None) };
    let count = ints.len() / ends;
    if count * ends != ints.len() || !(1..=2).contains(&count) {
        let text = format!(
            "has {} numbers, but only windows that move in one or two directions are supported",
            ints.len()
        );
        return Err(problem(name, text));
    }
    if directions.is_some_and(|(_, known)| known != count) {
        return Err(problem(name, format!("has {} numbers, others do not", ints.len())));
    }
    *directions = Some((name, count));
    let mut lengths = [[None; 2]; 2];
    for (end, ints) in lengths.iter_mut().zip(ints.chunks(count)) {
        for (length, int) in end.iter_mut().rev().zip(ints.iter().rev()) {
            // Pools may be larger than any kernel, but not so large that sums overflow.
            let most = MAX_SIDE * MAX_SIDE;
            let known = usize::try_from(*int).ok().filter(|&length| length <= most);
            let wrong = || problem(name, format!("contains {int}, which is out of range"));
            *length = Some(known.ok_or_else(wrong)?);
        }
    }
    Ok(Some(lengths))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(stride: usize, border: Border) -> Window {
        Window { directions: None, kernel: None, stride: [stride; 2], dilation: [1; 2], border }
    }

    #[test]
    fn paddings_are_reduced_to_what_is_reached() {
        let reduced = |stride, border, side, kernel| {
            let picture = Shape::new(1, side, side).unwrap();
            let window = window(stride, border);
            window.reduced(picture, kernel, window.padding(picture, kernel))
        };
        assert_eq!(reduced(1, Border::SameUpper, 32, [3, 3]), Padding::even(1));
        assert_eq!(reduced(1, Border::SameUpper, 32, [1, 1]), Padding::even(0));
        let rows_alone = Padding { rows: [1, 1], columns: [0, 0] };
        assert_eq!(reduced(1, Border::SameUpper, 32, [3, 1]), rows_alone);
        // At stride 2 the odd zero comes last, and is reached; first, the last is not.
        assert_eq!(reduced(2, Border::SameUpper, 32, [3, 3]), Padding::uneven(0, 1));
        assert_eq!(reduced(2, Border::SameLower, 32, [3, 3]), Padding::even(1));
        assert_eq!(reduced(2, Border::SameUpper, 32, [1, 1]), Padding::even(0));
        assert_eq!(reduced(2, Border::SameUpper, 31, [3, 3]), Padding::even(1));
        let too_many = Border::Given([[0, 2], [0, 2]]);
        assert_eq!(reduced(2, too_many, 32, [3, 3]), Padding::uneven(0, 1));
        let given = Border::Given([[1, 1], [1, 0]]);
        let uneven = Padding { rows: [1, 1], columns: [1, 0] };
        assert_eq!(reduced(1, given, 32, [3, 3]), uneven);
    }
}
