//! The network that is run encrypted: blocks of convolution, shortcut and activation, in units in
//! which every activation works on [-1, 1].
//!
//! An activation whose input has the bound B reads x / B. Where f(s x) = s f(x) for s > 0, every
//! channel c has its own B_c and the result is in units of B_c too: the weights and the bias that
//! make the channel are divided by B_c, those that read it are multiplied by it, and a shortcut
//! past two layers gets the quotient of the units as a factor for every channel. Another
//! activation has one B, and its result is in units of its largest magnitude on [-B, B].

mod build;
mod error;
mod pattern;
mod run;
#[cfg(test)]
mod testing;

use crate::units::ActivationUnits;
use blindsight_model::calibration::{Calibration, Histogram};
use blindsight_model::graph::{ActivationKind, Graph, Padding};
use blindsight_model::tensor::Shape;
pub use error::LoweringError;
use pattern::Pattern;

/// A network in blocks. [`Lowered::run`] runs it on unencrypted numbers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Lowered {
    /// Shape of the picture, which is read as the graph reads it: in no other unit.
    pub input: Shape,
    /// The blocks in execution order; block `i` ends with activation `i` of the graph.
    pub blocks: Vec<Block>,
    /// The end of the network.
    pub head: Head,
}

impl Lowered {
    /// Lowers a graph without batch normalisations, with the bounds of its calibration.
    ///
    /// # Errors
    /// [`LoweringError`] when the network is not of the kind that can be run encrypted, or the
    /// calibration does not fit it. Whether it is the calibration of that very model says
    /// [`Calibration::check_model`].
    pub fn new(graph: &Graph, calibration: &Calibration) -> Result<Self, LoweringError> {
        build::lower(graph, calibration)
    }
}

/// Whether a graph without batch normalisations is of the kind that can be run encrypted; only its
/// ranges, and what depends on them, are then still open.
///
/// # Errors
/// [`LoweringError`] when it is not: the first reason found.
pub fn check(graph: &Graph) -> Result<(), LoweringError> {
    let pattern = Pattern::new(graph);
    pattern.input()?;
    pattern.sums().try_for_each(|sum| sum.map(|_| ()))?;
    pattern.scores().map(|_| ())
}

/// A convolution, a shortcut added to it and the activation of the sum.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Block {
    /// The convolution that every block has.
    pub main: Convolution,
    /// What is added to it.
    pub shortcut: Shortcut,
    /// Added to every output channel: the biases of both convolutions.
    pub bias: Vec<f32>,
    /// The activation, applied to the sum.
    pub activation: LoweredActivation,
    /// Shape of the result.
    pub shape: Shape,
}

/// What a layer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The picture.
    Picture,
    /// The result of an earlier block.
    Block(usize),
}

/// A convolution without bias, whose padding keeps the picture's size up to the stride.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Convolution {
    /// The feature map that is convolved.
    pub source: Source,
    /// Weights in `[out, in, row, column]` order.
    pub weights: Vec<f32>,
    /// Rows and columns of the kernel: 1 or 3.
    pub kernel: usize,
    /// Step between output positions: 1 or 2.
    pub stride: usize,
    /// Zeros around what is read: (kernel - 1) / 2 on all sides, or with a stride of 2 and a kernel
    /// of 3 none before and 1 after.
    pub padding: Padding,
    /// Shape of the feature map read.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
}

/// What is added to the main convolution of a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Shortcut {
    /// Nothing.
    None,
    /// A feature map of the result's shape, each channel times a factor.
    Identity {
        /// The feature map.
        source: Source,
        /// One factor for each channel.
        factors: Vec<f32>,
    },
    /// A second convolution, with a kernel of 1. A subsampling shortcut is one too: with a single
    /// weight for each channel that it keeps.
    Convolution(Convolution),
}

/// An activation in normalised units: it reads u in [-1, 1] and gives at most 1 in magnitude.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoweredActivation {
    /// The function of the graph.
    pub kind: ActivationKind,
    units: ActivationUnits,
    histogram: Histogram,
}

impl LoweredActivation {
    /// The function in normalised units, exactly.
    #[must_use]
    pub fn eval(&self, u: f64) -> f64 {
        self.units.eval(self.kind, u)
    }

    /// Where the inputs lie: the ends of the interval and the mass of bins of equal width that
    /// divide it. See [`ActivationRange::histogram`](crate::calibration::ActivationRange::histogram).
    #[must_use]
    pub fn histogram(&self) -> (f64, f64, Vec<f64>) {
        let limit = f64::from(self.histogram.limit());
        let masses = self.histogram.counts().iter().map(|&count| count as f64);
        (-limit, limit, masses.collect())
    }

    /// What u = 1 and a result of 1 mean in a channel of the graph, or `None` when there is no
    /// such channel.
    #[must_use]
    pub fn units(&self, channel: usize) -> Option<(f64, f64)> {
        let input = self.units.inputs().get(channel)?;
        let output = self.units.outputs().get(channel)?;
        Some((*input, *output))
    }
}

/// Average pool and fully connected layer in one: result `k` is
/// `sum_c weights[k][c] * (sum of channel c) + bias[k]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Head {
    /// The block whose result is read.
    pub source: usize,
    /// One row for each class, one column for each channel of the source.
    pub weights: Vec<f32>,
    /// One number for each class.
    pub bias: Vec<f32>,
    /// What a result of 1 means: scores are results times this.
    pub bound: f32,
}
