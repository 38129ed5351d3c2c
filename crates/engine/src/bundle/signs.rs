//! A network of signs as it stands in a file.
//!
//! Its constants are, layer by layer and sum by sum, a weight for each value of the layer before, and
//! the sum's constant.

#[cfg(feature = "exact")]
use blindsight_contract::AcceptedContract;
#[cfg(feature = "exact")]
use blindsight_exact_eval::SignNetwork;
#[cfg(feature = "exact")]
use blindsight_exact_eval::network::{Layer, Sum};
use serde::{Deserialize, Serialize};

use super::BundleError;
#[cfg(feature = "exact")]
use crate::program::ProgramError;

/// What programs of signs start with, and no others.
pub(super) const START: &[u8] = b"{\"signs\":";

/// The whole program part of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignsFile {
    pub(super) signs: SignsData,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignsData {
    pub(super) loaded_bytes: u64,
    /// How far two scores can be from each other, as a part of the circle.
    pub(super) reach: f64,
    layers: Vec<LayerData>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerData {
    /// Signs come as plus and minus this part of the circle.
    magnitude: f64,
    /// Sums, and so values of the layer.
    sums: u32,
}

impl SignsData {
    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Checks that there are as many constants as layers of these shapes take.
    pub(super) fn check_constants(&self, pixels: usize, found: usize) -> Result<(), BundleError> {
        let mut sources = pixels as u64;
        let mut needed = 0_u64;
        for layer in &self.layers {
            let sums = u64::from(layer.sums);
            needed = needed.saturating_add(sums.saturating_mul(sources + 1));
            sources = sums;
        }
        if needed == found as u64 { Ok(()) } else { Err(BundleError::Constant) }
    }
}

#[cfg(feature = "exact")]
impl SignsData {
    pub(super) fn new(network: &SignNetwork, constants: &mut Vec<f32>) -> Self {
        let mut sources = network.pixels();
        let layers = network.layers().iter().map(|layer| {
            for sum in &layer.sums {
                let first = constants.len();
                constants.resize(first + sources, 0.0);
                // A source that stands twice counts twice.
                sum.terms.iter().for_each(|&(at, w)| constants[first + at as usize] += w as f32);
                constants.push(sum.constant as f32);
            }
            sources = layer.sums.len();
            LayerData { magnitude: layer.magnitude, sums: sources as u32 }
        });
        let layers = layers.collect();
        let loaded_bytes = network.byte_len() as u64;
        Self { loaded_bytes, reach: network.reach(), layers }
    }

    /// The network, checked, under its contract.
    pub(super) fn network(
        &self,
        contract: &AcceptedContract,
        constants: &[f32],
    ) -> Result<SignNetwork, BundleError> {
        let request = contract.request().signs().ok_or(ProgramError::Form)?;
        self.check_constants(request.signs(), constants.len())?;
        let (mut rest, mut sources) = (constants, request.signs());
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let (these, others) = rest.split_at(layer.sums as usize * (sources + 1));
            let sums = these.chunks_exact(sources + 1).map(sum).collect::<Result<_, _>>()?;
            layers.push(Layer { magnitude: layer.magnitude, sums });
            (rest, sources) = (others, layer.sums as usize);
        }
        let network = SignNetwork::new(request.exact(), request.signs(), layers);
        let network = network.map_err(ProgramError::Signs)?;
        if network.scores() != contract.answer().values() {
            return Err(ProgramError::Scores.into());
        }
        if network.reach() > self.reach {
            return Err(BundleError::Number("the reach of scores"));
        }
        super::check_memory(self.loaded_bytes, network.byte_len() as u64)?;
        Ok(network)
    }
}

/// A sum: its weights, and at last its constant.
#[cfg(feature = "exact")]
fn sum(numbers: &[f32]) -> Result<Sum, BundleError> {
    let (constant, weights) = numbers.split_last().ok_or(BundleError::Constant)?;
    let mut terms = Vec::with_capacity(weights.iter().filter(|w| **w != 0.0).count());
    for (at, &weight) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
        // Up to there, every whole number has its own bits.
        if weight.fract() != 0.0 || weight.abs() > LARGEST_WEIGHT {
            return Err(BundleError::Number("a weight"));
        }
        terms.push((at as u32, weight as i32));
    }
    Ok(Sum { terms, constant: f64::from(*constant) })
}

/// The largest weight in magnitude that a file holds.
#[cfg(feature = "exact")]
const LARGEST_WEIGHT: f32 = (1 << 24) as f32;
