//! Sums of matrices times values: a grid of rotations for all of them, and the transforms.

use std::collections::{BTreeMap, BTreeSet};

use blindsight_engine::Value;

use super::{Build, MOST_WEIGHTS, Place};
use crate::general::GeneralError;
use crate::general::carrier::{Carrier, LinearLevels};
use crate::general::diagonals::{Blocks, Diagonals};
use crate::general::masks::{Factored, Room};
use crate::general::price::Prices;
use crate::general::steps::{At, Choice, Grid, Joins, Reads};

/// Sums of transforms of several values: for each ciphertext of the result its value, and their
/// level and how far they stand rotated to the left.
pub(super) struct Sums {
    pub(super) parts: Vec<Value>,
    pub(super) level: usize,
    pub(super) scale: f64,
    pub(super) shift: i64,
}

/// What the slots of a result mean.
#[derive(Clone, Copy)]
pub(super) enum Targets<'a> {
    /// For each ciphertext, pixels of a feature map.
    Pixels(&'a [Vec<Option<u32>>]),
    /// Parts of sums, in one ciphertext.
    Folded,
    /// What is not read by a bootstrap, which drops imaginary parts.
    Real,
    /// A vector that repeats at this distance.
    Repeated(usize),
}

impl Targets<'_> {
    /// The ciphertexts of the result.
    fn parts(self) -> usize {
        match self {
            Self::Pixels(pixels) => pixels.len(),
            Self::Folded | Self::Real | Self::Repeated(_) => 1,
        }
    }
}

impl Build<'_> {
    /// The sums of matrices times values.
    pub(super) fn transforms(
        &mut self,
        terms: Vec<(Place, Blocks)>,
        targets: Targets<'_>,
        strides: &BTreeSet<i64>,
        levels: LinearLevels,
    ) -> Result<Sums, GeneralError> {
        let (slots, count) = (self.slots(), targets.parts());
        let prices = Prices::of(self.carrier, levels.level)?;
        let mut matrices: Vec<(Value, f64, usize, Factored)> = Vec::new();
        for (read, blocks) in terms {
            for ((from, to), diagonals) in blocks {
                let factored = match targets {
                    Targets::Folded | Targets::Real => Factored::whole(&diagonals, slots),
                    Targets::Repeated(period) => Factored::repeated(&diagonals, period),
                    Targets::Pixels(pixels) => {
                        let pixels_read = read.layout.pixels(from, slots);
                        let room = Room { from: &pixels_read, to: &pixels[to] };
                        self.factored(&diagonals, room, prices)
                    }
                };
                matrices.push((read.parts[from], read.scale, to, factored));
            }
        }
        // A sum of nothing is a transform too.
        for part in 0..count {
            if matrices.iter().all(|(_, _, to, _)| *to != part) {
                let input = &self.held[0];
                matrices.push((input.parts[0], input.scale, part, Factored::zero()));
            }
        }
        let mut reads: BTreeMap<Reads, usize> = BTreeMap::new();
        for (_, _, _, factored) in &matrices {
            *reads.entry(Reads::of(factored)).or_default() += 1;
        }
        let level = levels.level - levels.rescales;
        let choice = Choice {
            transforms: reads,
            strides,
            known: &self.known,
            joins: self.joins(targets, level),
            prices,
            slots,
        };
        let grid = Grid::cheapest(&choice);
        let transforms = choice.transforms.iter();
        self.weights += transforms.map(|(reads, times)| times * grid.weights(reads)).sum::<usize>();
        if self.weights > MOST_WEIGHTS {
            return Err(GeneralError::Weights { needed: self.weights, slots });
        }
        self.known.extend(grid.rotations());
        // All transforms first: none of them waits for another.
        let mut terms = Vec::with_capacity(matrices.len());
        for (input, input_scale, to, factored) in matrices {
            let LinearLevels { level, rescales, dropped, special, scale, .. } = levels;
            let gain = scale * dropped / input_scale;
            let at = At { level, rescales, special, gain, slots };
            let plan = grid.plan(&factored, at);
            terms.push((to, self.emitter.transform(input, plan)));
        }
        let mut parts: Vec<Option<Value>> = vec![None; count];
        for (to, term) in terms {
            parts[to] = Some(parts[to].map_or(term, |sum| self.emitter.add(sum, term)));
        }
        let joined = |value: Value| match grid.join() {
            Some(giant) => {
                let rotated = self.rotate(value, giant, level);
                self.emitter.join(value, rotated)
            }
            None => value,
        };
        let parts = parts.into_iter().flatten().map(joined).collect();
        Ok(Sums { parts, level, scale: levels.scale, shift: grid.shift() })
    }

    /// How the result's real and imaginary parts are brought together, where a bootstrap follows: it
    /// reads real parts alone.
    fn joins(&self, targets: Targets<'_>, level: usize) -> Option<Joins> {
        let is_read = self.carrier.bootstrap().is_none() || matches!(targets, Targets::Real);
        let known = || self.rotations_at(level).collect();
        (!is_read).then(|| Joins { parts: targets.parts(), known: known() })
    }

    /// Diagonals with masks where that is cheaper.
    fn factored(&self, diagonals: &Diagonals, room: Room<'_>, prices: Prices) -> Factored {
        let whole = || Factored::whole(diagonals, self.slots());
        match self.carrier {
            // There is no level for masks.
            Carrier::Leveled(_) | Carrier::Graded(_) => whole(),
            Carrier::Bootstrapped(_) => {
                let Some(factored) = Factored::periodic(diagonals, room) else { return whole() };
                let masked = prices.weights(factored.terms.len() * factored.period)
                    + prices.masks(factored.masks.len());
                let unmasked = prices.weights(diagonals.by_offset.len() * self.slots());
                if masked < unmasked { factored } else { whole() }
            }
        }
    }
}
