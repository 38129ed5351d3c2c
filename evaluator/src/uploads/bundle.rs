//! Where the frames of a key bundle lie.

use crate::served::KeysDescription;

/// The layout of a bundle: the manifest, then the keys, nothing between. A parameter set leaves
/// nothing to choose, so it is known before the first byte comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    frames: Vec<Frame>,
}

/// A frame of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// 0 for the manifest, `i + 1` for key `i`.
    pub index: usize,
    /// Where it starts.
    pub start: u64,
    /// Its length.
    pub length: u64,
}

impl Frame {
    fn end(&self) -> u64 {
        self.start + self.length
    }
}

impl Bundle {
    /// The layout that a description of keys gives.
    #[must_use]
    pub fn of(keys: &KeysDescription) -> Self {
        let lengths = std::iter::once(&keys.manifest_bytes).chain(&keys.key_bytes);
        let mut start = 0;
        let frames = lengths.enumerate().map(|(index, &length)| {
            let frame = Frame { index, start, length };
            start += length;
            frame
        });
        Self { frames: frames.collect() }
    }

    /// The length of the whole bundle.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.frames.last().map_or(0, Frame::end)
    }

    /// All frames.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames that become complete when the bytes from `before` to `after` arrive.
    pub fn completed(&self, before: u64, after: u64) -> impl Iterator<Item = Frame> {
        self.frames.iter().copied().filter(move |f| (before + 1..=after).contains(&f.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_complete_with_their_last_byte() {
        let key_bytes = vec![100, 50];
        let keys = KeysDescription { count: 2, manifest_bytes: 10, bytes: 160, key_bytes };
        let bundle = Bundle::of(&keys);
        assert_eq!(bundle.length(), 160);
        let completed = |before, after| -> Vec<usize> {
            bundle.completed(before, after).map(|frame| frame.index).collect()
        };
        assert!(completed(0, 9).is_empty());
        assert_eq!(completed(0, 10), [0]);
        assert_eq!(completed(9, 110), [0, 1]);
        assert!(completed(10, 109).is_empty());
        assert_eq!(completed(109, 160), [1, 2]);
        assert!(completed(110, 110).is_empty());
    }
}
