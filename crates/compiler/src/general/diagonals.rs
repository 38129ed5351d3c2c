//! A matrix over slots by its diagonals.

use std::collections::BTreeMap;

use super::layout::{Layout, Spot};
use super::sparse::Sparse;

/// The diagonals of a matrix over slots: `y[t] = sum over d of weights[d][t] * x[t + d]`, slots
/// counted modulo their number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Diagonals {
    pub(super) by_offset: BTreeMap<i64, Vec<(u32, f32)>>,
}

/// Matrices between ciphertexts: from this one of what is read to that one of the result.
pub(super) type Blocks = BTreeMap<(usize, usize), Diagonals>;

impl Diagonals {
    /// The diagonals from one layout to another. Of a value's copies each product reads the nearest.
    pub(super) fn between(matrix: &Sparse, from: &Layout, to: &Layout, slots: usize) -> Blocks {
        let mut blocks = Blocks::new();
        for (row, entries) in matrix.rows.iter().enumerate() {
            let target = to.spot(row, slots);
            for &(column, weight) in entries {
                let Spot { part, slot } = from.spot(column as usize, slots);
                let offset = nearest(from, slot, target.slot, slots);
                let block = blocks.entry((part, target.part)).or_default();
                block.push(offset, target.slot, weight);
            }
        }
        blocks
    }

    /// How many diagonals there would be.
    pub(super) fn count(matrix: &Sparse, from: &Layout, to: &Layout, slots: usize) -> usize {
        let parts = to.parts();
        let mut seen = vec![false; 2 * slots * parts * from.parts()];
        let mut count = 0;
        for (row, entries) in matrix.rows.iter().enumerate() {
            let target = to.spot(row, slots);
            for &(column, _) in entries {
                let Spot { part, slot } = from.spot(column as usize, slots);
                let offset = nearest(from, slot, target.slot, slots) + slots as i64;
                let at = (part * parts + target.part) * 2 * slots + offset as usize;
                count += usize::from(!std::mem::replace(&mut seen[at], true));
            }
        }
        count
    }

    /// The diagonals `0..period` of a matrix whose row `r` is summed up over all slots
    /// `t = r mod period` (and over those of block `r / period` alone, where the input is there once
    /// in each of several blocks of `block` slots). The result is in one ciphertext.
    pub(super) fn folded(
        matrix: &Sparse,
        from: &Layout,
        period: usize,
        block: Option<usize>,
        slots: usize,
    ) -> Blocks {
        let mut blocks = Blocks::new();
        for (row, entries) in matrix.rows.iter().enumerate() {
            for &(column, weight) in entries {
                let Spot { part, slot } = from.spot(column as usize, slots);
                let offset = (slot + slots - row % period) % period;
                let target = match block {
                    Some(block) => row / period * block + (slot + block - offset) % block,
                    None => (slot + slots - offset) % slots,
                };
                blocks.entry((part, 0)).or_default().push(offset as i64, target, weight);
            }
        }
        blocks
    }

    pub(super) fn push(&mut self, offset: i64, target: usize, weight: f32) {
        self.by_offset.entry(offset).or_default().push((target as u32, weight));
    }

    /// The slots that any diagonal writes.
    pub(super) fn targets(&self) -> impl Iterator<Item = usize> {
        self.by_offset.values().flatten().map(|(target, _)| *target as usize)
    }
}

/// The offset to the nearest copy of what is in a slot.
pub(super) fn nearest(from: &Layout, slot: usize, target: usize, slots: usize) -> i64 {
    if let Some(distance) = from.even_copies(slots) {
        // Copies all around: as in a ring of so many slots.
        return offset(slot % distance, target % distance, distance);
    }
    let offsets = from.copies.iter().map(|copy| offset(slot + copy, target, slots));
    offsets.min_by_key(|d| (d.abs(), *d)).unwrap_or(0)
}

/// How far to the right of `target` a slot lies, at most half of the slots.
fn offset(source: usize, target: usize, slots: usize) -> i64 {
    let right = (source + slots - target) % slots;
    if right > slots / 2 { right as i64 - slots as i64 } else { right as i64 }
}
