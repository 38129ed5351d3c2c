//! A picture in the slots, prepared for a first convolution without masks.

use blindsight_contract::BoxData;
use blindsight_model::tensor::Shape;

use super::layout::{Layout, ROW_SLOTS, SLOTS};

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

    /// The slot channel of a channel in this group, of a picture with so many.
    #[must_use]
    pub fn channel(self, channels: usize, channel: usize) -> usize {
        let group = GROUPS.iter().position(|g| *g == self).unwrap_or(0);
        group * channels + channel
    }

    fn keeps(self, row: usize, rows: usize) -> bool {
        match self {
            Self::All => true,
            Self::WithoutLast => row + 1 < rows,
            Self::WithoutFirst => row > 0,
        }
    }
}

/// Where the values of a picture go in a request whose slots stand rotated left by `shift`: a box for
/// each [`RowGroup`] and copy, channel after channel. Channels without a box are zero.
///
/// Returns `None` for an input that does not fit the widest layout three times.
#[must_use]
pub fn request_boxes(shape: Shape, shift: usize) -> Option<Vec<BoxData>> {
    let layout = Layout::of(shape)?;
    let fits = GROUPS.len() * shape.channels() <= layout.channels();
    let copies = 0..layout.copies();
    let boxes = GROUPS.iter().flat_map(|group| copies.clone().map(move |copy| (group, copy)));
    let boxes = boxes.map(|(group, copy)| {
        let rows = (0..shape.height()).filter(|row| group.keeps(*row, shape.height()));
        let (first, count) = (rows.clone().next().unwrap_or(0), rows.count());
        let slot = layout.slot(group.channel(shape.channels(), 0), first, 0) + copy * ROW_SLOTS;
        BoxData {
            from: [0, first as u32, 0],
            extent: [shape.channels(), count, shape.width()].map(|n| n as u32),
            slot: ((slot + SLOTS - shift % SLOTS) % SLOTS) as u32,
            strides: [1, layout.row_stride(), layout.channels()].map(|n| n as u32),
        }
    });
    fits.then(|| boxes.collect())
}
