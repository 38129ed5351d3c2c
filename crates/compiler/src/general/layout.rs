//! Where the elements of a value lie: in which ciphertext, and in which slot.

use blindsight_contract::BoxData;
use blindsight_model::graph::Pool;
use blindsight_model::tensor::Shape;

use super::sparse::Sparse;

/// A place for an element: one of the value's ciphertexts, and a slot of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) part: usize,
    pub(super) slot: usize,
}

/// The place of each element: `channels[c]`, and from there `row` slots for each row and `column`
/// for each column, modulo the slots; and the same at every copy's distance. What lies in the other
/// slots is of no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    /// The place of each channel's first element.
    pub(super) channels: Vec<Spot>,
    /// The distance in slots between rows, and between columns.
    pub(super) row: usize,
    pub(super) column: usize,
    /// The distance between lines of slots: rows lie on some of them, and the others are gaps.
    pub(super) line: usize,
    /// How far copies lie from the first, which is 0.
    pub(super) copies: Vec<usize>,
    /// Rows are dealt out to so many ciphertexts, one after the other; a pool adds these up.
    pub(super) phases: usize,
    /// A feature map whose channels no ciphertext holds is cut into bands of rows.
    pub(super) bands: Bands,
}

/// Rows that lie in one ciphertext, and how many such bands there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bands {
    pub(super) rows: usize,
    pub(super) count: usize,
}

impl Bands {
    /// One band for all rows.
    const fn whole(shape: Shape) -> Self {
        Self { rows: shape.height(), count: 1 }
    }

    /// The bands of what is written in place of what lies in these, every so many rows; `None` when
    /// they would begin at other rows.
    fn strided(self, shape: Shape, down: usize) -> Option<Self> {
        match self.count {
            1 => Some(Self::whole(shape)),
            _ if !self.rows.is_multiple_of(down) => None,
            _ => {
                let rows = self.rows / down;
                Some(Self { rows, count: shape.height().div_ceil(rows) })
            }
        }
    }
}

/// What the ciphertexts of a result may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// At most so many.
    pub(super) most: usize,
    /// Whether channels are the fastest index, as in [`Layout::interleaved`], or planes lie side by
    /// side.
    pub(super) interleaved: bool,
    /// How many of them rows are dealt out to.
    pub(super) phases: usize,
}

/// Strides up to this one are tried, and the one at which the result spans what is read.
const MOST_TRIED_STRIDE: usize = 4;

/// Most copies of an input: each is a line of the contract.
const MOST_COPIES: usize = 256;

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
        let channel = |channel| Spot { part: 0, slot: channel * shape.plane() };
        let channels = (0..shape.channels()).map(channel).collect();
        let (line, bands) = (shape.width(), Bands::whole(shape));
        Self { shape, channels, row: line, column: 1, line, copies: vec![0], phases: 1, bands }
    }

    /// The layout of an input that its client packs; `None` when the slots do not hold it.
    pub(super) fn of_input(shape: Shape, repeated: Repeated, slots: usize) -> Option<Self> {
        let size = shape.elements();
        let (distance, most) = match repeated {
            Repeated::Evenly => (size.next_power_of_two().max(slots / MOST_COPIES), usize::MAX),
            Repeated::ForChannels(channels) => {
                let even = size.next_power_of_two();
                (if channels * even <= slots { even } else { size }, channels)
            }
        };
        let copies = 0..(slots / distance).min(most.max(1));
        let copies: Vec<usize> = copies.map(|copy| copy * distance).collect();
        (!copies.is_empty()).then(|| Self { copies, ..Self::dense(shape) })
    }

    /// A feature map with channels as the fastest index, so many in each ciphertext, that a
    /// convolution of many channels may stay in place of: weights repeat with the pixels. Where the
    /// slots do not hold a channel, each has ciphertexts of its own. `None` when more ciphertexts would
    /// be needed than allowed.
    pub(super) fn interleaved(shape: Shape, most_parts: usize, slots: usize) -> Option<Self> {
        let pixels = |width: usize| shape.height() * width;
        let together = |width: usize| match slots / pixels(width) {
            0 => None,
            room => Some(1 << room.ilog2()),
        };
        // Lines of a power of two, unless that makes more ciphertexts.
        let (even, tight) = (shape.width().next_power_of_two(), shape.width());
        let Some(most) = together(tight) else { return Self::banded(shape, most_parts, slots) };
        let width = if together(even) == Some(most) { even } else { tight };
        let channel = |c: usize| Spot { part: c / most, slot: c % most };
        let channels = (0..shape.channels()).map(channel).collect();
        let (column, line) = (most, width * most);
        let (copies, bands) = (vec![0], Bands::whole(shape));
        let layout = Self { shape, channels, row: line, column, line, copies, phases: 1, bands };
        (layout.parts() <= most_parts).then_some(layout)
    }

    /// A feature map in bands that fill the slots: where one ends in its ciphertext the next one
    /// begins in another, so that a convolution reads both by the same rotations.
    fn banded(shape: Shape, most_parts: usize, slots: usize) -> Option<Self> {
        let line = shape.width().next_power_of_two();
        let rows = Some(slots / line).filter(|rows| *rows > 0)?;
        let bands = Bands { rows, count: shape.height().div_ceil(rows) };
        let channels = (0..shape.channels()).map(|part| Spot { part, slot: 0 }).collect();
        let copies = vec![0];
        let layout = Self { shape, channels, row: line, column: 1, line, copies, phases: 1, bands };
        (layout.parts() <= most_parts).then_some(layout)
    }

    /// The ciphertexts that hold it.
    pub(super) fn parts(&self) -> usize {
        let of_channels = self.channels.iter().map(|spot| spot.part + 1).max().unwrap_or(1);
        of_channels * self.bands.count * self.phases
    }

    /// The first place of an element.
    pub(super) fn spot(&self, element: usize, slots: usize) -> Spot {
        let (channel, at) = (element / self.shape.plane(), element % self.shape.plane());
        let (y, x) = (at / self.shape.width(), at % self.shape.width());
        let Spot { part, slot } = self.channels[channel];
        let (band, y) = (y / self.bands.rows, y % self.bands.rows);
        let (phase, line) = (y % self.phases, y / self.phases);
        let slot = (slot + line * self.row + x * self.column) % slots;
        Spot { part: (part * self.bands.count + band) * self.phases + phase, slot }
    }

    /// For each slot of a ciphertext that holds an element, the slot in which its pixel's first
    /// channel would be.
    pub(super) fn pixels(&self, part: usize, slots: usize) -> Vec<Option<u32>> {
        let mut pixels = vec![None; slots];
        for element in 0..self.shape.elements() {
            let spot = self.spot(element, slots);
            if spot.part == part {
                let channel = self.channels[element / self.shape.plane()].slot;
                pixels[spot.slot] = Some(((spot.slot + slots - channel) % slots) as u32);
            }
        }
        pixels
    }

    /// Whether every element has a slot of its own.
    pub(super) fn is_injective(&self, slots: usize) -> bool {
        let mut taken = vec![false; slots * self.parts()];
        (0..self.shape.elements()).all(|element| {
            let Spot { part, slot } = self.spot(element, slots);
            !std::mem::replace(&mut taken[part * slots + slot], true)
        })
    }

    /// The distance of copies that fill the slots evenly, if they do.
    pub(super) fn even_copies(&self, slots: usize) -> Option<usize> {
        let distance = slots / self.copies.len();
        let even = self.copies.iter().enumerate().all(|(i, at)| *at == i * distance);
        (self.copies.len() > 1 && distance.is_power_of_two() && even).then_some(distance)
    }

    /// Where the windows' sums stand that start at the elements. Rows that are dealt out are those
    /// of one window. `None` where a window would read two bands.
    pub(super) fn pooled(&self, pool: Pool, shape: Shape) -> Option<Self> {
        let [down, right] = pool.stride();
        let (row, column) = (self.row * down / self.phases, self.column * right);
        let bands = match self.bands {
            Bands { count: 1, .. } => Bands::whole(shape),
            Bands { rows, .. } if !rows.is_multiple_of(down) || pool.kernel()[0] > down => {
                return None;
            }
            // A band of which no window is left stays, empty.
            Bands { rows, count } => Bands { rows: rows / down, count },
        };
        Some(Self { shape, row, column, copies: vec![0], phases: 1, bands, ..self.clone() })
    }

    /// The same, rotated to the left.
    pub(super) fn rotated(mut self, steps: i64, slots: usize) -> Self {
        let rotate = |slot: usize| (slot as i64 - steps).rem_euclid(slots as i64) as usize;
        self.channels.iter_mut().for_each(|spot| spot.slot = rotate(spot.slot));
        self
    }

    /// Where a convolution may write a result of this shape, in place of what it reads: every
    /// position keeps its slot, the stride leaves gaps, and channels that have no plane of their own
    /// lie in the gaps of others, or in another ciphertext.
    pub(super) fn in_place(
        &self,
        shape: Shape,
        matrix: &Sparse,
        parts: Parts,
        slots: usize,
    ) -> Vec<Self> {
        let mut layouts = Vec::new();
        if self.phases > 1 {
            return layouts;
        }
        let Parts { most, interleaved, phases } = parts;
        for [down, right] in self.strides(shape, matrix) {
            let Some(bands) = self.bands.strided(shape, down) else { continue };
            // Of each phase of each band.
            let most_parts = (most / (phases * bands.count)).max(1);
            let (row, column) = (self.row * down * phases, self.column * right);
            // Gaps between columns first: they are nearest.
            let gap = |i: usize| i % column + i / column * self.line;
            let gaps = column * (row / self.line.max(1)).max(1);
            let distances = if interleaved { vec![slots] } else { self.distances(slots) };
            for distance in distances {
                let planes = (slots / distance).max(1);
                let mut rooms: Vec<usize> = vec![column, gaps];
                rooms.push(shape.channels().div_ceil(planes * most_parts).max(1));
                rooms.push(shape.channels().div_ceil(planes));
                rooms.retain(|together| (1..=gaps).contains(together));
                rooms.sort_unstable();
                rooms.dedup();
                for together in rooms {
                    let channel = |c: usize| {
                        let (plane, inside) = (c / together, gap(c % together));
                        let slot = plane % planes * distance + inside;
                        Spot { part: plane / planes, slot }
                    };
                    let channels = (0..shape.channels()).map(channel).collect();
                    let (line, copies) = (self.line, vec![0]);
                    let layout = Self { shape, channels, row, column, line, copies, phases, bands };
                    let fits = layout.parts() <= most && !layouts.contains(&layout);
                    if fits && layout.is_injective(slots) {
                        layouts.push(layout);
                    }
                }
            }
        }
        layouts
    }

    /// Strides that a result of this shape may have: those of the matrix, and those that its sides
    /// suggest.
    fn strides(&self, shape: Shape, matrix: &Sparse) -> Vec<[usize; 2]> {
        let from = self.shape;
        let ratios = [from.height() / shape.height(), from.width() / shape.width()];
        let [down, right] = ratios.map(|ratio| ratio.max(1));
        let most = down.min(right);
        let equal = (1..=most).filter(|stride| *stride <= MOST_TRIED_STRIDE || *stride == most);
        let mut strides: Vec<[usize; 2]> = equal.map(|stride| [stride; 2]).collect();
        strides.push([down, right]);
        if let Some([down, right]) = matrix.strides(from, shape) {
            let fits =
                |stride: usize, to: usize, from: usize| stride >= 1 && (to - 1) * stride < from;
            if fits(down, shape.height(), from.height()) && fits(right, shape.width(), from.width())
            {
                strides.push([down, right]);
            }
        }
        strides.sort_unstable();
        strides.dedup();
        strides
    }

    /// Distances between planes that a result may have in place of this one.
    fn distances(&self, slots: usize) -> Vec<usize> {
        let own = self.channels.windows(2).filter(|pair| pair[0].part == pair[1].part);
        let own = own.map(|pair| pair[1].slot.wrapping_sub(pair[0].slot));
        let (height, width) = (self.shape.height(), self.shape.width());
        let extent = self.row * (height - 1) + self.column * (width - 1) + 1;
        let mut all: Vec<usize> = own.filter(|d| *d < slots).take(1).collect();
        all.extend([self.shape.plane(), extent, extent.next_power_of_two(), slots]);
        all.retain(|d| (1..=slots).contains(d));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The boxes of a request: one for each copy and band of channels that share a ciphertext, where
    /// they lie at equal distances.
    pub(super) fn boxes(&self, slots: usize) -> Vec<BoxData> {
        let mut boxes = Vec::new();
        let mut from = 0;
        // Channels of one ciphertext follow each other at one distance.
        for channels in self.channels.chunk_by(|one, next| one.part == next.part) {
            let Spot { part, slot: first } = channels[0];
            let distance = channels.get(1).map_or(1, |spot| spot.slot - first);
            for band in 0..self.bands.count {
                let above = band * self.bands.rows;
                let rows = self.bands.rows.min(self.shape.height() - above);
                let extent = [channels.len(), rows, self.shape.width()];
                let part = part * self.bands.count + band;
                boxes.extend(self.copies.iter().map(|copy| BoxData {
                    from: [from, above, 0].map(|at| at as u32),
                    extent: extent.map(|side| side as u32),
                    slot: (part * slots + (first + copy) % slots) as u32,
                    strides: [distance, self.row, self.column].map(|stride| stride as u32),
                }));
            }
            from += channels.len();
        }
        boxes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 1 << 14;

    #[test]
    fn channels_are_the_fastest_index_and_fill_the_slots() {
        let layout =
            |c, h, w, parts| Layout::interleaved(Shape::new(c, h, w).unwrap(), parts, SLOTS);
        let square = layout(16, 64, 64, 8).unwrap();
        assert_eq!((square.column, square.line, square.parts()), (4, 256, 4));
        assert!(square.is_injective(SLOTS));
        // Lines of 32 pixels where they cost nothing, of 40 where 64 would.
        let odd = layout(12, 28, 28, 8).unwrap();
        assert_eq!((odd.column, odd.line, odd.parts()), (16, 512, 1));
        let tight = layout(16, 40, 40, 8).unwrap();
        assert_eq!((tight.column, tight.line, tight.parts()), (8, 320, 2));
        assert!(layout(16, 64, 64, 3).is_none() && layout(1, 256, 65, 1).is_none());
    }

    #[test]
    fn channels_that_no_ciphertext_holds_are_cut_into_bands() {
        let shape = |c, h, w| Shape::new(c, h, w).unwrap();
        let layout = Layout::interleaved(shape(2, 150, 160), 6, SLOTS).unwrap();
        assert_eq!((layout.bands, layout.parts()), (Bands { rows: 64, count: 3 }, 6));
        assert!(layout.is_injective(SLOTS));
        let spot = |c: usize, y: usize, x: usize| layout.spot((c * 150 + y) * 160 + x, SLOTS);
        assert_eq!(spot(1, 128, 7), Spot { part: 5, slot: 7 });
        // Where a band ends its neighbour's first row follows.
        assert_eq!((spot(0, 63, 0).slot + 256) % SLOTS, spot(0, 64, 0).slot);
        let boxes = layout.boxes(SLOTS);
        assert_eq!(boxes.len(), 6);
        assert_eq!((boxes[2].from, boxes[2].extent), ([0, 128, 0], [1, 22, 160]));
        assert_eq!(boxes[4].slot, 4 << 14);
        // Every second row and column, four channels in the place of one.
        let nothing = |shape: Shape| Sparse { rows: vec![Vec::new(); shape.elements()] };
        let parts = Parts { most: 6, interleaved: true, phases: 1 };
        let half = shape(8, 75, 80);
        let to = layout.in_place(half, &nothing(half), parts, SLOTS);
        let full = to.iter().find(|to| to.parts() == 6).unwrap();
        assert_eq!(full.bands, Bands { rows: 32, count: 3 });
        let pool = |kernel, stride| Pool::new([kernel; 2], [stride; 2]).unwrap();
        let pooled = full.pooled(pool(2, 2), shape(8, 37, 40)).unwrap();
        assert_eq!((pooled.bands, pooled.parts()), (Bands { rows: 16, count: 3 }, 6));
        assert_eq!(pooled.spot(36 * 40, SLOTS), full.spot(72 * 80, SLOTS));
        assert!(full.pooled(pool(3, 2), shape(8, 37, 39)).is_none(), "windows over two bands");
        // No band begins with every third row.
        let third = shape(1, 50, 53);
        let to = layout.in_place(third, &nothing(third), parts, SLOTS);
        assert!(to.iter().all(|to| to.row < 3 * layout.row));
        assert!(Layout::interleaved(shape(1, 1, 20_000), 6, SLOTS).is_none(), "half a line");
    }

    #[test]
    fn rows_of_windows_are_dealt_out() {
        let from = Layout::dense(Shape::new(1, 28, 28).unwrap());
        let shape = Shape::new(6, 28, 28).unwrap();
        let nothing = Sparse { rows: vec![Vec::new(); shape.elements()] };
        let one = Parts { most: 1, interleaved: false, phases: 1 };
        assert!(from.in_place(shape, &nothing, one, 4096).is_empty(), "4,704 values");
        let two = Parts { most: 4, interleaved: false, phases: 2 };
        let to = from.in_place(shape, &nothing, two, 4096);
        let dealt = to.iter().find(|layout| layout.parts() == 2).unwrap();
        let element = |y: usize| dealt.spot(y * 28 + 5, 4096);
        assert_eq!((element(3).part, element(4).part), (1, 0));
        assert_eq!(element(2).slot, element(3).slot, "rows of one window lie over each other");
        let pool = Pool::new([2; 2], [2; 2]).unwrap();
        let pooled = dealt.pooled(pool, Shape::new(6, 14, 14).unwrap()).unwrap();
        assert_eq!((pooled.parts(), pooled.phases), (1, 1));
        assert_eq!(pooled.spot(14 + 2, 4096), dealt.spot(2 * 28 + 4, 4096));
    }

    #[test]
    fn strides_leave_room_for_channels() {
        let from = Layout::interleaved(Shape::new(16, 64, 64).unwrap(), 8, SLOTS).unwrap();
        let shape = Shape::new(32, 32, 32).unwrap();
        let nothing = Sparse { rows: vec![Vec::new(); shape.elements()] };
        let parts = Parts { most: 8, interleaved: true, phases: 1 };
        let to = from.in_place(shape, &nothing, parts, SLOTS);
        let least = to.iter().map(Layout::parts).min().unwrap();
        assert_eq!(least, 2, "half of the channels in gaps of rows and columns");
        assert!(to.iter().all(|layout| layout.line == 256 && layout.is_injective(SLOTS)));
    }
}
