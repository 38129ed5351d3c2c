//! The slot of each element of a feature map.

use blindsight_model::tensor::Shape;

/// Slots of a ciphertext.
pub const SLOTS: usize = 1 << 14;

/// Slots of one copy of one row of pixels, in every stage.
pub const ROW_SLOTS: usize = 512;

/// Stages: layouts from 16 channels of 32 x 32 to 64 channels of 8 x 8.
pub const STAGES: usize = 3;

/// The layout of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    stage: usize,
}

impl Layout {
    /// The layout that holds feature maps of this shape (or with fewer channels), if there is one.
    #[must_use]
    pub fn of(shape: Shape) -> Option<Self> {
        let fits = |layout: &Self| {
            shape.height() == layout.side()
                && shape.width() == layout.side()
                && shape.channels() <= layout.channels()
        };
        (0..STAGES).map(|stage| Self { stage }).find(fits)
    }

    /// The number of the stage, from 0.
    #[must_use]
    pub const fn stage(self) -> usize {
        self.stage
    }

    /// Rows and columns of pixels.
    #[must_use]
    pub const fn side(self) -> usize {
        32 >> self.stage
    }

    /// Channels, which is also the distance in slots between neighbouring columns.
    #[must_use]
    pub const fn channels(self) -> usize {
        16 << self.stage
    }

    /// How often each feature map is present.
    #[must_use]
    pub const fn copies(self) -> usize {
        1 << self.stage
    }

    /// The distance in slots between neighbouring rows.
    #[must_use]
    pub const fn row_stride(self) -> usize {
        ROW_SLOTS << self.stage
    }

    /// The slot of an element's first copy; the others follow at distances of [`ROW_SLOTS`].
    #[must_use]
    pub const fn slot(self, channel: usize, row: usize, column: usize) -> usize {
        row * self.row_stride() + column * self.channels() + channel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_fills_the_slots_exactly() {
        for stage in 0..STAGES {
            let layout = Layout { stage };
            let mut seen = vec![false; SLOTS];
            for copy in 0..layout.copies() {
                for row in 0..layout.side() {
                    for column in 0..layout.side() {
                        for channel in 0..layout.channels() {
                            let slot = layout.slot(channel, row, column) + copy * ROW_SLOTS;
                            assert!(!std::mem::replace(&mut seen[slot], true));
                        }
                    }
                }
            }
            assert!(seen.into_iter().all(|s| s));
        }
    }

    #[test]
    fn shapes_find_their_layouts() {
        let stage = |c, s| Layout::of(Shape::new(c, s, s).unwrap()).map(Layout::stage);
        assert_eq!(stage(16, 32), Some(0));
        assert_eq!(stage(3, 32), Some(0));
        assert_eq!(stage(64, 8), Some(2));
        assert_eq!(stage(32, 32), None);
        assert_eq!(stage(16, 7), None);
    }
}
