//! A picture in the slots, prepared for a first convolution without masks.

use super::layout::{Layout, SLOTS};
use crate::tensor::{Shape, Tensor};

/// Which copy of the picture a vertical tap of the first convolution reads. Rotations are cyclic:
/// without a row of zeros, the tap above the first row would read the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowGroup {
    /// All rows: for the tap in the same row.
    All,
    /// Without the last row: for the tap one row above, which must not read it.
    WithoutLast,
    /// Without the first row: for the tap one row below.
    WithoutFirst,
}

/// The groups in the order of their channels.
pub const GROUPS: [RowGroup; 3] = [RowGroup::All, RowGroup::WithoutLast, RowGroup::WithoutFirst];

impl RowGroup {
    /// The group that the vertical tap `dy` (-1, 0 or 1) reads.
    #[must_use]
    pub fn of_tap(dy: isize) -> Self {
        match dy {
            -1 => Self::WithoutLast,
            1 => Self::WithoutFirst,
            _ => Self::All,
        }
    }

    /// The slot channel of a picture's channel in this group.
    #[must_use]
    pub fn channel(self, channel: usize) -> usize {
        let group = GROUPS.iter().position(|g| *g == self).unwrap_or(0);
        group * Shape::PICTURE.channels() + channel
    }

    fn keeps(self, row: usize, rows: usize) -> bool {
        match self {
            Self::All => true,
            Self::WithoutLast => row + 1 < rows,
            Self::WithoutFirst => row > 0,
        }
    }
}

/// The slots of a normalised 3 x 32 x 32 picture, rotated left by `shift`: nine channels, three for
/// each [`RowGroup`]; the other seven are zero.
///
/// Returns `None` for a tensor of another shape.
#[must_use]
pub fn pack_picture(picture: &Tensor, shift: usize) -> Option<Vec<f64>> {
    let shape = picture.shape();
    if shape != Shape::PICTURE {
        return None;
    }
    let layout = Layout::of(shape)?;
    let mut slots = vec![0.0; SLOTS];
    for group in GROUPS {
        for (channel, plane) in picture.planes().enumerate() {
            for (row, pixels) in plane.chunks_exact(shape.width()).enumerate() {
                for (column, &pixel) in pixels.iter().enumerate() {
                    if group.keeps(row, shape.height()) {
                        let slot = layout.slot(group.channel(channel), row, column);
                        slots[(slot + SLOTS - shift % SLOTS) % SLOTS] = f64::from(pixel);
                    }
                }
            }
        }
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_leave_out_their_rows_and_the_shift_turns_left() {
        let values = (0..Shape::PICTURE.elements()).map(|i| i as f32 + 1.0).collect();
        let picture = Tensor::new(Shape::PICTURE, values).unwrap();
        let layout = Layout::of(Shape::PICTURE).unwrap();
        let slots = pack_picture(&picture, 1023).unwrap();
        let at = |group: RowGroup, c, y, x| {
            slots[(layout.slot(group.channel(c), y, x) + SLOTS - 1023) % SLOTS]
        };
        for group in GROUPS {
            assert_eq!(at(group, 1, 7, 5), (1024 + 7 * 32 + 5 + 1) as f64);
        }
        assert_eq!(at(RowGroup::WithoutLast, 0, 31, 3), 0.0);
        assert_eq!(at(RowGroup::WithoutFirst, 0, 0, 3), 0.0);
        assert_ne!(at(RowGroup::WithoutFirst, 0, 31, 3), 0.0);
        assert_ne!(at(RowGroup::WithoutLast, 0, 0, 3), 0.0);
        assert!(pack_picture(&Tensor::zeros(Shape::new(1, 32, 32).unwrap()), 0).is_none());
    }
}
