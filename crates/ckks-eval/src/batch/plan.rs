//! What a network on batches is, as data: also in the file of a compiled model.

use std::sync::Arc;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ring::kernels::{PRODUCT_BITS, SUMS_TOGETHER};
use serde::{Deserialize, Serialize};

use super::BatchError;

/// A network on batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPlan {
    /// Values of an input.
    pub inputs: usize,
    /// Layers, one after another.
    pub layers: Vec<LayerPlan>,
}

/// Sums of the values before, and perhaps their squares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerPlan {
    /// The sums that are not zero but for their bias: no output stands in two blocks.
    pub blocks: Vec<BlockPlan>,
    /// Bits of a weight with its sign.
    pub bits: u32,
    /// What a real weight was multiplied by to become an integer.
    pub weight_scale: f64,
    /// What is added to each sum, in the clear and unscaled: one number a value of the layer.
    pub bias: Vec<f64>,
    /// Whether the sums are squared.
    pub square: bool,
}

/// Sums that read the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockPlan {
    /// The values that are read.
    pub inputs: Vec<u32>,
    /// The sums.
    pub outputs: Vec<u32>,
    /// For each sum, its weights, in the order of the inputs.
    pub weights: Vec<i8>,
}

/// What a network gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchResult {
    /// Values, a ciphertext each.
    pub values: usize,
    /// Parts of a ciphertext.
    pub parts: usize,
    /// The scale.
    pub scale: f64,
}

impl BatchPlan {
    /// The most values of a layer: what lies between layers then takes some ten megabytes a thread.
    pub const MOST_WIDTH: usize = 1 << 16;

    /// The largest magnitude of scaled biases and of scales: beyond any modulus, and so that squares
    /// of them are still numbers.
    const MOST_LOG2: f64 = 2.0 * ProductCiphertext::MOST_LOG2;

    /// Checks the plan for inputs of this level and scale. What passes runs.
    ///
    /// # Errors
    /// When it cannot be run: see [`BatchError`].
    pub fn check(
        &self,
        set: &Arc<Parameters>,
        level: usize,
        scale: f64,
    ) -> Result<BatchResult, BatchError> {
        let most = set.top_level();
        if !(1..=most).contains(&level) {
            return Err(BatchError::Level { level, most });
        }
        if self.layers.is_empty() || self.inputs == 0 {
            return Err(BatchError::Empty);
        }
        let widest = set.modulus(level).primes().iter().map(|prime| prime.bits()).max();
        let (mut before, mut parts) = (self.inputs, 2);
        for (layer, (plan, scale)) in self.layers.iter().zip(self.sum_scales(scale)).enumerate() {
            let bits = plan.bits;
            if !(2..=8).contains(&bits) || widest.unwrap_or(0) + bits > PRODUCT_BITS {
                return Err(BatchError::Weight { layer, bits });
            }
            plan.check(layer, before, scale)?;
            before = plan.bias.len();
            parts = if plan.square { 2 * parts - 1 } else { parts };
            let most = ProductCiphertext::MOST_PARTS;
            if parts > most {
                return Err(BatchError::Parts { parts, most });
            }
        }
        Ok(BatchResult { values: before, parts, scale: self.result_scale(scale) })
    }

    /// The scale of each layer's sums, for inputs of a scale.
    pub(super) fn sum_scales(&self, scale: f64) -> Vec<f64> {
        let mut before = scale;
        let next = |layer: &LayerPlan| {
            let sums = before * layer.weight_scale;
            before = if layer.square { sums * sums } else { sums };
            sums
        };
        self.layers.iter().map(next).collect()
    }

    /// The scale of the result, for inputs of a scale.
    #[must_use]
    pub fn result_scale(&self, scale: f64) -> f64 {
        let last = self.sum_scales(scale).last().copied().unwrap_or(scale);
        if self.layers.last().is_some_and(|layer| layer.square) { last * last } else { last }
    }

    /// The bytes that weights and biases will occupy in memory, at this level.
    #[must_use]
    pub fn encoded_byte_len(&self, level: usize) -> usize {
        let words = |b: &BlockPlan| {
            let groups = b.outputs.len().div_ceil(SUMS_TOGETHER);
            groups * SUMS_TOGETHER * b.inputs.len() + b.inputs.len() + b.outputs.len()
        };
        let layer =
            |l: &LayerPlan| l.blocks.iter().map(words).sum::<usize>() + level * l.bias.len();
        self.layers.iter().map(layer).sum::<usize>() * size_of::<u64>()
    }

    /// The number of multiply-adds of one residue.
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        let mut parts = 2;
        let layer = |layer: &LayerPlan| {
            let products: u64 = layer.blocks.iter().map(|b| b.weights.len() as u64).sum();
            let sums = products * parts;
            parts = if layer.square { 2 * parts - 1 } else { parts };
            sums
        };
        self.layers.iter().map(layer).sum()
    }
}

impl LayerPlan {
    fn check(&self, layer: usize, before: usize, scale: f64) -> Result<(), BatchError> {
        let (width, most) = (self.bias.len(), BatchPlan::MOST_WIDTH);
        if !(1..=most).contains(&width) {
            return Err(BatchError::Width { layer, width, most });
        }
        let limit = BatchPlan::MOST_LOG2.exp2();
        // False for what is no number, too.
        let in_range = |x: f64| x.abs() <= limit;
        let scale_fits =
            scale > 0.0 && in_range(scale) && (!self.square || in_range(scale * scale));
        if !scale_fits || !self.bias.iter().all(|bias| in_range(bias * scale)) {
            return Err(BatchError::Scale { layer });
        }
        let mut taken = vec![false; width];
        for (block, plan) in self.blocks.iter().enumerate() {
            let inside = plan.inputs.iter().all(|&input| (input as usize) < before);
            let count = plan.inputs.len() * plan.outputs.len();
            let free = |output: &u32| {
                let place = taken.get_mut(*output as usize);
                place.is_some_and(|place| !std::mem::replace(place, true))
            };
            let outputs_fit = plan.outputs.iter().all(free);
            if !inside || count == 0 || plan.weights.len() != count || !outputs_fit {
                return Err(BatchError::Block { layer, block });
            }
            let limit = 1_u32 << (self.bits - 1);
            if plan.weights.iter().any(|&w| u32::from(w.unsigned_abs()) >= limit) {
                return Err(BatchError::Weight { layer, bits: self.bits });
            }
        }
        Ok(())
    }
}
