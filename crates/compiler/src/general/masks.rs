//! Diagonals as masks of what is read, times weights that repeat: a convolution's weights depend on
//! the channels alone, but for borders.
//!
//! Weights that repeat with a short period take little memory when they are encoded. What keeps
//! those of a convolution from repeating is its padding: a tap that would leave the picture is zero.
//! It reads a copy of the input instead from which the offending border is missing.

use std::collections::{BTreeMap, HashMap};

use super::diagonals::Diagonals;

/// Diagonals of one matrix between two ciphertexts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Factored {
    /// For each mask, the slots of what is read that it lets through.
    pub(super) masks: Vec<Vec<bool>>,
    /// For each offset and mask, weights by the slot of the result; a power of two of them, which
    /// repeat.
    pub(super) terms: BTreeMap<(Option<usize>, i64), Vec<f32>>,
    /// The number of weights of each term.
    pub(super) period: usize,
}

/// What is known of the slots of what is read, and of the result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room<'a> {
    /// For each slot of what is read, the slot in which its pixel's first channel is.
    pub(super) from: &'a [Option<u32>],
    /// The same of the result. Slots of no pixel may hold anything.
    pub(super) to: &'a [Option<u32>],
}

/// A matrix that needs more masks than this is none of a convolution.
const MOST_MASKS: usize = 32;

impl Factored {
    /// Diagonals as they are: weights for all slots, and no masks.
    pub(super) fn whole(diagonals: &Diagonals, slots: usize) -> Self {
        let full = |entries: &Vec<(u32, f32)>| {
            let mut weights = vec![0.0; slots];
            // A slot may be named twice where a sum is folded.
            entries.iter().for_each(|(target, weight)| weights[*target as usize] += weight);
            weights
        };
        let terms = diagonals.by_offset.iter().map(|(d, entries)| ((None, *d), full(entries)));
        Self { masks: Vec::new(), terms: terms.collect(), period: slots }
    }

    /// Diagonals that are the same in every run of so many slots: what is read repeats, and so does
    /// the result.
    pub(super) fn repeated(diagonals: &Diagonals, period: usize) -> Self {
        let over_period = |entries: &Vec<(u32, f32)>| {
            let mut weights = vec![0.0; period];
            entries.iter().for_each(|(target, w)| weights[*target as usize % period] += w);
            weights
        };
        let terms = diagonals.by_offset.iter();
        let terms = terms.map(|(d, entries)| ((None, *d), over_period(entries)));
        Self { masks: Vec::new(), terms: terms.collect(), period }
    }

    /// Nothing of what is read.
    pub(super) fn zero() -> Self {
        Self { masks: Vec::new(), terms: BTreeMap::from([((None, 0), vec![0.0])]), period: 1 }
    }

    /// The shortest period, if there is one below the number of slots, and few masks.
    pub(super) fn periodic(diagonals: &Diagonals, room: Room<'_>) -> Option<Self> {
        let periods = (0..room.to.len().ilog2()).map(|k| 1_usize << k);
        periods
            .filter_map(|period| Some((period, repeated(diagonals, period)?)))
            .find_map(|(period, weights)| masked(diagonals, &weights, period, room))
    }
}

/// The weights of each diagonal over a period; `None` when they do not repeat with it.
fn repeated(diagonals: &Diagonals, period: usize) -> Option<BTreeMap<i64, Vec<f32>>> {
    let mut all = BTreeMap::new();
    for (&offset, entries) in &diagonals.by_offset {
        let mut weights = vec![0.0; period];
        for &(target, weight) in entries {
            let known = &mut weights[target as usize % period];
            if *known == 0.0 {
                *known = weight;
            } else if *known != weight {
                return None;
            }
        }
        all.insert(offset, weights);
    }
    Some(all)
}

/// What a mask must do in each slot.
#[derive(Clone, Debug)]
struct Mask {
    keep: Vec<bool>,
    drop: Vec<bool>,
    terms: BTreeMap<i64, Vec<f32>>,
}

/// What the weights of one slot of the period want of what they read.
#[derive(Debug, Default)]
struct Wishes {
    keep: Vec<usize>,
    drop: Vec<usize>,
    /// How far what is read lies from what is written, channels apart: a tap of a convolution.
    tap: usize,
}

/// Terms whose weights repeat, with masks: those of one tap share one.
fn masked(
    diagonals: &Diagonals,
    weights: &BTreeMap<i64, Vec<f32>>,
    period: usize,
    room: Room<'_>,
) -> Option<Factored> {
    let slots = room.to.len();
    let mut masks: Vec<Mask> = Vec::new();
    // The masks of each tap: more than one where they cannot be one.
    let mut of_tap: HashMap<usize, Vec<usize>> = HashMap::new();
    for (&offset, entries) in &diagonals.by_offset {
        let mut written = vec![false; slots];
        entries.iter().for_each(|(target, _)| written[*target as usize] = true);
        for (place, &weight) in weights[&offset].iter().enumerate().filter(|(_, w)| **w != 0.0) {
            let wishes = Wishes::new(offset, place, period, &written, room);
            let alike = of_tap.entry(wishes.tap).or_default();
            let known = alike.iter().copied().find(|mask| masks[*mask].agrees(&wishes));
            let mask = known.unwrap_or_else(|| {
                let (keep, drop) = (vec![false; slots], vec![false; slots]);
                masks.push(Mask { keep, drop, terms: BTreeMap::new() });
                alike.push(masks.len() - 1);
                masks.len() - 1
            });
            masks[mask].join(&wishes);
            let term = masks[mask].terms.entry(offset).or_insert_with(|| vec![0.0; period]);
            term[place] = weight;
        }
        if masks.len() > MOST_MASKS {
            return None;
        }
    }
    let mut factored = Factored { period, ..Factored::default() };
    for Mask { drop, terms, .. } in masks {
        let mask = drop.contains(&true).then(|| {
            factored.masks.push(drop.iter().map(|drop| !drop).collect());
            factored.masks.len() - 1
        });
        for (offset, weights) in terms {
            let term = factored.terms.entry((mask, offset)).or_insert_with(|| vec![0.0; period]);
            term.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
    }
    Some(factored)
}

impl Wishes {
    fn new(offset: i64, place: usize, period: usize, written: &[bool], room: Room<'_>) -> Self {
        let slots = room.to.len();
        let mut wishes = Self::default();
        for target in (place..slots).step_by(period) {
            let source = (target as i64 + offset).rem_euclid(slots as i64) as usize;
            let Some(to) = room.to[target] else { continue };
            if written[target] {
                let from = room.from[source].unwrap_or_default();
                wishes.tap = (from as usize + slots - to as usize) % slots;
                wishes.keep.push(source);
            } else {
                wishes.drop.push(source);
            }
        }
        wishes
    }
}

impl Mask {
    fn agrees(&self, wishes: &Wishes) -> bool {
        !wishes.keep.iter().any(|slot| self.drop[*slot])
            && !wishes.drop.iter().any(|slot| self.keep[*slot])
    }

    fn join(&mut self, wishes: &Wishes) {
        wishes.keep.iter().for_each(|slot| self.keep[*slot] = true);
        wishes.drop.iter().for_each(|slot| self.drop[*slot] = true);
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::graph::{Conv2d, GraphBuilder, Node, Padding};
    use blindsight_model::tensor::Shape;

    use super::*;
    use crate::general::layout::Layout;
    use crate::general::sparse::of_node;

    const SLOTS: usize = 1024;

    /// The diagonals of a convolution with a kernel of 3 over 16 x 16 pixels, and 4 channels.
    fn convolution() -> (Diagonals, Vec<Option<u32>>) {
        let shape = Shape::new(4, 16, 16).unwrap();
        let weights = (0..144).map(|i| (i as f32 * 0.7).sin()).collect();
        let padding = Padding { rows: [1, 1], columns: [1, 1] };
        let conv = Conv2d::new([4, 4, 3, 3], weights, None, 1, padding).unwrap();
        let mut builder = GraphBuilder::new(shape);
        let node = Node::Conv2d { source: builder.input(), conv };
        let end = builder.add(node.clone()).unwrap();
        let graph = builder.finish(end).unwrap();
        let (matrix, _) = of_node(&graph, end, &node).unwrap();
        let layout = Layout::interleaved(shape, 1, SLOTS).unwrap();
        let mut blocks = Diagonals::between(&matrix, &layout, &layout, SLOTS);
        assert_eq!(blocks.len(), 1);
        (blocks.pop_first().unwrap().1, layout.pixels(0, SLOTS))
    }

    #[test]
    fn a_convolution_is_nine_masks_and_weights_that_repeat() {
        let (diagonals, pixels) = convolution();
        let room = Room { from: &pixels, to: &pixels };
        let factored = Factored::periodic(&diagonals, room).unwrap();
        assert_eq!(factored.period, 4, "the channels");
        // Eight borders and corners; what stays in the middle reads the input as it is.
        assert_eq!(factored.masks.len(), 8);
        let mut found = Diagonals::default();
        for (&(mask, offset), weights) in &factored.terms {
            for target in 0..SLOTS {
                let source = (target as i64 + offset).rem_euclid(SLOTS as i64) as usize;
                let kept = mask.is_none_or(|mask| factored.masks[mask][source]);
                let weight = weights[target % factored.period];
                if kept && weight != 0.0 {
                    let entries = found.by_offset.entry(offset).or_default();
                    entries.push((target as u32, weight));
                }
            }
        }
        let sorted = |diagonals: &Diagonals| {
            let mut all = diagonals.clone();
            all.by_offset.values_mut().for_each(|entries| entries.sort_by_key(|(at, _)| *at));
            all
        };
        assert_eq!(sorted(&found), sorted(&diagonals));
    }

    #[test]
    fn what_does_not_repeat_stays_whole() {
        let (mut diagonals, pixels) = convolution();
        let room = Room { from: &pixels, to: &pixels };
        let entries = diagonals.by_offset.values_mut().next().unwrap();
        entries[0].1 += 1.0;
        let period = Factored::periodic(&diagonals, room).map(|factored| factored.period);
        assert!(period.is_none_or(|period| period > 4));
        let whole = Factored::whole(&diagonals, SLOTS);
        assert_eq!((whole.masks.len(), whole.period), (0, SLOTS));
        assert_eq!(whole.terms.len(), diagonals.by_offset.len());
    }
}
