//! Attributes of operators that move a window over the picture.

use blindsight_model::graph::MAX_SIDE;
use blindsight_model::tensor::Shape;

use crate::attributes::{Attributes, problem};
use crate::error::Reason;

/// A window of a convolution or a pool, in height and width.
pub(super) struct Window {
    kernel: Option<[usize; 2]>,
    pub(super) stride: [usize; 2],
    padding: Padding,
}

enum Padding {
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
        if let Some(dilations) = lengths(attributes, "dilations")?
            && dilations != [1; 2]
        {
            let text = format!("are {dilations:?}; only 1 is supported");
            return Err(problem("dilations", text));
        }
        let pads = lengths::<4>(attributes, "pads")?
            .map(|[top, left, bottom, right]| [[top, bottom], [left, right]]);
        let padding = match attributes.text("auto_pad", "NOTSET")? {
            "NOTSET" => Padding::Given(pads.unwrap_or_default()),
            _ if pads.is_some_and(|pads| pads != [[0; 2]; 2]) => {
                return Err(problem("pads", "is given beside auto_pad".to_owned()));
            }
            "VALID" => Padding::Given([[0; 2]; 2]),
            "SAME_UPPER" => Padding::SameUpper,
            "SAME_LOWER" => Padding::SameLower,
            _ => return Err(problem("auto_pad", "has an unknown value".to_owned())),
        };
        if stride.contains(&0) || kernel.is_some_and(|kernel| kernel.contains(&0)) {
            return Err(problem("strides", "or kernel_shape contains 0".to_owned()));
        }
        Ok(Self { kernel, stride, padding })
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

    /// Whether nothing is added at the border.
    pub(super) const fn is_bare(&self) -> bool {
        matches!(self.padding, Padding::Given([[0, 0], [0, 0]]))
    }

    /// One number of zeros that, added on all four sides, gives the same result.
    pub(super) fn symmetric(&self, source: Shape, kernel: [usize; 2]) -> Result<usize, Reason> {
        let sides = [source.height(), source.width()];
        let mut margins = [[0; 2]; 2];
        for axis in 0..2 {
            margins[axis] = match self.padding {
                Padding::Given(pads) => pads[axis],
                Padding::SameLower | Padding::SameUpper => {
                    let stride = self.stride[axis];
                    let reach = (sides[axis].div_ceil(stride) - 1) * stride + kernel[axis];
                    let total = reach.saturating_sub(sides[axis]);
                    let (less, more) = (total / 2, total.div_ceil(2));
                    let lower = matches!(self.padding, Padding::SameLower);
                    if lower { [more, less] } else { [less, more] }
                }
            };
        }
        let [[top, bottom], [left, right]] = margins;
        let steps = |axis: usize, total: usize| {
            let span = (sides[axis] + total).checked_sub(kernel[axis])?;
            Some(span / self.stride[axis])
        };
        // What is added at the end only matters as far as a window reaches it.
        let same = |axis: usize, [before, after]: [usize; 2]| {
            before == after || steps(axis, before + after) == steps(axis, 2 * before)
        };
        if top == left && same(0, margins[0]) && same(1, margins[1]) {
            return Ok(top);
        }
        Err(Reason::Layout(format!(
            "its padding (top {top}, left {left}, bottom {bottom}, right {right}) is not the same \
             on all sides"
        )))
    }

    /// Height and width of the result; `None` when the kernel does not fit.
    pub(super) fn result(
        &self,
        source: Shape,
        kernel: [usize; 2],
        padding: usize,
    ) -> Option<[usize; 2]> {
        let height = (source.height() + 2 * padding).checked_sub(kernel[0])?;
        let width = (source.width() + 2 * padding).checked_sub(kernel[1])?;
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

    fn window(stride: usize, padding: Padding) -> Window {
        Window { kernel: None, stride: [stride; 2], padding }
    }

    #[test]
    fn only_symmetric_padding_passes() {
        let picture = Shape::new(1, 32, 32).unwrap();
        let same = window(1, Padding::SameUpper);
        assert_eq!(same.symmetric(picture, [3, 3]), Ok(1));
        assert_eq!(same.symmetric(picture, [1, 1]), Ok(0));
        assert!(same.symmetric(picture, [3, 1]).is_err());
        // At stride 2 the odd zero comes last, and is reached; first, the last is not.
        assert!(window(2, Padding::SameUpper).symmetric(picture, [3, 3]).is_err());
        assert_eq!(window(2, Padding::SameLower).symmetric(picture, [3, 3]), Ok(1));
        assert_eq!(window(2, Padding::SameUpper).symmetric(picture, [1, 1]), Ok(0));
        let odd = Shape::new(1, 31, 31).unwrap();
        assert_eq!(window(2, Padding::SameUpper).symmetric(odd, [3, 3]), Ok(1));
        let given = window(1, Padding::Given([[1, 1], [1, 0]]));
        assert!(given.symmetric(picture, [3, 3]).is_err());
    }
}
