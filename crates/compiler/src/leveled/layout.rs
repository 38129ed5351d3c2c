//! Where the elements of a value lie in the slots.

use blindsight_contract::BoxData;
use blindsight_model::graph::Pool;
use blindsight_model::tensor::Shape;

/// The slot of each element: `channels[c] + y * row + x * column`, modulo the slots, and the same
/// at every copy's distance. What lies in the other slots is of no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    /// The slot of each channel's first element.
    pub(super) channels: Vec<usize>,
    /// The distance in slots between rows, and between columns.
    pub(super) row: usize,
    pub(super) column: usize,
    /// How far copies lie from the first, which is 0.
    pub(super) copies: Vec<usize>,
}

/// Strides up to this one are tried, and the one at which the result spans what is read.
const MOST_TRIED_STRIDE: usize = 4;

/// What a first linear layer wants of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    /// As often as the slots hold it at distances of a power of two: for matrices.
    Evenly,
    /// A copy for each channel that a convolution writes, at distances of a power of two where these
    /// fit: planes that divide the slots evenly meet again when offsets go around.
    ForChannels(usize),
}

impl Layout {
    /// Elements in their order, side by side.
    pub(super) fn dense(shape: Shape) -> Self {
        let channels = (0..shape.channels()).map(|channel| channel * shape.plane()).collect();
        Self { shape, channels, row: shape.width(), column: 1, copies: vec![0] }
    }

    /// The layout of an input that its client packs; `None` when the slots do not hold it.
    pub(super) fn of_input(shape: Shape, repeated: Repeated, slots: usize) -> Option<Self> {
        let size = shape.elements();
        let (distance, most) = match repeated {
            Repeated::Evenly => (size.next_power_of_two(), usize::MAX),
            Repeated::ForChannels(channels) => {
                let even = size.next_power_of_two();
                (if channels * even <= slots { even } else { size }, channels)
            }
        };
        let copies = 0..(slots / distance).min(most.max(1));
        let copies: Vec<usize> = copies.map(|copy| copy * distance).collect();
        (!copies.is_empty()).then(|| Self { copies, ..Self::dense(shape) })
    }

    /// The first slot of an element.
    pub(super) fn slot(&self, element: usize, slots: usize) -> usize {
        let (channel, at) = (element / self.shape.plane(), element % self.shape.plane());
        let (y, x) = (at / self.shape.width(), at % self.shape.width());
        (self.channels[channel] + y * self.row + x * self.column) % slots
    }

    /// Whether every element has a slot of its own.
    pub(super) fn is_injective(&self, slots: usize) -> bool {
        let mut taken = vec![false; slots];
        (0..self.shape.elements())
            .all(|element| !std::mem::replace(&mut taken[self.slot(element, slots)], true))
    }

    /// The distance of copies that fill the slots evenly, if they do.
    pub(super) fn even_copies(&self, slots: usize) -> Option<usize> {
        let distance = slots / self.copies.len();
        let even = self.copies.iter().enumerate().all(|(i, at)| *at == i * distance);
        (self.copies.len() > 1 && distance.is_power_of_two() && even).then_some(distance)
    }

    /// Where the windows' sums stand that start at the elements.
    pub(super) fn pooled(&self, pool: Pool, shape: Shape) -> Self {
        let [down, right] = pool.stride();
        let (row, column) = (self.row * down, self.column * right);
        Self { shape, row, column, copies: vec![0], channels: self.channels.clone() }
    }

    /// The same, rotated to the left.
    pub(super) fn rotated(mut self, steps: i64, slots: usize) -> Self {
        let rotate = |slot: usize| (slot as i64 - steps).rem_euclid(slots as i64) as usize;
        self.channels.iter_mut().for_each(|channel| *channel = rotate(*channel));
        self
    }

    /// Where a convolution may write a result of this shape, in place of what it reads: every
    /// position keeps its slot, the stride leaves gaps, and channels that have no plane of their own
    /// lie in the gaps of others.
    pub(super) fn in_place(&self, shape: Shape, slots: usize) -> Vec<Self> {
        let from = self.shape;
        let most = (from.height() / shape.height()).min(from.width() / shape.width());
        let most = most.max(1);
        let strides = (1..=most).filter(|stride| *stride <= MOST_TRIED_STRIDE || *stride == most);
        let distances = {
            let own = self.channels.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
            let extent = self.row * (from.height() - 1) + self.column * (from.width() - 1) + 1;
            let mut all: Vec<usize> = own.filter(|d| *d < slots).take(1).collect();
            all.extend([from.plane(), extent, extent.next_power_of_two()]);
            all.retain(|d| (1..=slots).contains(d));
            all.sort_unstable();
            all.dedup();
            all
        };
        let mut layouts = Vec::new();
        for stride in strides {
            for &distance in &distances {
                let (row, column) = (self.row * stride, self.column * stride);
                let planes = (slots / distance).max(1);
                let together = shape.channels().div_ceil(planes);
                // Gaps between columns first: they are nearest.
                let gap = |i: usize| i % column + i / column * (row / self.row.max(1)).max(1);
                let channel = |c: usize| c / together * distance + gap(c % together);
                let channels = (0..shape.channels()).map(channel).collect();
                let layout = Self { shape, channels, row, column, copies: vec![0] };
                if layout.is_injective(slots) {
                    layouts.push(layout);
                }
            }
        }
        layouts
    }

    /// The boxes of a request.
    pub(super) fn boxes(&self, slots: usize) -> Vec<BoxData> {
        let copies = self.copies.iter();
        let channels = || self.channels.iter().enumerate();
        let boxes = copies.flat_map(|copy| channels().map(move |channel| (*copy, channel)));
        let boxes = boxes.map(|(copy, (channel, slot))| BoxData {
            from: [channel as u32, 0, 0],
            extent: [1, self.shape.height() as u32, self.shape.width() as u32],
            slot: ((slot + copy) % slots) as u32,
            strides: [1, self.row as u32, self.column as u32],
        });
        boxes.collect()
    }
}
