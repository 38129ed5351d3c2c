//! Attributes of operators that move a window over the picture.

use blindsight_model::graph::{MAX_SIDE, Padding};
use blindsight_model::tensor::Shape;

use crate::attributes::{Attributes, problem};
use crate::error::Reason;

/// A window of a convolution or a pool, in height and width.
pub(super) struct Window {
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
        let kernel = lengths(attributes, "kernel_shape")?;
        let stride = lengths(attributes, "strides")?.unwrap_or([1; 2]);
        let dilation = lengths(attributes, "dilations")?.unwrap_or([1; 2]);
        let pads = lengths::<4>(attributes, "pads")?
            .map(|[top, left, bottom, right]| [[top, bottom], [left, right]]);
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
        Ok(Self { kernel, stride, dilation, border })
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

/// An attribute of exactly `N` lengths.
fn lengths<const N: usize>(
    attributes: &mut Attributes,
    name: &str,
) -> Result<Option<[usize; N]>, Reason> {
    let Some(ints) = attributes.ints(name)? else { return Ok(None) };
    let ints = <[i64; N]>::try_from(ints).map_err(|_| {
        let text = format!(
            "has {} numbers, but only pictures of two dimensions are supported",
            ints.len()
        );
        problem(name, text)
    })?;
    let mut lengths = [0; N];
    for (length, int) in lengths.iter_mut().zip(ints) {
        // Pools may be larger than any kernel, but not so large that sums overflow.
        let most = MAX_SIDE * MAX_SIDE;
        *length = usize::try_from(int)
            .ok()
            .filter(|&length| length <= most)
            .ok_or_else(|| problem(name, format!("contains {int}, which is out of range")))?;
    }
    Ok(Some(lengths))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(stride: usize, border: Border) -> Window {
        Window { kernel: None, stride: [stride; 2], dilation: [1; 2], border }
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
