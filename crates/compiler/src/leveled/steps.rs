//! From diagonals to a linear transform with few keys: baby steps on a grid of two rotations, giant
//! steps of a third.

use std::collections::{BTreeMap, BTreeSet};

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_ring::GaloisElement;

use super::diagonals::Diagonals;

/// The rotations that offsets are made of: `giant * j + long * b + short * a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    short: i64,
    /// 0 where there is none.
    long: i64,
    giant: i64,
}

/// Offsets as multiples of the steps, counted from the smallest of each.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    steps: Steps,
    least: [i64; 3],
    /// For each number of long steps, how many short ones follow.
    babies: Vec<Option<i64>>,
    giants: i64,
}

/// What a new rotation key is worth, in key switches.
const KEY_PRICE: usize = 12;

/// What a level and a scale make of a transform.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) level: usize,
    pub(super) special: Special,
    pub(super) weight_scale: f64,
    pub(super) slots: usize,
}

impl Grid {
    /// The cheapest grid of these offsets; `strides` are rotations that the layouts suggest,
    /// `known` those that have keys already.
    pub(super) fn cheapest(
        offsets: &BTreeSet<i64>,
        strides: &BTreeSet<i64>,
        known: &BTreeSet<i64>,
        slots: usize,
    ) -> Self {
        let powers = (0..slots.ilog2()).map(|k| 1_i64 << k);
        let giants: BTreeSet<i64> = powers.chain(strides.iter().copied()).collect();
        let shorts: BTreeSet<i64> = strides.iter().copied().chain([1]).collect();
        let mut best: Option<(usize, Self)> = None;
        for &short in &shorts {
            for &long in strides.iter().chain(&[0]).filter(|long| **long == 0 || **long > short) {
                for &giant in giants.iter().filter(|giant| **giant > short.max(long)) {
                    let steps = Steps { short, long, giant };
                    let Some(grid) = Self::new(offsets, steps) else { continue };
                    let cost = grid.switches() + KEY_PRICE * grid.new_keys(known);
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, grid));
                    }
                }
            }
        }
        let (_, grid) = best.expect("steps of one slot reach every offset");
        grid
    }

    fn new(offsets: &BTreeSet<i64>, steps: Steps) -> Option<Self> {
        let parts: Vec<[i64; 3]> =
            offsets.iter().map(|offset| steps.parts(*offset)).collect::<Option<_>>()?;
        let least = [0, 1, 2].map(|i| parts.iter().map(|p| p[i]).min().unwrap_or(0));
        let from_least = |p: &[i64; 3]| [p[0] - least[0], p[1] - least[1], p[2] - least[2]];
        let parts: Vec<[i64; 3]> = parts.iter().map(from_least).collect();
        let most = |i: usize| parts.iter().map(|p| p[i]).max().unwrap_or(0);
        let mut babies = vec![None; most(1) as usize + 1];
        for [_, b, a] in &parts {
            let most: &mut Option<i64> = &mut babies[*b as usize];
            *most = Some(most.unwrap_or(0).max(*a));
        }
        Some(Self { steps, least, babies, giants: most(0) + 1 })
    }

    fn switches(&self) -> usize {
        let short: i64 = self.babies.iter().flatten().sum();
        short as usize + self.babies.len() - 1 + self.giants as usize - 1
    }

    /// The rotations that it uses.
    pub(super) fn rotations(&self) -> impl Iterator<Item = i64> {
        let short = self.babies.iter().flatten().any(|a| *a > 0).then_some(self.steps.short);
        let long = (self.babies.len() > 1).then_some(self.steps.long);
        let giant = (self.giants > 1).then_some(self.steps.giant);
        [short, long, giant].into_iter().flatten()
    }

    fn new_keys(&self, known: &BTreeSet<i64>) -> usize {
        self.rotations().filter(|rotation| !known.contains(rotation)).count()
    }

    /// How far the result stands rotated to the left, because no step goes back.
    pub(super) fn shift(&self) -> i64 {
        let Steps { short, long, giant } = self.steps;
        let [j, b, a] = self.least;
        // Offsets that were reached from the smallest are larger by what that is less than zero.
        -(giant * j + long * b + short * a)
    }

    /// The transform. Results stand [`shift`](Self::shift) slots to the left of the diagonals'
    /// targets.
    pub(super) fn plan(&self, diagonals: &Diagonals, at: At) -> TransformPlan {
        let slots = at.slots as i64;
        let element = |steps: i64| GaloisElement::rotation(steps, 2 * at.slots);
        let mut nodes = vec![Node::Input { mask: None }];
        let mut index: BTreeMap<(i64, i64), usize> = BTreeMap::from([((0, 0), 0)]);
        for (b, most) in (0..).zip(&self.babies) {
            if b > 0 {
                let from = index[&(b - 1, 0)];
                index.insert((b, 0), nodes.len());
                nodes.push(Node::Step { from, element: element(self.steps.long) });
            }
            for a in 1..=most.unwrap_or(0) {
                let from = index[&(b, a - 1)];
                index.insert((b, a), nodes.len());
                nodes.push(Node::Step { from, element: element(self.steps.short) });
            }
        }
        let mut sums: Vec<BTreeMap<usize, Vec<Complex64>>> =
            vec![BTreeMap::new(); self.giants as usize];
        let shift = self.shift();
        for (offset, weights) in &diagonals.by_offset {
            let parts = self.steps.parts(*offset).expect("the grid was made for these offsets");
            let [j, b, a] = [0, 1, 2].map(|i| parts[i] - self.least[i]);
            let node = index[&(b, a)];
            let term =
                sums[j as usize].entry(node).or_insert_with(|| vec![Complex64::ZERO; at.slots]);
            for &(target, weight) in weights {
                // Before the giant steps that bring it to its slot.
                let slot = i64::from(target) - shift + j * self.steps.giant;
                term[slot.rem_euclid(slots) as usize].re += weight;
            }
        }
        let terms = |sum: BTreeMap<usize, Vec<Complex64>>| {
            sum.into_iter().map(|(node, weights)| Term { node, weights }).collect()
        };
        TransformPlan {
            level: at.level,
            baby_special: at.special,
            giant_special: at.special,
            nodes,
            masks: Vec::new(),
            mask_scale: 1.0,
            sums: sums.into_iter().map(terms).collect(),
            giant: (self.giants > 1).then(|| element(self.steps.giant)),
            weight_scale: at.weight_scale,
            rescales: 1,
        }
    }
}

impl Steps {
    /// An offset as numbers of giant, long and short steps.
    fn parts(&self, offset: i64) -> Option<[i64; 3]> {
        let nearest = |x: i64, step: i64| (2 * x + step).div_euclid(2 * step);
        let giants = nearest(offset, self.giant);
        let rest = offset - giants * self.giant;
        let longs = if self.long == 0 { 0 } else { nearest(rest, self.long) };
        let rest = rest - longs * self.long;
        (rest % self.short == 0).then_some([giants, longs, rest / self.short])
    }
}
