//! Zeros around a feature map.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many rows and columns of zeros a convolution adds around what it reads.
///
/// A number is also an even padding: so many on every side. As data it is the four numbers of
/// [`Padding::sides`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "[usize; 4]", into = "[usize; 4]")]
pub struct Padding {
    /// Rows added above and below.
    pub rows: [usize; 2],
    /// Columns added to the left and to the right.
    pub columns: [usize; 2],
}

impl Padding {
    /// The same on every side.
    #[must_use]
    pub const fn even(sides: usize) -> Self {
        Self { rows: [sides; 2], columns: [sides; 2] }
    }

    /// So many above and to the left, and so many below and to the right.
    #[must_use]
    pub const fn uneven(before: usize, after: usize) -> Self {
        Self { rows: [before, after], columns: [before, after] }
    }

    /// The four numbers: top, left, bottom, right.
    #[must_use]
    pub const fn sides(self) -> [usize; 4] {
        let ([top, bottom], [left, right]) = (self.rows, self.columns);
        [top, left, bottom, right]
    }

    /// The number that all sides have; `None` when they differ.
    #[must_use]
    pub fn as_even(self) -> Option<usize> {
        let sides = self.sides();
        sides.iter().all(|side| *side == sides[0]).then_some(sides[0])
    }
}

impl From<usize> for Padding {
    fn from(sides: usize) -> Self {
        Self::even(sides)
    }
}

impl From<[usize; 4]> for Padding {
    fn from([top, left, bottom, right]: [usize; 4]) -> Self {
        Self { rows: [top, bottom], columns: [left, right] }
    }
}

impl From<Padding> for [usize; 4] {
    fn from(padding: Padding) -> Self {
        padding.sides()
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_even() {
            Some(sides) => sides.fmt(f),
            None => {
                let [top, left, bottom, right] = self.sides();
                write!(f, "{top} (top), {left} (left), {bottom} (bottom), {right} (right)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_even_padding() {
        assert_eq!(Padding::from(2), Padding::uneven(2, 2));
        assert_eq!((Padding::even(2).as_even(), Padding::uneven(0, 1).as_even()), (Some(2), None));
        assert_eq!(Padding::even(1).to_string(), "1");
        let text = "0 (top), 0 (left), 1 (bottom), 1 (right)";
        assert_eq!(Padding::uneven(0, 1).to_string(), text);
    }
}
