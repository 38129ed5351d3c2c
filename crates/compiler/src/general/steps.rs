//! From diagonals to a linear transform with few keys: baby steps on a grid of two rotations, giant
//! steps of a third.

use std::collections::{BTreeMap, BTreeSet};

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_ring::GaloisElement;

use super::masks::Factored;
use super::price::KEY_IN_SWITCHES;

/// The rotations that offsets are made of: so many of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    short: i64,
    /// 0 where there is none.
    long: i64,
    /// The giant step: larger than the baby steps, or smaller.
    giant: i64,
}

/// Offsets as multiples of the steps, counted from the smallest of each.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    steps: Steps,
    least: [i64; 3],
    /// The key switches of all transforms.
    switches: usize,
    /// Which of giant, long and short steps there are.
    used: [bool; 3],
}

/// The offsets that one transform reads by, each through which mask.
pub(super) type Offsets = BTreeSet<(Option<usize>, i64)>;

/// What a level and a scale make of a transform.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) level: usize,
    pub(super) rescales: usize,
    pub(super) special: Special,
    /// The scale of weights and masks together.
    pub(super) gain: f64,
    pub(super) slots: usize,
}

/// `log2` of the scale of masks: their rounding error, spread over the slots, is then some 2^-13 of
/// each value, and random.
const MASK_BITS: i32 = 18;

impl Grid {
    /// The cheapest grid for transforms with these offsets, each with how often it occurs;
    /// `strides` are rotations that the layouts suggest, `known` those that have keys already.
    pub(super) fn cheapest(
        transforms: &BTreeMap<Offsets, usize>,
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
                for &giant in giants.iter().filter(|giant| **giant != short && **giant != long) {
                    let steps = Steps { short, long, giant };
                    let Some(grid) = Self::new(transforms, steps) else { continue };
                    let cost = grid.switches + KEY_IN_SWITCHES * grid.new_keys(known);
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, grid));
                    }
                }
            }
        }
        let (_, grid) = best.expect("steps of one slot reach every offset");
        grid
    }

    fn new(transforms: &BTreeMap<Offsets, usize>, steps: Steps) -> Option<Self> {
        let mut least = [i64::MAX; 3];
        for (_, offset) in transforms.keys().flatten() {
            let parts = steps.parts(*offset)?;
            least = [0, 1, 2].map(|i| least[i].min(parts[i]));
        }
        let mut grid = Self { steps, least, switches: 0, used: [false; 3] };
        for (offsets, times) in transforms {
            let mut babies: BTreeMap<Option<usize>, Babies> = BTreeMap::new();
            let mut giants = 0;
            for &(mask, offset) in offsets {
                let [j, b, a] = grid.parts(offset);
                giants = giants.max(j);
                babies.entry(mask).or_default().reach(b, a);
                grid.used = [0, 1, 2].map(|i| grid.used[i] || [j, b, a][i] > 0);
            }
            let babies: usize = babies.values().map(Babies::switches).sum();
            grid.switches += times * (babies + giants as usize);
        }
        Some(grid)
    }

    /// The rotations that it uses.
    pub(super) fn rotations(&self) -> impl Iterator<Item = i64> {
        let Steps { short, long, giant } = self.steps;
        [giant, long, short].into_iter().zip(self.used).filter(|(_, used)| *used).map(|(s, _)| s)
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

    /// How many giant, long and short steps from the smallest lead to an offset.
    fn parts(&self, offset: i64) -> [i64; 3] {
        let parts = self.steps.parts(offset).expect("the grid was made for these offsets");
        [0, 1, 2].map(|i| parts[i] - self.least[i])
    }

    /// The transform. Results stand [`shift`](Self::shift) slots to the left of the diagonals'
    /// targets.
    pub(super) fn plan(&self, factored: &Factored, at: At) -> TransformPlan {
        let element = |steps: i64| GaloisElement::rotation(steps, 2 * at.slots);
        let offsets = factored.terms.keys().map(|&(mask, offset)| (mask, self.parts(offset)));
        let giants = offsets.clone().map(|(_, [j, ..])| j).max().unwrap_or(0);
        let mut babies: BTreeMap<Option<usize>, Babies> = BTreeMap::new();
        offsets.for_each(|(mask, [_, b, a])| babies.entry(mask).or_default().reach(b, a));
        let mut nodes = Vec::new();
        let mut index: BTreeMap<(Option<usize>, i64, i64), usize> = BTreeMap::new();
        for (mask, babies) in &babies {
            for (b, a) in babies.all() {
                let node = match (b, a) {
                    (0, 0) => Node::Input { mask: *mask },
                    (b, 0) => Node::Step {
                        from: index[&(*mask, b - 1, 0)],
                        element: element(self.steps.long),
                    },
                    (b, a) => Node::Step {
                        from: index[&(*mask, b, a - 1)],
                        element: element(self.steps.short),
                    },
                };
                index.insert((*mask, b, a), nodes.len());
                nodes.push(node);
            }
        }
        let mut sums: Vec<Vec<Term>> = vec![Vec::new(); giants as usize + 1];
        let period = factored.period as i64;
        let shift = self.shift();
        for (&(mask, offset), weights) in &factored.terms {
            let [j, b, a] = self.parts(offset);
            // Before the giant steps that bring it to its slot.
            let to = |slot: i64| (slot + shift - j * self.steps.giant).rem_euclid(period) as usize;
            let weights = (0..period).map(|slot| Complex64::new(f64::from(weights[to(slot)]), 0.0));
            let weights = weights.collect();
            sums[j as usize].push(Term { node: index[&(mask, b, a)], weights });
        }
        sums.iter_mut().for_each(|sum| sum.sort_by_key(|term| term.node));
        let mask = |mask: &Vec<bool>| {
            mask.iter().map(|kept| Complex64::new(f64::from(u8::from(*kept)), 0.0)).collect()
        };
        let masks: Vec<Vec<Complex64>> = factored.masks.iter().map(mask).collect();
        let mask_scale = if masks.is_empty() { 1.0 } else { f64::from(1 << MASK_BITS) };
        TransformPlan {
            level: at.level,
            baby_special: at.special,
            giant_special: at.special,
            nodes,
            masks,
            mask_scale,
            giant: (sums.len() > 1).then(|| element(self.steps.giant)),
            sums,
            weight_scale: at.gain / mask_scale,
            rescales: at.rescales,
        }
    }
}

impl Steps {
    /// An offset as numbers of giant, long and short steps: as many of the largest as come nearest,
    /// and so on; `None` when the smallest step does not divide what is left.
    fn parts(&self, offset: i64) -> Option<[i64; 3]> {
        let steps = [self.giant, self.long, self.short];
        let mut order = [0, 1, 2];
        order.sort_by_key(|i| -steps[*i]);
        let (mut parts, mut rest) = ([0; 3], offset);
        for (rank, &i) in order.iter().enumerate() {
            let step = steps[i];
            if step == 0 {
                continue;
            }
            let last = order[rank + 1..].iter().all(|i| steps[*i] == 0);
            parts[i] = match last {
                true if rest % step != 0 => return None,
                true => rest / step,
                false => (2 * rest + step).div_euclid(2 * step),
            };
            rest -= parts[i] * step;
        }
        Some(parts)
    }
}

/// The baby steps of one mask: for each number of long steps, how many short ones follow.
#[derive(Clone, Debug, Default)]
struct Babies(Vec<i64>);

impl Babies {
    fn reach(&mut self, long: i64, short: i64) {
        let long = long as usize;
        self.0.resize(self.0.len().max(long + 1), 0);
        self.0[long] = self.0[long].max(short);
    }

    fn switches(&self) -> usize {
        self.all().count() - 1
    }

    /// All steps, each after the one that it is made from.
    fn all(&self) -> impl Iterator<Item = (i64, i64)> {
        (0..).zip(&self.0).flat_map(|(b, most)| (0..=*most).map(move |a| (b, a)))
    }
}
