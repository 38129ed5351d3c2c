//! Linear layers.

use std::collections::BTreeSet;

use blindsight_engine::{Operation, Value};

use super::sums::{Sums, Targets};
use super::{Build, Place};
use crate::general::GeneralError;
use crate::general::carrier::LinearLevels;
use crate::general::diagonals::{Blocks, Diagonals};
use crate::general::layout::{Layout, Spot};
use crate::general::network::{Affine, Made};
use crate::general::plan::{Plan, Task};
use crate::general::spread::Spread;

impl Build<'_> {
    /// An affine map with its bias. `clean` results have no slot with a value beyond their range.
    pub(super) fn affine(&mut self, affine: &Affine, clean: bool) -> Result<Place, GeneralError> {
        let layout_of = |value: usize| &self.held[value].layout;
        let (rows_after, window) = (self.rows_after(), self.window());
        let task = Task { affine, clean, rows_after, window };
        let mut place = match Plan::cheapest(&task, layout_of, self.carrier)? {
            Plan::InPlace(layout) => self.in_place(affine, layout)?,
            Plan::Repeated { period } => self.repeated(affine, period)?,
            Plan::Folded { period, block } => self.folded(affine, period, block, clean)?,
            Plan::Spread { period, of, levels } => self.spread(affine, period, &of, levels)?,
        };
        self.add_bias(&mut place, affine);
        Ok(place)
    }

    /// The rows of the matrices that read the value under construction and are no convolutions.
    fn rows_after(&self) -> usize {
        let readers = self.network.readers(self.held.len());
        let vectors = readers.filter(|affine| affine.shape.plane() == 1);
        vectors.map(|affine| affine.shape.elements().next_power_of_two()).sum()
    }

    /// The rows of the windows of a pool that reads the value under construction, where each row
    /// belongs to one window.
    fn window(&self) -> Option<usize> {
        let value = self.held.len();
        let height = self.network.values[value].shape.height();
        self.network.values.iter().find_map(|held| match held.made {
            Made::Pool { source, pool } if source == value => {
                let ([rows, _], [stride, _]) = (pool.kernel(), pool.stride());
                (rows > 1 && rows == stride && height.is_multiple_of(rows)).then_some(rows)
            }
            _ => None,
        })
    }

    /// A matrix from values that are there again and again to one that is too.
    fn repeated(&mut self, affine: &Affine, period: usize) -> Result<Place, GeneralError> {
        let slots = self.slots();
        let copies = (0..slots / period).map(|copy| copy * period).collect();
        let to = Layout { copies, ..Layout::dense(affine.shape) };
        let blocks = affine.terms.iter().map(|(value, matrix)| {
            let read = &self.held[*value];
            (read.clone(), Diagonals::between(matrix, &read.layout, &to, slots))
        });
        let (blocks, levels) = (blocks.collect(), self.levels(affine)?);
        let Sums { parts, level, scale, shift } =
            self.transforms(blocks, Targets::Repeated(period), &BTreeSet::new(), levels)?;
        Ok(Place { parts, level, scale, layout: to.rotated(shift, slots) })
    }

    fn in_place(&mut self, affine: &Affine, to: Layout) -> Result<Place, GeneralError> {
        let slots = self.slots();
        let blocks = affine.terms.iter().map(|(value, matrix)| {
            let read = &self.held[*value];
            (read.clone(), Diagonals::between(matrix, &read.layout, &to, slots))
        });
        let blocks = blocks.collect();
        let pixels: Vec<_> = (0..to.parts()).map(|part| to.pixels(part, slots)).collect();
        let mut strides = BTreeSet::new();
        for layout in affine.terms.iter().map(|(value, _)| &self.held[*value].layout).chain([&to]) {
            strides.extend([layout.row, layout.column, layout.line].map(|stride| stride as i64));
            let channels = layout.channels.windows(2);
            strides.extend(channels.map(|c| c[1].slot as i64 - c[0].slot as i64));
        }
        strides.retain(|stride| (1..slots as i64).contains(stride));
        let Sums { parts, level, scale, shift } =
            self.transforms(blocks, Targets::Pixels(&pixels), &strides, self.levels(affine)?)?;
        Ok(Place { parts, level, scale, layout: to.rotated(shift, slots) })
    }

    /// A matrix whose row `r` is spread over the slots `t = r mod period`, which are then added up.
    fn folded(
        &mut self,
        affine: &Affine,
        period: usize,
        block: Option<usize>,
        clean: bool,
    ) -> Result<Place, GeneralError> {
        let slots = self.slots();
        let blocks = self.folded_blocks(affine, period, block);
        // The slots that are written, as a range that may go around the end.
        let all = slots / period;
        // Sums over all slots leave each row's sum in all of its slots, and nothing else.
        let everywhere = block.is_none() && (clean || self.carrier.bootstrap().is_some());
        let (first, parts) = match block {
            Some(block) => (0, block / period),
            None if everywhere => (0, all),
            None => {
                let diagonals = blocks.iter().flat_map(|(_, blocks)| blocks.values());
                span(diagonals.flat_map(Diagonals::targets), period, slots)
            }
        };
        let parts = parts.next_power_of_two().min(all);
        let levels = self.levels(affine)?;
        let late = levels.late && levels.rescales > 0 && parts > 1;
        let made_at = if late { levels.unrescaled() } else { levels };
        let Sums { parts: values, level, shift, .. } =
            self.transforms(blocks, Targets::Folded, &BTreeSet::new(), made_at)?;
        let mut value = self.sum_up(values[0], period, parts, level);
        let (level, scale) = (levels.level - levels.rescales, levels.scale);
        if late {
            value = self.emitter.push(Operation::Rescale { input: value, level, scale });
        }
        let shape = affine.shape;
        let row = |r: usize| r / period * block.unwrap_or(0) + first * period + r % period;
        let channel = |c: usize| Spot { part: 0, slot: row(c * shape.plane()) % slots };
        let channels = (0..shape.channels()).map(channel).collect();
        let copies = if everywhere { all } else { 1 };
        let copies = (0..copies).map(|copy| copy * period).collect();
        let layout = Layout { channels, copies, ..Layout::dense(shape) };
        Ok(Place { parts: vec![value], level, scale, layout: layout.rotated(shift, slots) })
    }

    /// The same of values that are first spread over the slots.
    fn spread(
        &mut self,
        affine: &Affine,
        period: usize,
        of: &[(usize, Spread)],
        [first, second]: [LinearLevels; 2],
    ) -> Result<Place, GeneralError> {
        let slots = self.slots();
        let mut products = Vec::with_capacity(of.len());
        for (term, spread) in of {
            let (value, matrix) = &affine.terms[*term];
            let held = &self.held[*value];
            let read = Place { parts: vec![held.parts[spread.part()]], ..held.clone() };
            let layout = read.layout.clone();
            let copies = vec![(read, spread.spread(&layout))];
            let strides = spread.strides().into_iter().collect();
            let Sums { parts, level, scale, shift } =
                self.transforms(copies, Targets::Real, &strides, first)?;
            let blocks = spread.folded(matrix, &layout, shift);
            products.push((Place { parts, level, scale, layout }, blocks));
        }
        let Sums { parts, level, scale, shift } =
            self.transforms(products, Targets::Folded, &BTreeSet::new(), second)?;
        let value = self.sum_up(parts[0], period, slots / period, level);
        let copies = (0..slots).step_by(period).collect();
        let layout = Layout { copies, ..Layout::dense(affine.shape) };
        Ok(Place { parts: vec![value], level, scale, layout: layout.rotated(shift, slots) })
    }

    /// The folded matrices of all terms.
    pub(super) fn folded_blocks(
        &self,
        affine: &Affine,
        period: usize,
        block: Option<usize>,
    ) -> Vec<(Place, Blocks)> {
        let terms = affine.terms.iter().map(|(value, matrix)| {
            let read = &self.held[*value];
            (read.clone(), Diagonals::folded(matrix, &read.layout, period, block, self.slots()))
        });
        terms.collect()
    }

    /// The levels of an affine map.
    pub(super) fn levels(&self, affine: &Affine) -> Result<LinearLevels, GeneralError> {
        let levels = affine.terms.iter().map(|(value, _)| self.held[*value].level);
        Ok(self.carrier.linear(levels.min().unwrap_or(1))?)
    }

    /// To each slot what is in the next ones at distances of `period`: `parts` in all, a power of
    /// two.
    fn sum_up(&mut self, mut value: Value, period: usize, parts: usize, level: usize) -> Value {
        let mut step = period;
        while step < parts * period {
            let rotated = self.rotate(value, step as i64, level);
            value = self.emitter.add(rotated, value);
            step *= 2;
        }
        value
    }
}

/// The first of the runs of `period` slots that hold something, and how many there are up to the
/// last, going around the end of the slots where that is shorter.
fn span(taken: impl Iterator<Item = usize>, period: usize, slots: usize) -> (usize, usize) {
    let all = slots / period;
    let mut used = vec![false; all];
    taken.for_each(|slot| used[slot / period] = true);
    // The longest gap, going around, is what need not be read.
    let mut best = (0, 0);
    for start in (0..all).filter(|i| used[*i]) {
        let gap = (1..=all).take_while(|i| !used[(start + i) % all]).count();
        if gap >= best.1 {
            best = (start, gap);
        }
    }
    let (before_gap, gap) = best;
    ((before_gap + gap + 1) % all, all - gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_around_the_end() {
        // Runs of 4 in 32 slots: the first, the second and the last.
        assert_eq!(span([1, 6, 31].into_iter(), 4, 32), (7, 3));
        assert_eq!(span([9].into_iter(), 4, 32), (2, 1));
        assert_eq!(span((0..32).step_by(4), 4, 32), (0, 8));
    }
}
