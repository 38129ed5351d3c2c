//! The steps of a leveled program.

use std::collections::BTreeSet;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_engine::{PlaintextData, PolynomialData, Program, Value, ValueType};
use blindsight_model::graph::{ActivationKind, Pool};
use blindsight_model::tensor::Shape;

use super::LeveledError;
use super::activation::{Form, Forms};
use super::diagonals::Diagonals;
use super::layout::{Layout, Repeated};
use super::network::{Affine, Held, Made, Network};
use super::plan::Plan;
use super::ring::Ring;
use super::steps::{At, Grid};
use crate::contract::Formats;
use crate::emit::Emitter;

/// `log2` of the modulus of an answer.
const ANSWER_LOG2_MODULUS: u32 = 22;

/// Part of the smallest prime that a score of 1 takes: there is room for more than twice that.
const ANSWER_SHARE: f64 = 1.0 / 8.0;

/// Most weights of all transforms together, one a slot: a gigabyte while they are compiled, and
/// several when they are encoded for all limbs.
pub(super) const MOST_WEIGHTS: usize = 1 << 26;

/// A rotation that is a small multiple of one that has a key is made of that one, up to so often.
const MOST_REPEATS: i64 = 7;

/// Levels that a network takes.
pub(super) fn depth(network: &Network, activations: &Forms) -> usize {
    let mut depths: Vec<usize> = Vec::with_capacity(network.values.len());
    let below = |affine: &Affine, depths: &[usize]| {
        1 + affine.terms.iter().map(|(value, _)| depths[*value]).max().unwrap_or(0)
    };
    let mut index = 0;
    for held in &network.values {
        let depth = match &held.made {
            Made::Input => 0,
            Made::Pool { source, .. } => depths[*source],
            Made::Activation { affine, .. } => {
                index += 1;
                below(affine, &depths) + activations.get(index - 1).depth()
            }
        };
        depths.push(depth);
    }
    below(&network.scores, &depths)
}

/// A program under construction.
pub(super) struct Build<'a> {
    network: &'a Network,
    activations: &'a Forms,
    ring: &'a Ring,
    emitter: Emitter,
    /// Where each value of the network is.
    held: Vec<Place>,
    /// Rotations that have keys.
    known: BTreeSet<i64>,
    /// Weights of all transforms so far, one a slot.
    weights: usize,
}

/// A value of the network in the program.
#[derive(Clone, Debug)]
struct Place {
    value: Value,
    level: usize,
    scale: f64,
    layout: Layout,
}

impl<'a> Build<'a> {
    pub(super) fn new(network: &'a Network, activations: &'a Forms, ring: &'a Ring) -> Self {
        Self {
            network,
            activations,
            ring,
            emitter: Emitter::new(None),
            held: Vec::new(),
            known: BTreeSet::new(),
            weights: 0,
        }
    }

    /// The program, what travels, and the request.
    pub(super) fn emit(mut self) -> Result<(Program, Formats, ValueType), LeveledError> {
        let network = self.network;
        let mut activation = 0;
        for held in &network.values {
            let place = match &held.made {
                Made::Input => self.input(held)?,
                Made::Pool { source, pool } => {
                    let source = self.held[*source].clone();
                    self.pool(source, *pool, held.shape)
                }
                Made::Activation { affine, activation: of } => {
                    let form = self.activations.get(activation);
                    let clean = of.kind != ActivationKind::Square;
                    let sum = self.affine(affine, clean)?;
                    activation += 1;
                    let place = self.activate(sum, form);
                    self.emitter.next_layer();
                    place
                }
            };
            self.held.push(place);
        }
        let formats = self.scores(&network.scores)?;
        let (level, scale) = (self.held[0].level, self.held[0].scale);
        Ok((self.emitter.finish(), formats, ValueType { level, scale }))
    }

    fn slots(&self) -> usize {
        self.ring.set.slots()
    }

    fn special(&self) -> Special {
        self.ring.set.all_special()
    }

    fn input(&self, held: &Held) -> Result<Place, LeveledError> {
        let (shape, slots) = (held.shape, self.slots());
        // The first layer that reads it decides.
        let readers = self.network.values.iter().filter_map(|held| match &held.made {
            Made::Activation { affine, .. } => Some(affine),
            Made::Input | Made::Pool { .. } => None,
        });
        let mut readers = readers.chain([&self.network.scores]);
        let first = readers.find(|affine| affine.terms.iter().any(|(value, _)| *value == 0));
        let to = first.map_or(shape, |affine| affine.shape);
        let repeated = match to.plane() {
            1 => Repeated::Evenly,
            _ => Repeated::ForChannels(to.channels()),
        };
        let layout = Layout::of_input(shape, repeated, slots);
        let layout = layout.ok_or(LeveledError::Slots { shape, slots })?;
        let level = self.ring.set.top_level();
        Ok(Place { value: 0, level, scale: self.ring.scale, layout })
    }

    /// The sums of windows, at the slots where the windows start.
    fn pool(&mut self, source: Place, pool: Pool, shape: Shape) -> Place {
        let Place { mut value, level, scale, layout } = source;
        let [rows, columns] = pool.kernel();
        for (step, count) in [(layout.column, columns), (layout.row, rows)] {
            let part = value;
            for _ in 1..count {
                let rotated = self.rotate(value, step as i64);
                value = self.emitter.add(rotated, part);
            }
        }
        Place { value, level, scale, layout: layout.pooled(pool, shape) }
    }

    /// An affine map with its bias. `clean` results have no slot with a value beyond their range.
    fn affine(&mut self, affine: &Affine, clean: bool) -> Result<Place, LeveledError> {
        let layout_of = |value: usize| &self.held[value].layout;
        let mut place = match Plan::cheapest(affine, layout_of, clean, self.slots())? {
            Plan::InPlace(layout) => self.in_place(affine, layout)?,
            Plan::Folded { period, block } => self.folded(affine, period, block, clean)?,
        };
        self.add_bias(&mut place, affine);
        Ok(place)
    }

    fn in_place(&mut self, affine: &Affine, to: Layout) -> Result<Place, LeveledError> {
        let (slots, scale) = (self.slots(), self.ring.scale);
        let diagonals = affine.terms.iter().map(|(value, matrix)| {
            (*value, Diagonals::between(matrix, &self.held[*value].layout, &to, slots))
        });
        let diagonals = diagonals.collect();
        let mut strides = BTreeSet::from([to.row as i64, to.column as i64]);
        for layout in affine.terms.iter().map(|(value, _)| &self.held[*value].layout).chain([&to]) {
            strides.extend([layout.row as i64, layout.column as i64]);
            let channels = layout.channels.windows(2).map(|c| c[1] as i64 - c[0] as i64);
            strides.extend(channels.filter(|distance| *distance > 0));
        }
        strides.retain(|stride| (1..slots as i64).contains(stride));
        let (value, level, shift) = self.transforms(diagonals, &strides, scale)?;
        Ok(Place { value, level, scale, layout: to.rotated(shift, slots) })
    }

    /// A matrix whose row `r` is spread over the slots `t = r mod period`, which are then added up.
    fn folded(
        &mut self,
        affine: &Affine,
        period: usize,
        block: Option<usize>,
        clean: bool,
    ) -> Result<Place, LeveledError> {
        let (slots, scale) = (self.slots(), self.ring.scale);
        let diagonals = self.folded_diagonals(affine, period, block);
        // The slots that are written, as a range that may go around the end.
        let (first, parts) = match block {
            Some(block) => (0, block / period),
            None => span(diagonals.iter().flat_map(|(_, d)| d.targets()), period, slots),
        };
        let all = slots / period;
        let parts = match (clean, block) {
            // Sums over all slots leave each row's sum in all of its slots.
            (true, None) => all,
            _ => parts.next_power_of_two().min(all),
        };
        let (value, level, shift) = self.transforms(diagonals, &BTreeSet::new(), scale)?;
        let value = self.sum_up(value, period, parts);
        let shape = affine.shape;
        let row = |r: usize| r / period * block.unwrap_or(0) + first * period + r % period;
        let channels = (0..shape.channels()).map(|c| row(c * shape.plane()) % slots).collect();
        let layout = Layout { channels, ..Layout::dense(shape) };
        Ok(Place { value, level, scale, layout: layout.rotated(shift, slots) })
    }

    /// The folded matrices of all terms.
    fn folded_diagonals(
        &self,
        affine: &Affine,
        period: usize,
        block: Option<usize>,
    ) -> Vec<(usize, Diagonals)> {
        let terms = affine.terms.iter().map(|(value, matrix)| {
            let from = &self.held[*value].layout;
            (*value, Diagonals::folded(matrix, from, period, block, self.slots()))
        });
        terms.collect()
    }

    /// The sum of diagonals of several values: its value, its level, and how far it stands rotated
    /// to the left.
    fn transforms(
        &mut self,
        mut terms: Vec<(usize, Diagonals)>,
        strides: &BTreeSet<i64>,
        scale: f64,
    ) -> Result<(Value, usize, i64), LeveledError> {
        // A matrix of zeros is a transform too.
        for (_, diagonals) in &mut terms {
            if diagonals.by_offset.is_empty() {
                diagonals.by_offset.insert(0, Vec::new());
            }
        }
        let slots = self.slots();
        let diagonals: usize = terms.iter().map(|(_, d)| d.by_offset.len()).sum();
        self.weights += diagonals * slots;
        if self.weights > MOST_WEIGHTS {
            return Err(LeveledError::Weights { needed: self.weights, slots });
        }
        let offsets = terms.iter().flat_map(|(_, d)| d.by_offset.keys().copied()).collect();
        let grid = Grid::cheapest(&offsets, strides, &self.known, slots);
        self.known.extend(grid.rotations());
        let level = terms.iter().map(|(value, _)| self.held[*value].level).min().unwrap_or(1);
        let prime = self.ring.set.prime(level);
        let mut sum = None;
        for (value, diagonals) in terms {
            let held = &self.held[value];
            let weight_scale = scale * prime / held.scale;
            let at = At { level, special: self.special(), weight_scale, slots };
            let term = self.emitter.transform(held.value, grid.plan(&diagonals, at));
            sum = Some(sum.map_or(term, |sum| self.emitter.add(sum, term)));
        }
        Ok((sum.unwrap_or(0), level - 1, grid.shift()))
    }

    /// To each slot what is in the next ones at distances of `period`: `parts` in all, a power of
    /// two.
    fn sum_up(&mut self, mut value: Value, period: usize, parts: usize) -> Value {
        let mut step = period;
        while step < parts * period {
            let rotated = self.rotate(value, step as i64);
            value = self.emitter.add(rotated, value);
            step *= 2;
        }
        value
    }

    /// A rotation, made of one that has a key where few of it are enough.
    fn rotate(&mut self, input: Value, steps: i64) -> Value {
        let made_of = |known: &&i64| steps % **known == 0 && steps / **known <= MOST_REPEATS;
        let by = self.known.iter().rev().find(made_of).copied().unwrap_or(steps);
        self.known.insert(by);
        (0..steps / by).fold(input, |value, _| self.emitter.rotate(value, by))
    }

    fn add_bias(&mut self, place: &mut Place, affine: &Affine) {
        let slots = self.slots();
        if affine.bias.iter().all(|b| *b == 0.0) {
            return;
        }
        let mut values = vec![Complex64::ZERO; slots];
        for (element, bias) in affine.bias.iter().enumerate() {
            values[place.layout.slot(element, slots)] = Complex64::new(*bias, 0.0);
        }
        let plaintext = PlaintextData { values, level: place.level, scale: place.scale };
        place.value = self.emitter.add_plaintext(place.value, plaintext);
    }

    fn activate(&mut self, sum: Place, form: &Form) -> Place {
        let level = sum.level - form.depth();
        match form {
            Form::Square => {
                let value = self.emitter.square(sum.value);
                let scale = sum.scale * sum.scale / self.ring.set.prime(sum.level);
                Place { value, level, scale, layout: sum.layout }
            }
            Form::Polynomial(fit) => {
                let (coefficients, scale) = (fit.coefficients().to_vec(), self.ring.scale);
                let polynomial = PolynomialData { coefficients, scale };
                let value = self.emitter.polynomial(sum.value, polynomial);
                Place { value, level, scale, layout: sum.layout }
            }
        }
    }

    /// The end of the program. The answer keeps the coefficients alone that repeat with its period,
    /// and these hold the mean over all slots of each class: the sum over the slots costs nothing.
    fn scores(&mut self, affine: &Affine) -> Result<Formats, LeveledError> {
        let slots = self.slots();
        let classes = affine.shape.elements();
        let period = classes.next_power_of_two();
        if period > slots {
            return Err(LeveledError::Slots { shape: affine.shape, slots });
        }
        // The mean of so many slots is to be their sum.
        let count = (slots / period) as f64;
        let mut terms = self.folded_diagonals(affine, period, None);
        for (_, weight) in terms.iter_mut().flat_map(|(_, d)| d.by_offset.values_mut()).flatten() {
            *weight *= count;
        }
        let scale = self.ring.set.prime(1) * ANSWER_SHARE;
        let (mut value, level, shift) = self.transforms(terms, &BTreeSet::new(), scale)?;
        let slot = |class: usize| (class as i64 - shift).rem_euclid(period as i64) as usize;
        if affine.bias.iter().any(|b| *b != 0.0) {
            let mut values = vec![Complex64::ZERO; period];
            for (class, bias) in affine.bias.iter().enumerate() {
                values[slot(class)] = Complex64::new(*bias, 0.0);
            }
            value = self.emitter.add_plaintext(value, PlaintextData { values, level, scale });
        }
        debug_assert!(value > 0 && level == 1, "the chain is as long as the network is deep");
        Ok(Formats {
            input: self.held[0].layout.shape,
            boxes: self.held[0].layout.boxes(slots),
            answer_log2_modulus: ANSWER_LOG2_MODULUS,
            answer_period: period,
            answer_scale: scale,
            answer_unit: self.network.bound,
            answer_slots: (0..classes).map(|class| slot(class) as u32).collect(),
        })
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
    use crate::testing::{calibration, perceptron};

    #[test]
    fn more_weights_than_memory_are_refused() {
        let graph = perceptron(ActivationKind::Square);
        let network = Network::new(&graph, &calibration(&graph)).unwrap();
        let activations = Forms::fit(&network).unwrap();
        let ring = Ring::new(14, depth(&network, &activations)).unwrap().unwrap();
        let refused = |before: usize| {
            let mut build = Build::new(&network, &activations, &ring);
            build.weights = before;
            build.emit().map(drop)
        };
        assert_eq!(refused(0), Ok(()));
        let error = refused(MOST_WEIGHTS).unwrap_err();
        assert!(matches!(error, LeveledError::Weights { slots: 8192, .. }), "{error}");
    }

    #[test]
    fn spans_go_around_the_end() {
        // Runs of 4 in 32 slots: the first, the second and the last.
        assert_eq!(span([1, 6, 31].into_iter(), 4, 32), (7, 3));
        assert_eq!(span([9].into_iter(), 4, 32), (2, 1));
        assert_eq!(span((0..32).step_by(4), 4, 32), (0, 8));
    }
}
