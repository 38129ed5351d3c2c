//! From diagonals to a linear transform with few keys: baby steps on a grid of two rotations, giant
//! steps of a third.
//!
//! Weights are real and slots complex. Where nobody reads imaginary parts, as a bootstrap does not,
//! two giant steps share a sum: with `g` the giant step, `S = S_0 + i S_1` and a rotation of the
//! whole, `Re(S - i g(S)) = S_0 + g(S_1)`. That halves the giant steps and the weighted copies.

use std::collections::{BTreeMap, BTreeSet};

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_ring::GaloisElement;

use super::masks::Factored;
use super::price::{KEY_IN_SWITCHES, Prices};

/// What a grid is chosen for, and by what.
pub(super) struct Choice<'a> {
    /// What transforms read, each with how often it occurs.
    pub(super) transforms: BTreeMap<Reads, usize>,
    /// Rotations that the layouts suggest.
    pub(super) strides: &'a BTreeSet<i64>,
    /// Rotations that transforms have keys for already.
    pub(super) known: &'a BTreeSet<i64>,
    /// Where real parts alone are read.
    pub(super) joins: Option<Joins>,
    pub(super) prices: Prices,
    pub(super) slots: usize,
}

/// What one transform reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reads {
    /// The offsets, each through which mask.
    offsets: BTreeSet<(Option<usize>, i64)>,
    /// The weights of each.
    period: usize,
}

/// The sums of two giant steps that are one, brought together at the end.
pub(super) struct Joins {
    /// The ciphertexts of the result.
    pub(super) parts: usize,
    /// Rotations that have keys there.
    pub(super) known: BTreeSet<i64>,
}

/// The rotations that offsets are made of: so many of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Steps {
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
    /// The most steps of each that a transform takes.
    most: [i64; 3],
    /// Whether sums are of two giant steps each.
    paired: bool,
}

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

impl Reads {
    pub(super) fn of(factored: &Factored) -> Self {
        Self { offsets: factored.terms.keys().copied().collect(), period: factored.period }
    }
}

impl Grid {
    /// The cheapest grid.
    pub(super) fn cheapest(choice: &Choice<'_>) -> Self {
        let Choice { transforms, strides, slots, .. } = choice;
        let powers = (0..slots.ilog2()).map(|k| 1_i64 << k);
        let giants: BTreeSet<i64> = powers.chain(strides.iter().copied()).collect();
        let shorts: BTreeSet<i64> = strides.iter().copied().chain([1]).collect();
        let mut best: Option<(f64, Self)> = None;
        for &short in &shorts {
            for &long in strides.iter().chain(&[0]).filter(|long| **long == 0 || **long > short) {
                for &giant in giants.iter().filter(|giant| **giant != short && **giant != long) {
                    let steps = Steps { short, long, giant };
                    let Some(alone) = Self::new(transforms.keys(), steps) else { continue };
                    let paired = choice.joins.as_ref().and_then(|_| alone.paired(*slots));
                    for grid in std::iter::once(alone).chain(paired) {
                        let cost = grid.cost(choice);
                        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                            best = Some((cost, grid));
                        }
                    }
                }
            }
        }
        let (_, grid) = best.expect("steps of one slot reach every offset");
        grid
    }

    fn new<'a>(transforms: impl Iterator<Item = &'a Reads> + Clone, steps: Steps) -> Option<Self> {
        let offsets = transforms.flat_map(|reads| &reads.offsets).map(|(_, offset)| *offset);
        let (mut least, mut most) = ([i64::MAX; 3], [i64::MIN; 3]);
        for offset in offsets {
            let parts = steps.parts(offset)?;
            least = [0, 1, 2].map(|i| least[i].min(parts[i]));
            most = [0, 1, 2].map(|i| most[i].max(parts[i]));
        }
        let most = [0, 1, 2].map(|i| most[i] - least[i]);
        Some(Self { steps, least, most, paired: false })
    }

    /// The same with two giant steps a sum, if there are two and a rotation by both is one.
    fn paired(&self, slots: usize) -> Option<Self> {
        let [giants, ..] = self.most;
        let turns = giants > 1 && 2 * self.steps.giant % slots as i64 == 0;
        (giants > 0 && !turns).then(|| Self { paired: true, ..self.clone() })
    }

    /// In seconds, and what memory and keys are worth.
    fn cost(&self, choice: &Choice<'_>) -> f64 {
        let Choice { transforms, known, joins, prices, .. } = choice;
        let (mut switches, mut copies) = (0, 0.0);
        for (reads, times) in transforms {
            let (sums, babies) = self.walk(&reads.offsets);
            let babies: usize = babies.values().map(Babies::switches).sum();
            switches += times * (babies + sums - 1);
            let count = (times * self.copies(&reads.offsets)) as f64;
            copies += count * (prices.copy + prices.weights(reads.period));
        }
        let mut keys = self.rotations().filter(|rotation| !known.contains(rotation)).count();
        if let (Some(joins), Some(giant)) = (joins, self.join()) {
            switches += joins.parts;
            keys += usize::from(!joins.known.contains(&giant));
        }
        (switches + KEY_IN_SWITCHES * keys) as f64 * prices.switch + copies
    }

    /// How many sums offsets take, and the baby steps of each mask.
    fn walk(
        &self,
        offsets: &BTreeSet<(Option<usize>, i64)>,
    ) -> (usize, BTreeMap<Option<usize>, Babies>) {
        let mut babies: BTreeMap<Option<usize>, Babies> = BTreeMap::new();
        let mut last = 0;
        for &(mask, offset) in offsets {
            let [j, b, a] = self.parts(offset);
            last = last.max(self.sum(j).0);
            babies.entry(mask).or_default().reach(b, a);
        }
        (last + 1, babies)
    }

    /// The sum of a giant step, and what its weights are multiplied by there.
    fn sum(&self, giant: i64) -> (usize, Complex64) {
        match (self.paired, giant % 2) {
            (false, _) => (giant as usize, Complex64::ONE),
            (true, 0) => (giant as usize / 2, Complex64::ONE),
            (true, _) => (giant as usize / 2, Complex64::I),
        }
    }

    /// The weighted copies of a transform.
    fn copies(&self, offsets: &BTreeSet<(Option<usize>, i64)>) -> usize {
        if !self.paired {
            return offsets.len();
        }
        let copy = |&(mask, offset): &(Option<usize>, i64)| {
            let [j, b, a] = self.parts(offset);
            (self.sum(j).0, mask, b, a)
        };
        offsets.iter().map(copy).collect::<BTreeSet<_>>().len()
    }

    /// The weights of a transform.
    pub(super) fn weights(&self, reads: &Reads) -> usize {
        self.copies(&reads.offsets) * reads.period
    }

    /// The rotations of transforms.
    pub(super) fn rotations(&self) -> impl Iterator<Item = i64> {
        let Steps { short, long, .. } = self.steps;
        let [giants, longs, shorts] = self.most;
        let steps = [self.giant(), long, short].into_iter();
        let used = [self.sum(giants).0 > 0, longs > 0, shorts > 0];
        steps.zip(used).filter(|(_, used)| *used).map(|(steps, _)| steps)
    }

    /// From one sum to the next.
    fn giant(&self) -> i64 {
        if self.paired { 2 * self.steps.giant } else { self.steps.giant }
    }

    /// The rotation by which the result's imaginary part is added to its real one, if it has one.
    pub(super) fn join(&self) -> Option<i64> {
        self.paired.then_some(self.steps.giant)
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
    /// targets, and are to be [joined](Self::join).
    pub(super) fn plan(&self, factored: &Factored, at: At) -> TransformPlan {
        let element = |steps: i64| GaloisElement::rotation(steps, 2 * at.slots);
        let (count, babies) = self.walk(&Reads::of(factored).offsets);
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
        let mut sums: Vec<BTreeMap<usize, Vec<Complex64>>> = vec![BTreeMap::new(); count];
        let period = factored.period as i64;
        let shift = self.shift();
        for (&(mask, offset), weights) in &factored.terms {
            let [j, b, a] = self.parts(offset);
            let (sum, unit) = self.sum(j);
            let copy = sums[sum].entry(index[&(mask, b, a)]);
            let copy = copy.or_insert_with(|| vec![Complex64::ZERO; factored.period]);
            // Before the giant steps that bring it to its slot.
            let to = |slot: i64| (slot + shift - j * self.steps.giant).rem_euclid(period) as usize;
            let weight = |slot| f64::from(weights[to(slot)]);
            copy.iter_mut().zip(0..).for_each(|(sum, slot)| *sum += unit * weight(slot));
        }
        let terms = |sum: BTreeMap<usize, Vec<Complex64>>| {
            sum.into_iter().map(|(node, weights)| Term { node, weights }).collect()
        };
        let sums: Vec<Vec<Term>> = sums.into_iter().map(terms).collect();
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
            giant: (sums.len() > 1).then(|| element(self.giant())),
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
