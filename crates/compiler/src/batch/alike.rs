//! Rows that read nearly the same values become rows that read the same.
//!
//! Rows with the same columns are a block, whose ciphertexts are read once for all of them. All
//! channels of a convolution read one window at each place, but a weight that was learnt as an integer
//! is often zero, zeros are no entries, and then hardly two rows are the same. Such rows get their
//! zeros back, as far as that saves time.

use std::collections::BTreeMap;

use crate::general::sparse::{MOST_ENTRIES, Sparse};

/// What it costs to read a ciphertext for a block, in multiply-adds. Measured: `cryptodl-sigmoid`, whose
/// rows were blocks of their own, took 8.3 times as long as with blocks.
const READ: usize = 7;

/// Blocks that a row is compared with.
const MOST_COMPARED: usize = 1024;

/// Words of all rows' columns beyond which rows stay as they are: more takes seconds and memory, and no
/// network of that size runs on batches.
const MOST_WORDS: usize = 1 << 22;

/// Rows that read the same.
struct Block {
    /// A bit for each column.
    columns: Vec<u64>,
    rows: Vec<usize>,
}

/// Gives rows that read nearly the same what it takes to be a block, unless that saves less than a
/// fifth.
pub(super) fn fill(matrix: &mut Sparse) {
    if matrix.rows.len().saturating_mul(words(matrix)) > MOST_WORDS {
        return;
    }
    let alone = rows_of_the_same(matrix);
    let before: usize = alone.iter().map(Block::cost).sum();
    let together = together(alone);
    let after: usize = together.iter().map(Block::cost).sum();
    let entries: usize = together.iter().map(|block| block.count() * block.rows.len()).sum();
    if 5 * after >= 4 * before || entries > MOST_ENTRIES {
        return;
    }
    for block in together {
        let columns: Vec<u32> = block.columns().collect();
        for row in block.rows {
            let mut weights = std::mem::take(&mut matrix.rows[row]).into_iter().peekable();
            let filled = columns.iter().map(|&column| {
                let found = weights.next_if(|(at, _)| *at == column);
                found.unwrap_or((column, 0.0))
            });
            matrix.rows[row] = filled.collect();
        }
    }
}

/// With a bit for each column.
fn words(matrix: &Sparse) -> usize {
    matrix.columns().div_ceil(64)
}

fn rows_of_the_same(matrix: &Sparse) -> Vec<Block> {
    let words = words(matrix);
    let mut blocks: BTreeMap<Vec<u64>, Vec<usize>> = BTreeMap::new();
    for (row, entries) in matrix.rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
        let mut columns = vec![0_u64; words];
        entries.iter().for_each(|(at, _)| columns[*at as usize / 64] |= 1 << (at % 64));
        blocks.entry(columns).or_default().push(row);
    }
    blocks.into_iter().map(|(columns, rows)| Block { columns, rows }).collect()
}

/// Puts every block to the one that it is most alike, if they share half of what both read and it
/// costs less: those that read most come first.
fn together(mut alone: Vec<Block>) -> Vec<Block> {
    alone.sort_by_key(|block| std::cmp::Reverse(block.count()));
    let mut blocks: Vec<Block> = Vec::new();
    for block in alone {
        let alike = |(at, other): (usize, &Block)| {
            let (shared, all) = block.shared_and_all(other);
            (2 * shared >= all).then_some((at, shared as f64 / all as f64))
        };
        let candidates = blocks.iter().enumerate().rev().take(MOST_COMPARED).filter_map(alike);
        let best = candidates.max_by(|(_, x), (_, y)| x.total_cmp(y));
        match best.map(|(at, _)| &mut blocks[at]).filter(|other| block.saves_with(other)) {
            Some(other) => other.take(block),
            None => blocks.push(block),
        }
    }
    blocks
}

impl Block {
    fn count(&self) -> usize {
        self.columns.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn cost(&self) -> usize {
        self.count() * (self.rows.len() + READ)
    }

    fn columns(&self) -> impl Iterator<Item = u32> {
        let bits = |(word, bits): (usize, &u64)| {
            let (start, bits) = (64 * word as u32, *bits);
            (0..64).filter(move |at| bits >> at & 1 == 1).map(move |at| start + at)
        };
        self.columns.iter().enumerate().flat_map(bits)
    }

    /// The columns that both read, and those that either reads.
    fn shared_and_all(&self, other: &Self) -> (usize, usize) {
        let pairs = self.columns.iter().zip(&other.columns);
        pairs.fold((0, 0), |(shared, all), (x, y)| {
            (shared + (x & y).count_ones() as usize, all + (x | y).count_ones() as usize)
        })
    }

    fn saves_with(&self, other: &Self) -> bool {
        let (_, all) = self.shared_and_all(other);
        all * (self.rows.len() + other.rows.len() + READ) < self.cost() + other.cost()
    }

    fn take(&mut self, other: Self) {
        self.columns.iter_mut().zip(other.columns).for_each(|(to, from)| *to |= from);
        self.rows.extend(other.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight channels read windows of 3 by 3 that lie a column apart, with `zero` of their weights.
    fn convolution(zero: impl Fn(u32, u32) -> bool) -> Sparse {
        let row = |channel: u32, place: u32| {
            let column = |at: u32| 16 * (at / 3) + place + at % 3;
            let entry = |at: u32| (column(at), (1 + channel * 9 + at) as f32);
            (0..9).filter(|&at| !zero(channel, at)).map(entry).collect()
        };
        let rows = (0..8).flat_map(|channel| (0..14).map(move |place| (channel, place)));
        Sparse { rows: rows.map(|(channel, place)| row(channel, place)).collect() }
    }

    #[test]
    fn channels_get_back_the_zeros_of_their_windows() {
        // Each lacks two of nine.
        let found = convolution(|channel, at| [channel, channel + 1].contains(&at));
        let mut filled = found.clone();
        fill(&mut filled);
        assert_eq!(rows_of_the_same(&filled).len(), 14, "one block a place");
        let values: Vec<f64> = (0..48).map(f64::from).collect();
        assert!(filled.apply(&values).eq(found.apply(&values)));
        assert!(filled.rows.iter().all(|row| row.is_sorted_by_key(|(at, _)| *at)));
    }

    #[test]
    fn what_is_regular_or_has_nothing_in_common_stays() {
        let apart = (0..40).map(|i| (0..5).map(|j| (5 * i + j, 1.0)).collect());
        for found in [convolution(|_, _| false), Sparse { rows: apart.collect() }] {
            let mut filled = found.clone();
            fill(&mut filled);
            assert_eq!(filled, found);
        }
        // Two channels of 2^21 places: too many to be compared.
        let places = (0..2).flat_map(|_| (0..1 << 21).map(|at| vec![(at, 1.0)]));
        let found = Sparse { rows: places.collect() };
        let mut filled = found.clone();
        fill(&mut filled);
        assert!(filled == found);
        let mut empty = Sparse { rows: vec![Vec::new(); 3] };
        fill(&mut empty);
        assert_eq!(empty.rows, vec![Vec::new(); 3]);
    }
}
