//! Where the frames of a key bundle lie.

use blindsight_ckks::parameters::Parameters;
use blindsight_contract::KeyBundle;

/// The layout of a bundle: the head, then the keys it names, nothing between. Its length is
/// known before the first byte comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    frames: Vec<Frame>,
}

/// A frame of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// 0 for the head, `i + 1` for key `i`.
    pub(super) index: usize,
    /// Where it starts.
    pub(super) start: u64,
    /// Its length.
    pub(super) length: u64,
}

impl Frame {
    fn end(&self) -> u64 {
        self.start + self.length
    }
}

impl Layout {
    /// The layout of the bundle of these keys, whose head has so many bytes.
    pub(super) fn new(head_bytes: usize, set: &Parameters, keys: &KeyBundle) -> Self {
        let keys = keys.keys().map(|key| key.byte_len(set));
        Self::of(std::iter::once(head_bytes as u64).chain(keys))
    }

    fn of(lengths: impl Iterator<Item = u64>) -> Self {
        let mut start = 0;
        let frames = lengths.enumerate().map(|(index, length)| {
            let frame = Frame { index, start, length };
            start += length;
            frame
        });
        Self { frames: frames.collect() }
    }

    /// The length of the whole bundle.
    pub(super) fn length(&self) -> u64 {
        self.frames.last().map_or(0, Frame::end)
    }

    /// All frames.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames that become complete when the bytes from `before` to `after` arrive.
    pub(super) fn completed(&self, before: u64, after: u64) -> impl Iterator<Item = Frame> {
        self.frames.iter().copied().filter(move |f| (before + 1..=after).contains(&f.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_complete_with_their_last_byte() {
        let layout = Layout::of([10, 100, 50].into_iter());
        assert_eq!(layout.length(), 160);
        let completed = |before, after| -> Vec<usize> {
            layout.completed(before, after).map(|frame| frame.index).collect()
        };
        assert!(completed(0, 9).is_empty());
        assert_eq!(completed(0, 10), [0]);
        assert_eq!(completed(9, 110), [0, 1]);
        assert!(completed(10, 109).is_empty());
        assert_eq!(completed(109, 160), [1, 2]);
        assert!(completed(110, 110).is_empty());
    }
}
