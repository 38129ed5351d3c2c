//! From a chain of layers with signs between them to whole weights on the circle.
//!
//! What a sign reads lies within [`SIGN_SPAN`], and this is half the circle. Pixels are fine enough for
//! the first layer's weights as they are. Signs come out of bootstraps noisy, so the weights that read
//! them must be small integers times one number, which training sees to: that number is how large the
//! signs are made. Scores are as large as two of them, whatever the signs, stay apart by less than half
//! the circle.

mod compile;
mod prune;
#[cfg(test)]
mod tests;

use blindsight_exact::ExactParameters;
use blindsight_exact::picture::LOG2_PIXEL;
use blindsight_exact_eval::network::{Layer, NetworkError, SignNetwork, Sum};
use blindsight_model::graph::{ActivationKind, Graph, Node, SIGN_NOISE, SIGN_SPAN};
use thiserror::Error;

use crate::general::sparse::{Sparse, TooManyEntries, of_node};

pub(crate) use compile::{check, compile};

/// Why a network is none of signs that can be evaluated.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum SignsError {
    /// Layers beside each other.
    #[error("node {node} does not read the one before: a network of signs is a chain")]
    NoChain {
        /// In execution order.
        node: usize,
    },
    /// What comes first is the client's part.
    #[error("a network of signs begins with the sign of its pixels")]
    NoPixels,
    /// Another function.
    #[error("{kind} is no sign")]
    Other {
        /// Which.
        kind: ActivationKind,
    },
    /// A sign of a sign, or no scores.
    #[error("node {node} is a sign without sums between it and the one before, or the last of all")]
    NoSums {
        /// In execution order.
        node: usize,
    },
    /// Weights that read signs.
    #[error(
        "the weights of layer {layer} are no integers up to {LARGEST_WEIGHT} times one number: train \
         the network with rounded weights"
    )]
    Weights {
        /// Counted between signs.
        layer: usize,
    },
    /// More noise than the network has learnt to bear.
    #[error(
        "signs of layer {layer} would be read with noise of {found:.4}; networks of signs learn with \
         {SIGN_NOISE}: fewer bits for the weights, or fewer of them, add less"
    )]
    Noise {
        /// Counted between signs.
        layer: usize,
        /// Standard deviation, where [`SIGN_SPAN`] is half the circle.
        found: f64,
    },
    /// The parameter set does not stand beside the scheme.
    #[error(transparent)]
    Set(blindsight_exact::ParameterError),
    /// A layer is too large.
    #[error("a layer has more weights than can be held")]
    Entries,
    /// What keys cannot evaluate.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// The largest integer that a weight that reads a sign may be, in magnitude.
pub const LARGEST_WEIGHT: i32 = 127;

/// How far scores reach at most: a little is left for noise.
const REACH: f64 = 0.475;

/// A graph on the circle.
#[derive(Debug)]
pub struct Signs {
    /// The network.
    pub network: SignNetwork,
    /// What once around the circle is in the graph's scores.
    pub unit: f64,
}

/// The network of signs of a graph.
///
/// # Errors
/// [`SignsError`] when the graph is none, or would be read with too much noise.
pub fn sign_network(set: &ExactParameters, graph: &Graph) -> Result<Signs, SignsError> {
    let chain = chain(graph)?;
    let last = chain.len().saturating_sub(1);
    let scaled = |(layer, affine): (usize, &Affine)| match layer {
        0 => Ok(affine.of_pixels()),
        _ if layer == last => affine.scores().ok_or(SignsError::Weights { layer }),
        _ => affine.of_signs().ok_or(SignsError::Weights { layer }),
    };
    let mut scaled = chain.iter().enumerate().map(scaled).collect::<Result<Vec<_>, _>>()?;
    prune::prune(&mut scaled);
    let (layers, rounds): (Vec<Layer>, Vec<Vec<f64>>) =
        scaled.into_iter().map(|scaled| (scaled.layer, scaled.rounds)).unzip();
    let network = SignNetwork::new(set, graph.shape(graph.input()).elements(), layers)?;
    for (layer, rounds) in rounds.iter().take(last).enumerate() {
        let noise = rounds.iter().enumerate().map(|(i, round)| network.noise_of(layer, i) * round);
        let found = noise.fold(0.0, f64::max);
        if found > SIGN_NOISE {
            return Err(SignsError::Noise { layer, found });
        }
    }
    // Scores share one.
    let unit = rounds.last().and_then(|rounds| rounds.first()).copied().unwrap_or(1.0);
    Ok(Signs { network, unit })
}

/// What stands between two signs.
struct Affine {
    matrix: Sparse,
    bias: Vec<f64>,
}

/// A layer on the circle.
struct Scaled {
    layer: Layer,
    /// For every sum, how much once around the circle is in the graph's numbers.
    rounds: Vec<f64>,
}

/// Entries of a row.
type Row = Vec<(u32, f32)>;

/// The affine maps between signs, the scores last.
fn chain(graph: &Graph) -> Result<Vec<Affine>, SignsError> {
    let (mut all, mut sums) = (Vec::new(), None);
    let mut last = graph.input();
    for (node, (id, layer)) in graph.nodes().enumerate() {
        if layer.sources().ne([last]) {
            return Err(SignsError::NoChain { node });
        }
        let is_first = last == graph.input();
        match layer {
            Node::Activation { kind: ActivationKind::Sign, .. } if is_first => {}
            _ if is_first => return Err(SignsError::NoPixels),
            Node::Activation { kind: ActivationKind::Sign, .. } => {
                all.push(sums.take().ok_or(SignsError::NoSums { node })?);
            }
            Node::Activation { kind, .. } => return Err(SignsError::Other { kind: *kind }),
            _ => {
                let next = of_node(graph, id, layer).map_err(too_many)?;
                sums = Some(Affine::after(sums.take(), next).map_err(too_many)?);
            }
        }
        last = id;
    }
    if last != graph.output() {
        return Err(SignsError::NoChain { node: graph.output().index() });
    }
    all.push(sums.ok_or(SignsError::NoSums { node: last.index() })?);
    Ok(all)
}

fn too_many(_: TooManyEntries) -> SignsError {
    SignsError::Entries
}

impl Affine {
    /// One map after another, if there is another.
    fn after(
        before: Option<Self>,
        (matrix, bias): (Sparse, Vec<f64>),
    ) -> Result<Self, TooManyEntries> {
        let Some(before) = before else { return Ok(Self { matrix, bias }) };
        let moved = matrix.apply(&before.bias).zip(bias).map(|(x, b)| x + b).collect();
        let columns = before.matrix.columns();
        Ok(Self { matrix: matrix.after(&before.matrix, columns)?, bias: moved })
    }

    /// Pixels are `2^-LOG2_PIXEL` large: each weight is the nearest multiple.
    fn of_pixels(&self) -> Scaled {
        let unit = ROUND * 2_f64.powi(-(LOG2_PIXEL as i32));
        let rounds = vec![ROUND; self.bias.len()];
        Scaled { layer: Layer { magnitude: PIXELS, sums: self.sums(|_| unit, &rounds) }, rounds }
    }

    /// A sum keeps its sign whatever it is multiplied by. So each has a unit of its own, the largest
    /// number that its weights are whole multiples of, and all signs are as large as the smallest
    /// unit may be. Where the unit is larger, more fits on the circle than has to.
    fn of_signs(&self) -> Option<Scaled> {
        let units = self.matrix.rows.iter().map(|row| unit([row]));
        let units = units.collect::<Option<Vec<_>>>()?;
        let least = units.iter().copied().fold(f64::INFINITY, f64::min);
        let magnitude = least / ROUND;
        let rounds: Vec<f64> = units.iter().map(|unit| unit / magnitude).collect();
        let sums = self.sums(|row| units[row], &rounds);
        Some(Scaled { layer: Layer { magnitude, sums }, rounds })
    }

    /// Scores are compared, so they share a unit; they are as large as they may be.
    fn scores(&self) -> Option<Scaled> {
        let unit = unit(&self.matrix.rows)?;
        let layer = |magnitude: f64| {
            let rounds = vec![unit / magnitude; self.bias.len()];
            Scaled { layer: Layer { magnitude, sums: self.sums(|_| unit, &rounds) }, rounds }
        };
        let reach = layer(1.0).layer.largest_difference().unwrap_or(1.0);
        Some(layer(REACH / reach.max(1.0)))
    }

    /// Weights as multiples of their row's unit, biases as parts of the circle.
    fn sums(&self, unit: impl Fn(usize) -> f64, rounds: &[f64]) -> Vec<Sum> {
        let sum = |(index, (row, bias)): (usize, (&Row, &f64))| {
            let whole = |w: f32| (f64::from(w) / unit(index)).round() as i32;
            let terms = row.iter().map(|&(at, w)| (at, whole(w))).filter(|(_, w)| *w != 0);
            // As files have it.
            Sum { terms: terms.collect(), constant: f64::from((bias / rounds[index]) as f32) }
        };
        self.matrix.rows.iter().zip(&self.bias).enumerate().map(sum).collect()
    }
}

/// The largest number that all weights of some rows are small whole multiples of; 1 if all are zero.
fn unit<'r>(rows: impl IntoIterator<Item = &'r Row> + Clone) -> Option<f64> {
    let weights = || rows.clone().into_iter().flatten().map(|(_, w)| f64::from(*w));
    let most = weights().fold(0.0, |most: f64, w| most.max(w.abs()));
    if most == 0.0 {
        return Some(1.0);
    }
    let whole = |unit: &f64| weights().all(|w| (w / unit - (w / unit).round()).abs() < NEAR);
    (1..=LARGEST_WEIGHT).map(|steps| most / f64::from(steps)).find(whole)
}

/// Once around the circle, where each half has room for what a sign reads.
const ROUND: f64 = 2.0 * SIGN_SPAN;

/// The first layer makes nothing of its magnitude, but every layer has one.
const PIXELS: f64 = 0.25;

/// How far from whole a weight may be: files have single precision.
const NEAR: f64 = 1e-3;
