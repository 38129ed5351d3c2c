//! Networks of signs: sums with whole weights, and a sign after each of them but the last (Bourse,
//! Minelli, Minihold and Paillier, ePrint 2017/1114; Sanyal, Kusner, Gascon and Kanade, ICML 2018).
//!
//! The picture is one ring sample, so a sum of its pixels is one coefficient of that sample's product
//! with a polynomial of weights: no key switch comes before a sum, only one after it. All later sums
//! are those of LWE ciphertexts under `S`. Numbers here are parts of the circle; how large a weight's
//! unit is there is the compiler's choice, and what noise meets it says [`noise`](SignNetwork::noise).

mod error;
mod noise;
mod pixels;
mod plain;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use blindsight_exact::picture::ExactScores;
use blindsight_exact::{BinaryPicture, ExactParameters, LabelCiphertext};
use rayon::prelude::*;

use crate::answer::Entropy;
use crate::argmax::Circle;
use crate::error::ExactError;
use crate::key::ExactKey;
use crate::lwe::Lwe;

pub use error::NetworkError;
pub use noise::SumNoise;
use pixels::Pixels;
pub use plain::PlainSums;

/// A whole multiple of some values, and a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// Which values, and how often each.
    pub terms: Vec<(u32, i32)>,
    /// As a part of the circle.
    pub constant: f64,
}

/// Sums of the values before.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Signs come as plus and minus this part of the circle. Pixels do not ask: they have their own
    /// ([`LOG2_PIXEL`](blindsight_exact::picture::LOG2_PIXEL)).
    pub magnitude: f64,
    /// One for each value of the layer.
    pub sums: Vec<Sum>,
}

/// A network that was checked. The values of all layers but the last are signs of its sums.
#[derive(Debug)]
pub struct SignNetwork {
    set: ExactParameters,
    pixels: usize,
    layers: Vec<Layer>,
    first: Pixels,
}

/// More layers are no use: the noise of each is that of one.
pub const MOST_LAYERS: usize = 64;

/// More values of a layer, at 16 kB each, do not fit.
pub const MOST_VALUES: usize = 1 << 16;

/// More scores are not compared: each two of them would be.
pub const MOST_SCORES: usize = 256;

/// The largest sum of magnitudes of weights: with it, products of pixels still fit their primes.
const LARGEST_NORM: i64 = 1 << 26;

/// After so many signs a thread, whoever watches is asked whether to go on.
const SIGNS_A_LOOK: usize = 64;

/// In rounds of the circle.
const LARGEST_CONSTANT: f64 = 1024.0;

/// Who watches a network run, and may end it.
pub trait SignsObserver {
    /// The signs of a layer's sums, under `S`.
    fn signs(&mut self, layer: usize, signs: &[Lwe]) {
        let _ = (layer, signs);
    }

    /// Told again and again while the signs of a layer are taken; returning `Break` ends the run.
    fn within(&mut self, layer: usize) -> ControlFlow<()> {
        let _ = layer;
        ControlFlow::Continue(())
    }
}

impl SignsObserver for () {}

impl SignNetwork {
    /// Checks the layers of a network on pictures of so many pixels.
    ///
    /// # Errors
    /// [`NetworkError`] when there is something that no key evaluates.
    pub fn new(
        set: &ExactParameters,
        pixels: usize,
        layers: Vec<Layer>,
    ) -> Result<Self, NetworkError> {
        if !(1..=set.degree()).contains(&pixels) {
            return Err(NetworkError::Pixels { pixels, most: set.degree() });
        }
        if !(2..=MOST_LAYERS).contains(&layers.len()) {
            return Err(NetworkError::Layers { layers: layers.len() });
        }
        let mut sources = pixels;
        for (index, layer) in layers.iter().enumerate() {
            layer.check(index, sources)?;
            sources = layer.sums.len();
        }
        // There are two layers at least.
        if let Some(largest) = layers.last().map(Layer::largest_difference)
            && largest.is_none_or(|largest| largest >= 0.5)
        {
            return Err(NetworkError::Scores { largest: largest.unwrap_or(f64::INFINITY) });
        }
        let first = Pixels::new(set, &layers[0])?;
        Ok(Self { set: set.clone(), pixels, layers, first })
    }

    /// How many pixels a picture has.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// The layers.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// How many signs are taken for a picture.
    #[must_use]
    pub fn signs(&self) -> usize {
        self.hidden().map(|layer| layer.sums.len()).sum()
    }

    /// How many scores there are.
    #[must_use]
    pub fn scores(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.sums.len())
    }

    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> &ExactParameters {
        &self.set
    }

    /// How far two of the scores can be from each other, or one from zero, whatever the signs.
    #[must_use]
    pub fn reach(&self) -> f64 {
        // It was computed when the network was checked.
        self.layers.last().and_then(Layer::largest_difference).unwrap_or(0.5)
    }

    /// The bytes that it occupies in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let sums = self.layers.iter().flat_map(|layer| &layer.sums);
        sums.map(|sum| size_of::<Sum>() + sum.terms.len() * size_of::<(u32, i32)>()).sum()
    }

    fn hidden(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().take(self.layers.len() - 1)
    }
}

impl ExactKey {
    /// The scores of a picture, under `S`, with differences between -1/2 and 1/2.
    ///
    /// # Errors
    /// When the network is one of another set, the picture has another number of pixels, or the
    /// observer ends the run.
    pub fn network_scores(
        &self,
        network: &SignNetwork,
        picture: &BinaryPicture,
        observer: &mut impl SignsObserver,
    ) -> Result<Vec<Lwe>, ExactError> {
        if network.set != self.set {
            return Err(ExactError::OtherSet);
        }
        let (expected, found) = (network.pixels, picture.bodies.len());
        if expected != found {
            return Err(ExactError::Pixels { expected, found });
        }
        let mut sums = network.first.sums(&self.set, picture, &network.layers[0]);
        for (index, layer) in network.layers.iter().enumerate().skip(1) {
            let mut sums_left = sums.into_iter().map(|sum| (sum, layer.magnitude));
            let mut signs = Vec::with_capacity(sums_left.len());
            while sums_left.len() > 0 {
                if observer.within(index - 1) == ControlFlow::Break(()) {
                    return Err(ExactError::Ended);
                }
                let look = SIGNS_A_LOOK * rayon::current_num_threads();
                signs.extend(self.signs(sums_left.by_ref().take(look).collect()));
            }
            observer.signs(index - 1, &signs);
            let sum = |sum: &Sum| {
                let term = |&(at, factor): &(u32, i32)| (i64::from(factor), &signs[at as usize]);
                self.sum(sum.constant, sum.terms.iter().map(term))
            };
            sums = layer.sums.par_iter().map(sum).collect();
        }
        Ok(sums)
    }

    /// What the client gets of scores: each rounded to the bits that travel. Nothing is hidden from
    /// the client but what rounding hides; who wants that asks for a [label](Self::label).
    #[must_use]
    pub fn scores_answer(&self, scores: &[Lwe]) -> ExactScores {
        let round = |score: &Lwe| {
            let mask = score.mask().iter().copied().map(ExactScores::round).collect();
            (mask, ExactScores::round(score.body()))
        };
        ExactScores(scores.iter().map(round).collect())
    }

    /// A picture's label: its scores, decided and hidden.
    ///
    /// # Errors
    /// Those of [`Self::network_scores`] and [`Self::label`].
    pub fn network_label(
        &self,
        network: &SignNetwork,
        picture: &BinaryPicture,
        entropy: &mut Entropy,
    ) -> Result<LabelCiphertext, ExactError> {
        self.label(&self.network_scores(network, picture, &mut ())?, entropy)
    }
}

impl Layer {
    fn check(&self, layer: usize, sources: usize) -> Result<(), NetworkError> {
        let values = self.sums.len();
        if !(1..=MOST_VALUES).contains(&values) {
            return Err(NetworkError::Values { layer, values });
        }
        let refuse = |what, value| Err(NetworkError::Range { what, layer, value });
        if !(self.magnitude > 0.0 && self.magnitude < 0.5) {
            return refuse("the magnitude of signs", 0);
        }
        for (value, sum) in self.sums.iter().enumerate() {
            // Sums may go around on the way, but a constant that does so often says little.
            if !(-LARGEST_CONSTANT..=LARGEST_CONSTANT).contains(&sum.constant) {
                return refuse("the constant", value);
            }
            if sum.terms.iter().any(|(at, _)| *at as usize >= sources) {
                return refuse("a source", value);
            }
            let norm = sum.terms.iter().map(|(_, factor)| i64::from(*factor).abs());
            if norm.fold(0_i64, i64::saturating_add) > LARGEST_NORM {
                return refuse("the sum of weights", value);
            }
        }
        Ok(())
    }

    /// How far two of the sums can be from each other, or one from zero, whatever the signs; none
    /// without two of them, or with more than [`MOST_SCORES`].
    #[must_use]
    pub fn largest_difference(&self) -> Option<f64> {
        if self.sums.len() > MOST_SCORES {
            return None;
        }
        let dense: Vec<Vec<i64>> = self.sums.iter().map(Sum::dense).collect();
        let mut largest: Option<f64> = None;
        for (i, (one, sum)) in dense.iter().zip(&self.sums).enumerate() {
            for (another, other) in dense.iter().zip(&self.sums).skip(i + 1) {
                let length = one.len().max(another.len());
                let at = |values: &[i64], i: usize| values.get(i).copied().unwrap_or(0);
                let norm: i64 = (0..length).map(|i| (at(one, i) - at(another, i)).abs()).sum();
                let difference =
                    norm as f64 * self.magnitude + (sum.constant - other.constant).abs();
                largest = Some(largest.map_or(difference, |most| most.max(difference)));
            }
        }
        let alone = |(one, sum): (&Vec<i64>, &Sum)| {
            one.iter().map(|w| w.abs()).sum::<i64>() as f64 * self.magnitude + sum.constant.abs()
        };
        let alone = dense.iter().zip(&self.sums).map(alone).fold(0.0, f64::max);
        largest.map(|largest| largest.max(alone))
    }
}

impl Sum {
    /// The weight of every source up to the last that has one.
    fn dense(&self) -> Vec<i64> {
        let last = self.terms.iter().map(|(at, _)| *at as usize + 1).max().unwrap_or(0);
        let mut dense = vec![0; last];
        for &(at, factor) in &self.terms {
            dense[at as usize] += i64::from(factor);
        }
        dense
    }
}
