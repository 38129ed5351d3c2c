//! The steps of a program: values, linear layers, activations, the answer.

pub(super) mod answer;
mod linear;
mod sums;

use std::collections::{BTreeMap, BTreeSet};

use blindsight_ckks::encoding::Complex64;
use blindsight_engine::{PlaintextData, PolynomialData, Program, Value, ValueType};
use blindsight_model::graph::{ActivationKind, Pool};
use blindsight_model::tensor::Shape;

use super::GeneralError;
use super::activation::{Form, Forms};
use super::carrier::Carrier;
use super::layout::{Layout, Repeated};
use super::network::{Affine, Held, Made, Network};
use crate::contract::Formats;
use crate::emit::Emitter;

/// Most weights of all transforms together: a gigabyte while they are compiled, and several when
/// they are encoded for all limbs.
pub(super) const MOST_WEIGHTS: usize = 1 << 26;

/// Most ciphertexts of a request: eight megabytes.
pub(super) const MOST_INPUT_CIPHERTEXTS: usize = 16;

/// A rotation that is a small multiple of one that has a key is made of that one, up to so often.
const MOST_REPEATS: i64 = 7;

/// Levels that a network takes: one for each linear layer, and for each activation as many as are
/// said.
pub(super) fn depth(network: &Network, of_activation: impl Fn(usize) -> usize) -> usize {
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
                below(affine, &depths) + of_activation(index - 1)
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
    carrier: &'a Carrier,
    emitter: Emitter,
    /// Where each value of the network is.
    held: Vec<Place>,
    /// Rotations that transforms have keys for.
    known: BTreeSet<i64>,
    /// Rotations that bootstraps have keys for, each with the highest level at which that key is good
    /// enough for one that stands alone.
    of_bootstraps: BTreeMap<i64, usize>,
    /// Weights of all transforms so far.
    weights: usize,
}

/// A value of the network in the program.
#[derive(Clone, Debug)]
struct Place {
    /// Its ciphertexts.
    parts: Vec<Value>,
    level: usize,
    scale: f64,
    layout: Layout,
}

impl<'a> Build<'a> {
    pub(super) fn new(
        network: &'a Network,
        activations: &'a Forms,
        carrier: &'a Carrier,
    ) -> Result<Self, GeneralError> {
        Ok(Self {
            network,
            activations,
            carrier,
            emitter: Emitter::new(carrier.literal()),
            held: Vec::new(),
            known: BTreeSet::new(),
            of_bootstraps: carrier.rotations_of_bootstraps()?,
            weights: 0,
        })
    }

    /// The program, what travels, and the request.
    pub(super) fn emit(mut self) -> Result<(Program, Formats, ValueType), GeneralError> {
        let network = self.network;
        let mut activation = 0;
        for held in &network.values {
            let place = match &held.made {
                Made::Input => self.input(held)?,
                Made::Pool { source, pool } => {
                    let source = self.held[*source].clone();
                    self.pool(source, *pool, held.shape)?
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
        self.carrier.set().slots()
    }

    fn input(&mut self, held: &Held) -> Result<Place, GeneralError> {
        let (shape, slots) = (held.shape, self.slots());
        // The first layer that reads it decides.
        let to = self.network.readers(0).next().map_or(shape, |affine| affine.shape);
        let layout = match (to.plane(), self.carrier) {
            (1, _) => Layout::of_input(shape, Repeated::Evenly, slots),
            (_, Carrier::Leveled(_) | Carrier::Graded(_)) => {
                Layout::of_input(shape, Repeated::ForChannels(to.channels()), slots)
            }
            (_, Carrier::Bootstrapped(_)) => {
                Layout::interleaved(shape, MOST_INPUT_CIPHERTEXTS, slots)
            }
        };
        let layout = layout.ok_or(GeneralError::Slots { shape, slots })?;
        let (level, scale) = (self.carrier.request_level(), self.carrier.scale());
        let further = (1..layout.parts()).map(|ciphertext| self.emitter.request(ciphertext));
        let parts = std::iter::once(0).chain(further).collect();
        Ok(Place { parts, level, scale, layout })
    }

    /// The sums of windows, at the slots where the windows start.
    fn pool(&mut self, source: Place, pool: Pool, shape: Shape) -> Result<Place, GeneralError> {
        let [rows, columns] = pool.kernel();
        let layout = &source.layout;
        let slots = self.slots();
        let pooled = layout.pooled(pool, shape).ok_or(GeneralError::Slots { shape, slots })?;
        // Rows that are dealt out to several ciphertexts are added up as they are.
        let phases = layout.phases;
        let windows = [(layout.column, columns), (layout.row, rows / phases)];
        let sum = |build: &mut Self, mut value: Value| {
            for (step, count) in windows {
                let part = value;
                for _ in 1..count {
                    let rotated = build.rotate(value, step as i64, source.level);
                    value = build.emitter.add(rotated, part);
                }
            }
            value
        };
        let parts = source.parts.chunks(phases).map(|rows| {
            let rows = rows.iter().copied().reduce(|left, right| self.emitter.add(left, right));
            sum(self, rows.unwrap_or_default())
        });
        let parts = parts.collect();
        Ok(Place { parts, layout: pooled, ..source })
    }

    /// A rotation of a value at this level, made of one that has a key where few of it are enough.
    fn rotate(&mut self, input: Value, steps: i64, level: usize) -> Value {
        let made_of = |known: &i64| steps % *known == 0 && steps / *known <= MOST_REPEATS;
        let by = self.rotations_at(level).filter(made_of).max().unwrap_or_else(|| {
            self.known.insert(steps);
            steps
        });
        (0..steps / by).fold(input, |value, _| self.emitter.rotate(value, by))
    }

    /// Rotations that have keys for a value at this level.
    fn rotations_at(&self, level: usize) -> impl Iterator<Item = i64> {
        let of_bootstraps = self.of_bootstraps.iter().filter(move |(_, most)| level <= **most);
        self.known.iter().chain(of_bootstraps.map(|(steps, _)| steps)).copied()
    }

    fn add_bias(&mut self, place: &mut Place, affine: &Affine) {
        let slots = self.slots();
        if affine.bias.iter().all(|b| *b == 0.0) {
            return;
        }
        let mut values = vec![vec![Complex64::ZERO; slots]; place.parts.len()];
        for (element, bias) in affine.bias.iter().enumerate() {
            let spot = place.layout.spot(element, slots);
            for copy in &place.layout.copies {
                values[spot.part][(spot.slot + copy) % slots] = Complex64::new(*bias, 0.0);
            }
        }
        for (part, mut values) in place.parts.iter_mut().zip(values) {
            // The shortest period: what repeats takes less memory.
            while values.len() > 1 && values[..values.len() / 2] == values[values.len() / 2..] {
                values.truncate(values.len() / 2);
            }
            let plaintext = PlaintextData { values, level: place.level, scale: place.scale };
            *part = self.emitter.add_plaintext(*part, plaintext);
        }
    }

    fn activate(&mut self, sum: Place, form: &Form) -> Place {
        let (set, emitter) = (self.carrier.set(), &mut self.emitter);
        let rescales = self.carrier.rescales_of_squares();
        let (level, scale) = match form {
            Form::Square => {
                let kept = sum.level - rescales;
                let dropped = (kept + 1..=sum.level).map(|level| set.prime(level));
                (kept, sum.scale * sum.scale / dropped.product::<f64>())
            }
            Form::Polynomial(_) => (sum.level - form.depth(), self.carrier.scale()),
            Form::Bootstrap { .. } => (self.carrier.request_level(), self.carrier.scale()),
        };
        let parts = sum.parts.iter();
        let parts = match form {
            Form::Square => parts.map(|part| emitter.square(*part, rescales)).collect(),
            Form::Polynomial(fit) => {
                let coefficients = fit.coefficients().to_vec();
                let polynomial = emitter.polynomial_data(PolynomialData { coefficients, scale });
                parts.map(|part| emitter.polynomial(*part, polynomial)).collect()
            }
            Form::Bootstrap { polynomial, .. } => {
                let activation = emitter.activation(polynomial.clone());
                parts.map(|part| emitter.bootstrap(*part, activation)).collect()
            }
        };
        Place { parts, level, scale, layout: sum.layout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::general::network::Refreshes;
    use crate::general::ring::Ring;
    use crate::testing::{calibration, perceptron};

    #[test]
    fn more_weights_than_memory_are_refused() {
        let graph = perceptron(ActivationKind::Square);
        let network = Network::new(&graph, &calibration(&graph), Refreshes::LeftOut).unwrap();
        let activations = Forms::leveled(&network, 0.01).unwrap();
        let depth = depth(&network, |index| activations.get(index).depth());
        let ring = Ring::new(14, depth).unwrap().unwrap();
        let carrier = Carrier::Leveled(ring);
        let refused = |before: usize| {
            let mut build = Build::new(&network, &activations, &carrier).unwrap();
            build.weights = before;
            build.emit().map(drop)
        };
        assert_eq!(refused(0), Ok(()));
        let error = refused(MOST_WEIGHTS).unwrap_err();
        assert!(matches!(error, GeneralError::Weights { slots: 8192, .. }), "{error}");
    }
}
