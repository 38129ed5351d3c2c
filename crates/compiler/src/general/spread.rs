//! Any matrix, by few diagonals of a value that is first spread over all slots.
//!
//! Between the elements of a feature map lie gaps, and a vector may be there again and again. Either
//! way elements differ in some bits of their slots alone; the other bits are free. A first transform
//! puts a copy of the value at each setting of the free bits. A second one multiplies: slot `t` takes
//! a part of row `t mod rows`, and the parts of a row are added up. The slots of one row are spread
//! over the bits above the row's. Where these are free, each copy is turned by another amount, so that
//! these slots read different elements at one offset. So there are as many diagonals as the matrix has
//! elements for each slot, where a folded matrix has one for each row.

use super::diagonals::{Blocks, Diagonals, nearest};
use super::layout::Layout;
use super::price::Prices;
use super::sparse::Sparse;

/// How a ciphertext of a value is spread. All masks are of bits of slots, counted from where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spread {
    /// Of the value's ciphertexts.
    part: usize,
    /// Of the matrix, a power of two.
    rows: usize,
    slots: usize,
    /// The slot of the first element.
    base: usize,
    /// Bits in which elements differ; there may be more.
    content: usize,
    /// Those of the content below the rows' that copies are turned in.
    turned: usize,
    /// Free bits above the rows': they say how far a copy is turned.
    turns: usize,
}

impl Spread {
    /// The cheapest one for so many rows of what lies in a layout's ciphertext, and its price; `None`
    /// where that leaves no room.
    pub(super) fn cheapest(
        rows: usize,
        (from, part): (&Layout, usize),
        slots: usize,
        prices: &Prices,
    ) -> Option<(f64, Self)> {
        if rows >= slots {
            return None;
        }
        let mut taken = places(from, part, slots).map(|(_, slot)| slot).peekable();
        let base = *taken.peek()?;
        let period = from.even_copies(slots).unwrap_or(slots);
        let content = taken.fold(0, |bits, slot| bits | ((slot + slots - base) % period));
        let free: Vec<usize> = bits((slots - 1) & !content).collect();
        // Of the free bits the lowest or the highest may be used alone.
        let ends = (1..=free.len()).flat_map(|n| [&free[..n], &free[free.len() - n..]]);
        let all = ends.map(|used| {
            let used: usize = used.iter().sum();
            let spread = Self { part, ..Self::new(rows, slots, base, (slots - 1) & !used) };
            (spread.price(prices), spread)
        });
        all.min_by(|(x, _), (y, _)| x.total_cmp(y))
    }

    fn new(rows: usize, slots: usize, base: usize, content: usize) -> Self {
        let low = content & (rows - 1);
        let high_free = (slots - 1) & !content & !(rows - 1);
        let count = low.count_ones().min(high_free.count_ones()) as usize;
        let turned = bits(low).rev().take(count).sum();
        let turns: usize = bits(high_free).take(count).sum();
        // What is not turned must not be there again: a row's slots would read it twice.
        let content = content | (high_free & !turns);
        Self { part: 0, rows, slots, base, content, turned, turns }
    }

    /// In seconds, and what memory and keys are worth.
    fn price(&self, prices: &Prices) -> f64 {
        let copies = self.copies() as f64;
        let spread = prices.whole_copy() * copies + prices.steps(copies);
        spread + prices.layer(1, self.diagonals(), self.slots)
    }

    /// At most so many diagonals spread the value.
    fn copies(&self) -> usize {
        let plain = (self.slots - 1) & !self.content & !self.turns;
        let turns = 1 << self.turns.count_ones();
        // What is turned goes around its end.
        (1 << plain.count_ones()) * if turns > 1 { 2 * turns - 1 } else { 1 }
    }

    /// The diagonals of a matrix.
    fn diagonals(&self) -> usize {
        1 << self.offsets().count_ones()
    }

    /// The bits of the diagonals' offsets.
    fn offsets(&self) -> usize {
        self.content & (self.rows - 1) & !self.turned
    }

    pub(super) fn part(&self) -> usize {
        self.part
    }

    /// Rotations that the first transform's offsets are made of.
    pub(super) fn strides(&self) -> Vec<i64> {
        let lowest = |mask| bits(mask).next().map(|bit| bit as i64);
        let mut strides: Vec<i64> =
            bits((self.slots - 1) & !self.content).map(|b| b as i64).collect();
        if let (Some(step), Some(turn)) = (lowest(self.turned), lowest(self.turns)) {
            strides.extend([step, turn - step]);
        }
        strides
    }

    /// Which slot of the value a slot holds when it is spread.
    fn held(&self, slot: usize) -> usize {
        let turned = extract(slot, self.turned) + extract(slot, self.turns);
        (slot & self.content & !self.turned) | deposit(turned, self.turned)
    }

    /// For each slot of the value its element.
    fn elements(&self, from: &Layout) -> Vec<Option<usize>> {
        let mut elements = vec![None; self.slots];
        let period = from.even_copies(self.slots).unwrap_or(self.slots);
        for (element, slot) in places(from, self.part, self.slots) {
            elements[(slot + self.slots - self.base) % period] = Some(element);
        }
        elements
    }

    /// The copies of a value.
    pub(super) fn spread(&self, from: &Layout) -> Blocks {
        let elements = self.elements(from);
        let mut copies = Diagonals::default();
        for slot in 0..self.slots {
            let held = self.held(slot);
            if elements[held].is_some() {
                let offset = nearest(from, (held + self.base) % self.slots, slot, self.slots);
                copies.push(offset, slot, 1.0);
            }
        }
        Blocks::from([((0, 0), copies)])
    }

    /// A matrix that reads the copies, which stand rotated to the left by `shift`.
    pub(super) fn folded(&self, matrix: &Sparse, from: &Layout, shift: i64) -> Blocks {
        let elements = self.elements(from);
        let held: Vec<_> = (0..self.slots).map(|slot| elements[self.held(slot)]).collect();
        let mut product = Diagonals::default();
        let mut weights = vec![0.0; from.shape.elements()];
        for (row, entries) in matrix.rows.iter().enumerate() {
            entries.iter().for_each(|(column, weight)| weights[*column as usize] = *weight);
            for index in 0..self.diagonals() {
                let offset = deposit(index, self.offsets());
                for slot in (row..self.slots).step_by(self.rows) {
                    let read = held[(slot + offset) % self.slots];
                    if let Some(weight) = read.map(|at| weights[at]).filter(|w| *w != 0.0) {
                        product.push(offset as i64 - shift, slot, weight);
                    }
                }
            }
            entries.iter().for_each(|(column, _)| weights[*column as usize] = 0.0);
        }
        // A matrix may be zero.
        if product.by_offset.is_empty() { Blocks::new() } else { Blocks::from([((0, 0), product)]) }
    }
}

/// The elements of a ciphertext, with their slots.
fn places(from: &Layout, part: usize, slots: usize) -> impl Iterator<Item = (usize, usize)> {
    let places =
        (0..from.shape.elements()).map(move |element| (element, from.spot(element, slots)));
    places.filter(move |(_, spot)| spot.part == part).map(|(element, spot)| (element, spot.slot))
}

/// The bits of a mask, the lowest first.
fn bits(mask: usize) -> impl DoubleEndedIterator<Item = usize> {
    (0..usize::BITS).map(|k| 1 << k).filter(move |bit| mask & bit != 0)
}

/// The bits under a mask, side by side.
fn extract(slot: usize, mask: usize) -> usize {
    bits(mask).enumerate().map(|(k, bit)| usize::from(slot & bit != 0) << k).sum()
}

/// The opposite; what does not fit goes.
fn deposit(index: usize, mask: usize) -> usize {
    bits(mask).enumerate().map(|(k, bit)| bit * ((index >> k) & 1)).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use blindsight_model::tensor::Shape;

    use super::*;
    use crate::general::layout::Spot;

    const SLOTS: usize = 256;

    /// A value of these sides with these distances.
    fn layout([channels, height, width]: [usize; 3], [row, column]: [usize; 2]) -> Layout {
        let shape = Shape::new(channels, height, width).unwrap();
        let channel = |slot| Spot { part: 0, slot };
        Layout {
            channels: (0..channels).map(channel).collect(),
            row,
            column,
            ..Layout::dense(shape)
        }
    }

    /// What diagonals make of slots.
    fn apply(blocks: &Blocks, x: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; SLOTS];
        for (offset, entries) in &blocks[&(0, 0)].by_offset {
            for &(slot, weight) in entries {
                let from = (i64::from(slot) + offset).rem_euclid(SLOTS as i64) as usize;
                y[slot as usize] += f64::from(weight) * x[from];
            }
        }
        y
    }

    #[test]
    fn every_row_reads_every_element_once() {
        let repeated = |size: usize, distance: usize| {
            let copies = (0..SLOTS).step_by(distance).collect();
            Layout { copies, ..Layout::dense(Shape::new(size, 1, 1).unwrap()) }
        };
        let values = [
            ("gaps between pixels", layout([4, 4, 4], [64, 16])),
            ("gaps between lines", layout([3, 3, 3], [64, 8])),
            ("one after the other", layout([13, 1, 1], [1, 1])),
            ("rotated", layout([4, 4, 4], [64, 16]).rotated(77, SLOTS)),
            ("all around", repeated(16, 16)),
            ("all around, and rotated", repeated(27, 32).rotated(-5, SLOTS)),
        ];
        for (name, from) in values {
            for rows in [1, 2, 5, 16, 50, 128] {
                for used in 0..SLOTS {
                    let content = (SLOTS - 1) & !used;
                    let elements = 0..from.shape.elements();
                    let base = from.spot(0, SLOTS).slot;
                    let period = from.even_copies(SLOTS).unwrap_or(SLOTS);
                    let at = |e| (from.spot(e, SLOTS).slot + SLOTS - base) % period;
                    if elements.clone().any(|e| at(e) & used != 0) {
                        continue;
                    }
                    let spread = Spread::new(usize::next_power_of_two(rows), SLOTS, base, content);
                    check(name, &spread, &from, rows);
                }
            }
        }
    }

    fn check(name: &str, spread: &Spread, from: &Layout, rows: usize) {
        let columns = from.shape.elements();
        let weight = |row: usize, column: usize| ((row * 31 + column * 17) % 23 + 1) as f32;
        let row = |row| (0..columns).map(|column| (column as u32, weight(row, column))).collect();
        let matrix = Sparse { rows: (0..rows).map(row).collect() };
        // Slots of no element hold what is not to be read.
        let mut x = vec![1e9; SLOTS];
        for element in 0..columns {
            for copy in &from.copies {
                let slot = (from.spot(element, SLOTS).slot + copy) % SLOTS;
                x[slot] = (element % 7) as f64 + 1.0;
            }
        }
        let copies = spread.spread(from);
        let shift = 3;
        let mut spread_out = apply(&copies, &x);
        spread_out.rotate_left(shift);
        let product = spread.folded(&matrix, from, shift as i64);
        let offsets: BTreeSet<i64> = product[&(0, 0)].by_offset.keys().copied().collect();
        assert!(offsets.len() <= spread.diagonals(), "{name}");
        assert!(copies[&(0, 0)].by_offset.len() <= spread.copies(), "{name}: {spread:?}");
        let parts = apply(&product, &spread_out);
        for row in 0..rows {
            let found: f64 = parts.iter().skip(row).step_by(spread.rows).sum();
            let products = (0..columns)
                .map(|column| f64::from(weight(row, column)) * ((column % 7) as f64 + 1.0));
            assert_eq!(found, products.sum::<f64>(), "{name}: row {row} of {rows}, {spread:?}");
        }
    }

    #[test]
    fn gaps_are_filled_where_that_is_cheaper() {
        let from = layout([4, 4, 4], [64, 16]);
        // Of 256 slots 64 hold something: two bits between the pixels are free.
        let spread = Spread::new(64, SLOTS, 0, 0b1111_0011);
        assert_eq!((spread.copies(), spread.diagonals()), (4, 16));
        assert_eq!(spread.spread(&from)[&(0, 0)].by_offset.len(), 4);
        // One copy of a vector is turned by a quarter, another by two.
        let spread = Spread::new(16, SLOTS, 0, 0b0011_1111);
        assert_eq!((spread.copies(), spread.diagonals()), (7, 4));
    }
}
