//! A matrix over slots by its diagonals.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::sparse::Sparse;

/// The diagonals of a matrix over slots: `y[t] = sum over d of weights[d][t] * x[t + d]`, slots
/// counted modulo their number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Diagonals {
    pub(super) by_offset: BTreeMap<i64, Vec<(u32, f64)>>,
}

impl Diagonals {
    /// The diagonals from one layout to another. Of an input's copies each product reads the
    /// nearest.
    pub(super) fn between(matrix: &Sparse, from: &Layout, to: &Layout, slots: usize) -> Self {
        let mut by_offset: BTreeMap<i64, Vec<(u32, f64)>> = BTreeMap::new();
        for (row, entries) in matrix.rows.iter().enumerate() {
            let target = to.slot(row, slots);
            for &(column, weight) in entries {
                let source = from.slot(column as usize, slots);
                let offsets = from.copies.iter().map(|copy| offset(source + copy, target, slots));
                let offset = offsets.min_by_key(|d| (d.abs(), *d)).unwrap_or(0);
                by_offset.entry(offset).or_default().push((target as u32, weight));
            }
        }
        Self { by_offset }
    }

    /// The diagonals `0..period` of a matrix whose row `r` is summed up over all slots
    /// `t = r mod period` (and over those of block `r / period` alone, where the input is there once
    /// in each of several blocks of `block` slots).
    pub(super) fn folded(
        matrix: &Sparse,
        from: &Layout,
        period: usize,
        block: Option<usize>,
        slots: usize,
    ) -> Self {
        let mut by_offset: BTreeMap<i64, Vec<(u32, f64)>> = BTreeMap::new();
        for (row, entries) in matrix.rows.iter().enumerate() {
            for &(column, weight) in entries {
                let source = from.slot(column as usize, slots);
                let offset = (source + slots - row % period) % period;
                let target = match block {
                    Some(block) => row / period * block + (source + block - offset) % block,
                    None => (source + slots - offset) % slots,
                };
                by_offset.entry(offset as i64).or_default().push((target as u32, weight));
            }
        }
        Self { by_offset }
    }

    /// The slots that any diagonal writes.
    pub(super) fn targets(&self) -> impl Iterator<Item = usize> {
        self.by_offset.values().flatten().map(|(target, _)| *target as usize)
    }
}

/// How far to the right of `target` a slot lies, at most half of the slots.
fn offset(source: usize, target: usize, slots: usize) -> i64 {
    let right = (source + slots - target) % slots;
    if right > slots / 2 { right as i64 - slots as i64 } else { right as i64 }
}
