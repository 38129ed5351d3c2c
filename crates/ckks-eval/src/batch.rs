//! Networks on batches: a value is a ciphertext, a slot is an input.
//!
//! Linear layers have weights that are small integers, activations are squares, and nothing is
//! rescaled, relinearised or rotated: no key is needed, and every step acts on NTT values one by
//! one. Ciphertexts gain parts with every square (2, 3, 5, 9), and the scale is the product of all
//! that was multiplied. What the modulus must hold is the last value alone: on the way there,
//! numbers may wrap as they like, since all of it is one polynomial modulo the modulus.
//!
//! The whole network is run on one tile of NTT values after another, so that what lies between
//! layers stays in cache.

mod error;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ring::kernels::{IntegerWeights, integer_sums, radix, square_parts};
use blindsight_ring::{Limb, MontgomeryResidue, Poly, Prime, Word, for_width};
use rayon::prelude::*;

pub use error::BatchError;
pub use plan::{BatchPlan, BatchResult, BlockPlan, LayerPlan};

/// A network with its weights as kernels read them.
#[derive(Debug)]
pub struct BatchCircuit {
    set: Arc<Parameters>,
    level: usize,
    /// The values of an input that the first layer reads, ascending.
    reads: Vec<usize>,
    layers: Vec<Layer>,
    result: BatchResult,
    /// NTT values of a tile.
    tile: usize,
}

#[derive(Debug)]
struct Layer {
    width: usize,
    blocks: Vec<Block>,
    /// For each limb, the bias of each sum.
    bias: Vec<Vec<u64>>,
    square: bool,
}

#[derive(Debug)]
struct Block {
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    weights: IntegerWeights,
}

/// Stretches of a run, after each of which whoever watches may end it.
pub const STRETCHES: usize = 4;

/// Bytes of what lies between layers that a tile may take: most of a core's second-level cache.
const TILE_BYTES: usize = 768 << 10;

/// The smallest tile: two vectors of eight lanes, what the kernels take at a time.
const SMALLEST_TILE: usize = 16;

impl BatchCircuit {
    /// Prepares a network for inputs of this level and scale.
    ///
    /// # Errors
    /// When the plan cannot be run: see [`BatchPlan::check`].
    pub fn new(
        set: &Arc<Parameters>,
        level: usize,
        scale: f64,
        plan: &BatchPlan,
    ) -> Result<Self, BatchError> {
        let result = plan.check(set, level, scale)?;
        let scales = plan.sum_scales(scale);
        let primes = set.modulus(level);
        let layer = |(layer, scale): (&LayerPlan, f64)| Layer {
            width: layer.bias.len(),
            blocks: layer.blocks.iter().map(|block| Block::new(block, layer.bits)).collect(),
            bias: primes.primes().iter().map(|prime| biases(prime, &layer.bias, scale)).collect(),
            square: layer.square,
        };
        let mut layers: Vec<Layer> = plan.layers.iter().zip(scales).map(layer).collect();
        let reads = layers.first_mut().map(Layer::number_what_is_read).unwrap_or_default();
        let tile = tile(set.degree(), plan);
        Ok(Self { set: Arc::clone(set), level, reads, layers, result, tile })
    }

    /// The values of an input that are read, ascending: those whose ciphertexts are needed.
    #[must_use]
    pub fn reads(&self) -> &[usize] {
        &self.reads
    }

    /// What comes out.
    #[must_use]
    pub fn result(&self) -> BatchResult {
        self.result
    }

    /// The bytes that weights and biases occupy.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let block = |b: &Block| b.weights.byte_len() + 8 * (b.inputs.len() + b.outputs.len());
        let layer = |l: &Layer| {
            let biases: usize = l.bias.iter().map(|bias| 8 * bias.len()).sum();
            l.blocks.iter().map(block).sum::<usize>() + biases
        };
        self.layers.iter().map(layer).sum()
    }

    /// Runs the network on ciphertexts of the level that it was made for, one for each value of an
    /// input that it [reads](Self::reads). Whoever watches is told after each of [`STRETCHES`] stretches how many are done, and
    /// may end the run: then there is no result.
    ///
    /// # Errors
    /// [`BatchError::Inputs`] when there are more or fewer ciphertexts, or one is of another level.
    pub fn run(
        &self,
        inputs: &[Ciphertext],
        mut watch: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Vec<ProductCiphertext>>, BatchError> {
        let fits = inputs.iter().all(|input| input.level() == self.level);
        if inputs.len() != self.reads.len() || !fits {
            return Err(BatchError::Inputs { found: inputs.len(), expected: self.reads.len() });
        }
        let basis = self.set.modulus(self.level);
        let (values, parts) = (self.result.values, self.result.parts);
        let mut results: Vec<Vec<Poly<_>>> =
            (0..values).map(|_| vec![Poly::stale(&basis); parts]).collect();
        let degree = self.set.degree();
        let tiles: Vec<(usize, Range<usize>)> = (0..self.level)
            .flat_map(|limb| (0..degree).step_by(self.tile).map(move |start| (limb, start)))
            .map(|(limb, start)| (limb, start..start + self.tile))
            .collect();
        for stretch in 0..STRETCHES {
            let [from, to] = [stretch, stretch + 1].map(|end| end * tiles.len() / STRETCHES);
            let tiles = &tiles[from..to];
            let run = |(limb, range): &(usize, Range<usize>)| {
                let prime = &basis.primes()[*limb];
                for_width!(prime, W => self.tile::<W>(prime, *limb, range, inputs).into())
            };
            let computed: Vec<Tile> = tiles.par_iter().map(run).collect();
            for ((limb, range), tile) in tiles.iter().zip(&computed) {
                for (k, part) in results.iter_mut().flatten().enumerate() {
                    tile.copy(k, range, &mut part.limbs_mut()[*limb]);
                }
            }
            if watch(stretch + 1).is_break() {
                return Ok(None);
            }
        }
        let scale = self.result.scale;
        let product = |parts| ProductCiphertext { parts, scale };
        Ok(Some(results.into_iter().map(product).collect()))
    }

    /// All values of the result, part by part, on one tile.
    fn tile<W: Word>(
        &self,
        prime: &Prime,
        limb: usize,
        range: &Range<usize>,
        inputs: &[Ciphertext],
    ) -> Vec<W> {
        let tile = range.len();
        let halves: Vec<[&Limb; 2]> = inputs
            .iter()
            .map(|input| [&input.c0, &input.c1].map(|half| &half.limbs()[limb]))
            .collect();
        let first = |value: usize, part: usize| &W::of(halves[value][part])[range.clone()];
        let mut parts = 2;
        let mut current: Vec<W> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let mut next = vec![W::truncate(0); layer.width * parts * tile];
            if index == 0 {
                layer.sums(prime, parts, tile, first, &mut next);
            } else {
                let read =
                    |value: usize, part: usize| &current[(value * parts + part) * tile..][..tile];
                layer.sums(prime, parts, tile, read, &mut next);
            }
            layer.add_bias(prime, limb, parts * tile, tile, &mut next);
            current = next;
            if layer.square {
                let squared = 2 * parts - 1;
                let mut next = vec![W::truncate(0); layer.width * squared * tile];
                squares(prime, radix(prime), &current, parts, tile, &mut next);
                (current, parts) = (next, squared);
            }
        }
        current
    }
}

impl Layer {
    /// Gives the values that blocks read new numbers, without gaps: the old ones, ascending.
    fn number_what_is_read(&mut self) -> Vec<usize> {
        let read = self.blocks.iter().flat_map(|block| &block.inputs);
        let reads: Vec<usize> = read.copied().collect::<BTreeSet<_>>().into_iter().collect();
        for input in self.blocks.iter_mut().flat_map(|block| &mut block.inputs) {
            *input = reads.partition_point(|read| read < input);
        }
        reads
    }

    /// The sums of one part after another.
    fn sums<'a, W: Word>(
        &self,
        prime: &Prime,
        parts: usize,
        tile: usize,
        input: impl Fn(usize, usize) -> &'a [W],
        out: &mut [W],
    ) {
        let mut places: Vec<Option<&mut [W]>> = out.chunks_exact_mut(tile).map(Some).collect();
        for block in &self.blocks {
            for part in 0..parts {
                let inputs: Vec<&[W]> = block.inputs.iter().map(|&v| input(v, part)).collect();
                // No two blocks have an output in common: every place is taken once.
                let outs = block.outputs.iter().filter_map(|&o| places[o * parts + part].take());
                let mut outs: Vec<&mut [W]> = outs.collect();
                integer_sums(prime, &inputs, &block.weights, &mut outs);
            }
        }
    }

    /// Adds the bias, a constant polynomial, to the first part of every sum.
    fn add_bias<W: Word>(
        &self,
        prime: &Prime,
        limb: usize,
        stride: usize,
        tile: usize,
        sums: &mut [W],
    ) {
        let q = prime.value();
        for (sum, &bias) in sums.chunks_exact_mut(stride).zip(&self.bias[limb]) {
            for x in &mut sum[..tile] {
                let total: u64 = (*x).into() + bias;
                *x = W::truncate(total.min(total.wrapping_sub(q)));
            }
        }
    }
}

impl Block {
    fn new(plan: &BlockPlan, bits: u32) -> Self {
        let index = |indices: &[u32]| indices.iter().map(|&i| i as usize).collect();
        let (sums, inputs) = (plan.outputs.len(), plan.inputs.len());
        let weight = |sum, input| i64::from(plan.weights[sum * inputs + input]);
        let weights = IntegerWeights::new(sums, inputs, bits, weight);
        Self { inputs: index(&plan.inputs), outputs: index(&plan.outputs), weights }
    }
}

fn squares<W: Word>(
    prime: &Prime,
    radix: MontgomeryResidue,
    values: &[W],
    parts: usize,
    tile: usize,
    out: &mut [W],
) {
    let squared = (2 * parts - 1) * tile;
    for (value, out) in values.chunks_exact(parts * tile).zip(out.chunks_exact_mut(squared)) {
        let value: Vec<&[W]> = value.chunks_exact(tile).collect();
        let mut out: Vec<&mut [W]> = out.chunks_exact_mut(tile).collect();
        square_parts(prime, radix, &value, &mut out);
    }
}

/// Biases times the scale as residues.
fn biases(prime: &Prime, bias: &[f64], scale: f64) -> Vec<u64> {
    bias.iter().map(|b| prime.reduce_f64(b * scale)).collect()
}

/// The number of NTT values of a tile: as many as fit in a core's cache with what the widest layer
/// reads and writes, a power of two.
fn tile(degree: usize, plan: &BatchPlan) -> usize {
    let mut parts = 2;
    let mut most = 1;
    let mut before = plan.inputs;
    for layer in &plan.layers {
        let width = layer.bias.len();
        most = most.max((before + width) * parts);
        if layer.square {
            most = most.max(width * (3 * parts - 1));
            parts = 2 * parts - 1;
        }
        before = width;
    }
    let fitting = TILE_BYTES / (most * size_of::<u64>());
    let tile = fitting.max(1).ilog2();
    (1 << tile).clamp(SMALLEST_TILE, degree)
}

/// What one tile gives, in the width of its prime.
enum Tile {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl From<Vec<u32>> for Tile {
    fn from(words: Vec<u32>) -> Self {
        Self::Narrow(words)
    }
}

impl From<Vec<u64>> for Tile {
    fn from(words: Vec<u64>) -> Self {
        Self::Wide(words)
    }
}

impl Tile {
    /// Copies the `k`-th polynomial's values to their place.
    fn copy(&self, k: usize, range: &Range<usize>, to: &mut Limb) {
        let from = k * range.len()..(k + 1) * range.len();
        match (self, to) {
            (Self::Narrow(words), Limb::Narrow(to)) => {
                to[range.clone()].copy_from_slice(&words[from]);
            }
            (Self::Wide(words), Limb::Wide(to)) => to[range.clone()].copy_from_slice(&words[from]),
            _ => unreachable!("a tile has the width of its prime"),
        }
    }
}
