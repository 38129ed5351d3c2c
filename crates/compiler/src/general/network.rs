//! A network as affine maps between values that are held in ciphertexts.

use blindsight_model::calibration::{ActivationRange, Calibration};
use blindsight_model::graph::{ActivationKind, Graph, Node, NodeId, Pool};
use blindsight_model::tensor::Shape;

use super::GeneralError;
use super::carrier::BOOTSTRAPPED_SLOTS;
use super::sparse::{Sparse, TooManyEntries, of_node, windows};
use crate::units::ActivationUnits;

/// A network in execution order.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// The values that are held in ciphertexts, the input first.
    pub(crate) values: Vec<Held>,
    /// The scores, in units of `bound`.
    pub(crate) scores: Affine,
    /// What a score of 1 means.
    pub(crate) bound: f64,
}

/// What becomes of activations that change nothing: they spare what follows from a large matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refreshes {
    /// A bootstrap each.
    Kept,
    /// Where they would take levels.
    LeftOut,
}

/// A value that is held in ciphertexts.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) shape: Shape,
    pub(crate) made: Made,
}

/// How a value is made.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    /// It is the input, in no other unit.
    Input,
    /// An activation of an affine map of earlier values.
    Activation {
        /// In units in which the activation's input lies in `[-1, 1]`.
        affine: Affine,
        /// The activation in these units, and what is known of its inputs.
        activation: Activation,
    },
    /// The sums of windows that move over an earlier value.
    Pool { source: usize, pool: Pool },
}

/// Where a number is in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// Number of the activation, in execution order.
    pub(crate) activation: usize,
    pub(crate) channel: usize,
}

/// An activation in units in which its input lies in `[-1, 1]`, and its result too.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    pub(crate) kind: ActivationKind,
    units: ActivationUnits,
    /// Where its inputs lie.
    histogram: Masses,
}

/// An interval around zero, and how much was seen in each of its equal parts.
#[derive(Clone, Debug)]
struct Masses {
    limit: f64,
    parts: Vec<f64>,
}

/// A sum of matrices times values, and a bias.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    /// Indices of values, ascending, with what they are multiplied by.
    pub(crate) terms: Vec<(usize, Sparse)>,
    pub(crate) bias: Vec<f64>,
    pub(crate) shape: Shape,
}

impl Network {
    /// The network in the units of its calibration.
    pub(crate) fn new(
        graph: &Graph,
        calibration: &Calibration,
        refreshes: Refreshes,
    ) -> Result<Self, GeneralError> {
        let mut reader = Reader::new(graph);
        let mut ranges = calibration.activations().iter();
        for (id, node) in graph.nodes() {
            let affine = match node {
                Node::Activation { source, kind } => {
                    let range = ranges.next().ok_or(GeneralError::Calibration)?;
                    match (kind, refreshes) {
                        (ActivationKind::Identity, Refreshes::LeftOut) => reader.take(*source),
                        _ => reader.activation(id, *source, *kind, range)?,
                    }
                }
                Node::Add { left, right } => reader.sum(*left, *right),
                Node::AveragePool { source, pool }
                    if reader.in_bands(*pool) && reader.is_held(*source) =>
                {
                    reader.pool(id, *source, *pool)
                }
                _ => reader.linear(id, node)?,
            };
            reader.results.push(Some(affine));
        }
        if ranges.next().is_some() {
            return Err(GeneralError::Calibration);
        }
        let bound = f64::from(calibration.scores().bound());
        let scores = reader.take(graph.output());
        let scores = reader.in_units(scores, |_| bound);
        Ok(Self { values: reader.values, scores, bound })
    }

    /// The affine maps that read a value, in execution order.
    pub(super) fn readers(&self, value: usize) -> impl Iterator<Item = &Affine> {
        let affines = self.values.iter().filter_map(|held| match &held.made {
            Made::Activation { affine, .. } => Some(affine),
            Made::Input | Made::Pool { .. } => None,
        });
        let reads = move |affine: &&Affine| affine.terms.iter().any(|(read, _)| *read == value);
        affines.chain([&self.scores]).filter(reads)
    }

    /// The scores of an input, with these functions in place of the activations, in units.
    pub(crate) fn run(
        &self,
        input: &[f32],
        mut function: impl FnMut(Site, &Activation, f64) -> f64,
    ) -> Vec<f64> {
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.values.len());
        let mut activations = 0;
        for held in &self.values {
            let value = match &held.made {
                Made::Input => input.iter().copied().map(f64::from).collect(),
                Made::Activation { affine, activation } => {
                    let (index, plane) = (activations, held.shape.plane());
                    activations += 1;
                    let sums = affine.apply(&values).into_iter().enumerate();
                    let site = |element| Site { activation: index, channel: element / plane };
                    sums.map(|(element, u)| function(site(element), activation, u)).collect()
                }
                Made::Pool { source, pool } => {
                    let windows = windows(*pool, self.values[*source].shape, held.shape);
                    windows.apply(&values[*source]).collect()
                }
            };
            values.push(value);
        }
        self.scores.apply(&values)
    }
}

impl Activation {
    /// The function in units.
    pub(crate) fn eval(&self, u: f64) -> f64 {
        self.units.eval(self.kind, u)
    }

    /// Where the inputs lie: an interval, and how many were seen in each of its bins.
    pub(crate) fn histogram(&self) -> (f64, f64, Vec<f64>) {
        let Masses { limit, parts } = &self.histogram;
        (-limit, *limit, parts.clone())
    }

    /// The activation of the channels of both, where it is the same function in their units.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        let (kind, units) = (self.kind, self.units.followed_by(&other.units, self.kind));
        let (Masses { limit, parts }, others) = (&self.histogram, &other.histogram);
        let alike = *limit == others.limit && parts.len() == others.parts.len();
        if kind != other.kind || !alike {
            return None;
        }
        // An error of the polynomial counts as the square of what 1 means.
        let unit = |units: &ActivationUnits| units.outputs().iter().copied().fold(0.0, f64::max);
        let weight = (unit(&other.units) / unit(&self.units)).powi(2);
        let parts = parts.iter().zip(&others.parts).map(|(x, y)| x + weight * y).collect();
        Some(Self { kind, units: units?, histogram: Masses { limit: *limit, parts } })
    }
}

impl Affine {
    fn apply(&self, values: &[Vec<f64>]) -> Vec<f64> {
        let mut sums = self.bias.clone();
        for (source, matrix) in &self.terms {
            sums.iter_mut().zip(matrix.apply(&values[*source])).for_each(|(sum, x)| *sum += x);
        }
        sums
    }
}

/// The network so far. Affine maps in `results` read values as the graph means them.
struct Reader<'a> {
    graph: &'a Graph,
    values: Vec<Held>,
    /// For each value, what 1 means in each channel.
    units: Vec<Vec<f64>>,
    /// The input's affine map, then those of all nodes, until nobody reads them any more.
    results: Vec<Option<Affine>>,
    /// How often each will still be read.
    readers: Vec<usize>,
    /// Whether feature maps may be cut into bands of rows.
    banded: bool,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a Graph) -> Self {
        let shape = graph.shape(graph.input());
        let (values, units, results) = (Vec::new(), Vec::new(), Vec::new());
        let held = graph.activations().map(|(id, _)| id).chain([graph.input()]);
        let banded = held.into_iter().any(|id| graph.shape(id).plane() > BOOTSTRAPPED_SLOTS);
        let readers = graph.readers();
        let mut reader = Self { graph, values, units, results, readers, banded };
        let input = reader.hold(shape, Made::Input, vec![1.0; shape.channels()]);
        reader.results.push(Some(input));
        reader
    }

    /// A result for one of its readers: the last one gets it without a copy.
    fn take(&mut self, id: NodeId) -> Affine {
        let (result, readers) = (&mut self.results[id.index()], &mut self.readers[id.index()]);
        *readers = readers.saturating_sub(1);
        let found = if *readers == 0 { result.take() } else { result.clone() };
        found.expect("a result is there until its last reader")
    }

    /// A result that will be taken later.
    fn peek(&self, id: NodeId) -> Option<&Affine> {
        self.results[id.index()].as_ref()
    }

    /// A new value, as an affine map of itself.
    fn hold(&mut self, shape: Shape, made: Made, units: Vec<f64>) -> Affine {
        self.values.push(Held { shape, made });
        self.units.push(units);
        let matrix = Sparse::identity(shape.elements());
        let terms = vec![(self.values.len() - 1, matrix)];
        Affine { terms, bias: vec![0.0; shape.elements()], shape }
    }

    /// Whether no window of a pool reads two bands of rows. Bands have a power of two of them.
    fn in_bands(&self, pool: Pool) -> bool {
        let ([rows, _], [down, _]) = (pool.kernel(), pool.stride());
        !self.banded || (rows <= down && down.is_power_of_two())
    }

    /// Whether a result is a value itself.
    fn is_held(&self, id: NodeId) -> bool {
        self.peek(id).is_some_and(|affine| self.is_value(affine))
    }

    fn is_value(&self, affine: &Affine) -> bool {
        matches!(&affine.terms[..], [(value, matrix)] if matrix.is_identity()
            && self.values[*value].shape == affine.shape)
            && affine.bias.iter().all(|b| *b == 0.0)
    }

    fn activation(
        &mut self,
        id: NodeId,
        source: NodeId,
        kind: ActivationKind,
        range: &ActivationRange,
    ) -> Result<Affine, GeneralError> {
        let shape = self.graph.shape(id);
        if range.channels() != shape.channels() {
            return Err(GeneralError::Calibration);
        }
        let units = ActivationUnits::new(kind, range).ok_or(GeneralError::Calibration)?;
        let affine = self.take(source);
        let affine = self.in_units(affine, |channel| units.inputs()[channel]);
        let outputs = units.outputs().to_vec();
        let histogram = range.histogram();
        let parts = histogram.counts().iter().map(|&count| count as f64).collect();
        let histogram = Masses { limit: f64::from(histogram.limit()), parts };
        let activation = Activation { kind, units, histogram };
        Ok(self.hold(shape, Made::Activation { affine, activation }, outputs))
    }

    /// The mean of windows: their sum, in units of so many.
    fn pool(&mut self, id: NodeId, source: NodeId, pool: Pool) -> Affine {
        let shape = self.graph.shape(id);
        let [(value, _)] = self.take(source).terms[..] else { unreachable!("a value is one term") };
        let count = pool.kernel().iter().product::<usize>() as f64;
        let units = self.units[value].iter().map(|unit| unit / count).collect();
        self.hold(shape, Made::Pool { source: value, pool }, units)
    }

    fn sum(&mut self, left: NodeId, right: NodeId) -> Affine {
        let (mut sum, other) = (self.take(left), self.take(right));
        for (value, matrix) in other.terms {
            match sum.terms.iter_mut().find(|(known, _)| *known == value) {
                Some((_, known)) => *known = known.plus(&matrix),
                None => sum.terms.push((value, matrix)),
            }
        }
        sum.terms.sort_by_key(|(value, _)| *value);
        sum.bias.iter_mut().zip(&other.bias).for_each(|(x, y)| *x += y);
        sum
    }

    fn linear(&mut self, id: NodeId, node: &Node) -> Result<Affine, GeneralError> {
        let too_many = |TooManyEntries| GeneralError::Matrix { node: id.index() };
        let (matrix, mut bias) = of_node(self.graph, id, node).map_err(too_many)?;
        let source = node.sources().next().unwrap_or(self.graph.input());
        let before = self.take(source);
        bias.iter_mut().zip(matrix.apply(&before.bias)).for_each(|(b, x)| *b += x);
        let mut terms = Vec::with_capacity(before.terms.len());
        for (value, first) in before.terms {
            let columns = self.values[value].shape.elements();
            let whole = match first.is_identity() {
                true => matrix.clone(),
                false => matrix.after(&first, columns).map_err(too_many)?,
            };
            terms.push((value, whole));
        }
        Ok(Affine { terms, bias, shape: self.graph.shape(id) })
    }

    /// The affine map that reads values in their units, with a result in units by channel.
    fn in_units(&self, affine: Affine, unit: impl Fn(usize) -> f64) -> Affine {
        let plane = affine.shape.plane();
        let factor = |row: usize| 1.0 / unit(row / plane);
        let terms = affine.terms.into_iter().map(|(value, matrix)| {
            let (plane, units) = (self.values[value].shape.plane(), &self.units[value]);
            (value, matrix.scaled(factor, |column| units[column / plane]))
        });
        let terms = terms.collect();
        let bias = affine.bias.iter().enumerate().map(|(row, b)| b * factor(row)).collect();
        Affine { terms, bias, shape: affine.shape }
    }
}
