//! Layers with integer weights.

use std::collections::BTreeMap;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::batch::{BatchPlan, BlockPlan, LayerPlan};

use blindsight_model::tensor::Tensor;

use super::chain::{Chain, Layer};
use crate::general::sparse::Sparse;

impl Chain {
    /// The network with integer weights. What rounding changes in the
    /// mean over the samples, biases take back (Nagel et al., "Data-free quantization through weight
    /// equalization and bias correction", 2019).
    pub(super) fn integers(&self, rounding: Rounding, samples: &[Tensor]) -> BatchPlan {
        let chain = self.balanced(rounding.balance);
        let means = chain.means(samples);
        let layer = |(index, (layer, mean)): (usize, (&Layer, &Vec<f64>))| {
            layer.integers(rounding.bits[index.min(1)], rounding.kept, mean)
        };
        let layers = chain.layers.iter().zip(&means).enumerate().map(layer).collect();
        BatchPlan { inputs: self.inputs, layers }
    }

    /// For each layer, the mean over the samples of what it reads.
    fn means(&self, samples: &[Tensor]) -> Vec<Vec<f64>> {
        let mut means: Vec<Vec<f64>> = Vec::new();
        for sample in samples {
            let mut values: Vec<f64> = sample.values().iter().copied().map(f64::from).collect();
            for (index, layer) in self.layers.iter().enumerate() {
                if means.len() == index {
                    means.push(vec![0.0; values.len()]);
                }
                let part = 1.0 / samples.len() as f64;
                means[index].iter_mut().zip(&values).for_each(|(mean, x)| *mean += x * part);
                values = layer.apply(&values);
            }
        }
        // Without samples nothing is known.
        let nothing = |layer: &Layer| vec![0.0; layer.matrix.columns()];
        if samples.is_empty() { self.layers.iter().map(nothing).collect() } else { means }
    }
}

/// How real weights become integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rounding {
    /// Bits of the first layer's weights and of the others', signs counted: what the first layer
    /// rounds away, all others carry on.
    bits: [u32; 2],
    balance: Balance,
    /// The largest weight that is not cut off, as a part of the largest there is: a few that are cut
    /// leave finer steps to all others.
    kept: f64,
}

/// How the sums before a square are scaled, which the next layer's weights take back: by powers of
/// their own largest weight and of the largest weight that reads them. Each layer's integers are steps
/// of one size, and which layer should have the finer ones depends on the network.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Balance {
    rows: f64,
    columns: f64,
}

impl Rounding {
    /// What is tried with weights of so many bits.
    pub(super) fn all(bits: [u32; 2]) -> impl Iterator<Item = Self> {
        let balances = [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 0.25), (0.5, 0.25), (0.0, 0.5)];
        balances.into_iter().flat_map(move |(rows, columns)| {
            let balance = Balance { rows, columns };
            [1.0, 0.8, 0.6].into_iter().map(move |kept| Self { bits, balance, kept })
        })
    }
}

impl Chain {
    /// The same network with its sums in other units.
    fn balanced(&self, balance: Balance) -> Self {
        let mut layers = self.layers.clone();
        for index in 1..layers.len() {
            let (before, after) = layers.split_at_mut(index);
            let (Some(first), Some(second)) = (before.last_mut(), after.first_mut()) else {
                continue;
            };
            // Windows keep their one weight.
            if first.square && !second.is_alike() {
                first.rescale(second, balance);
            }
        }
        Self { layers, ..*self }
    }
}

impl Layer {
    fn rescale(&mut self, next: &mut Self, balance: Balance) {
        let mut columns = vec![0.0_f64; self.matrix.rows.len()];
        for (column, w) in next.matrix.rows.iter().flatten() {
            let largest = &mut columns[*column as usize];
            *largest = largest.max(f64::from(w.abs()));
        }
        let largest =
            |row: &[(u32, f32)]| row.iter().fold(0.0_f64, |m, (_, w)| m.max(f64::from(w.abs())));
        let rows = self.matrix.rows.iter().map(|row| largest(row));
        let factor = |(row, column): (f64, f64)| match row > 0.0 && column > 0.0 {
            true => column.powf(balance.columns) / row.powf(balance.rows),
            false => 1.0,
        };
        let factors: Vec<f64> = rows.zip(columns).map(factor).collect();
        self.matrix = std::mem::take(&mut self.matrix).scaled(|row| factors[row], |_| 1.0);
        self.bias.iter_mut().zip(&factors).for_each(|(bias, factor)| *bias *= factor);
        let back = |column: usize| 1.0 / (factors[column] * factors[column]);
        next.matrix = std::mem::take(&mut next.matrix).scaled(|_| 1.0, back);
    }

    /// Whether all weights but zeros have one magnitude.
    fn is_alike(&self) -> bool {
        let weights = self.matrix.rows.iter().flatten().map(|(_, w)| w.abs());
        let mut weights = weights.filter(|w| *w > 0.0);
        let first = weights.next().unwrap_or(0.0);
        weights.all(|w| (w - first).abs() <= 1e-6 * first)
    }

    fn integers(&self, bits: u32, kept: f64, mean: &[f64]) -> LayerPlan {
        let weights = self.matrix.rows.iter().flatten().map(|(_, w)| f64::from(w.abs()));
        let largest = weights.fold(0.0, f64::max);
        // Sums of windows, above all: one and the same weight needs no more than a sign.
        let (bits, kept) = if self.is_alike() { (2, 1.0) } else { (bits, kept) };
        let most = f64::from((1_u32 << (bits - 1)) - 1);
        let weight_scale = if largest > 0.0 { most / (kept * largest) } else { 1.0 };
        let integer = |w: f32| (f64::from(w) * weight_scale).round().clamp(-most, most);
        let error = |&(column, w): &(u32, f32)| {
            (f64::from(w) - integer(w) / weight_scale) * mean[column as usize]
        };
        let errors = self.matrix.rows.iter().map(|row| row.iter().map(error).sum::<f64>());
        LayerPlan {
            blocks: blocks(&self.matrix, integer),
            bits,
            weight_scale,
            bias: self.bias.iter().zip(errors).map(|(bias, error)| bias + error).collect(),
            square: self.square,
        }
    }
}

/// Rows that read the same columns together: of a dense layer all, of a convolution all channels of
/// a place.
fn blocks(matrix: &Sparse, integer: impl Fn(f32) -> f64) -> Vec<BlockPlan> {
    let mut together: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
    for (row, entries) in matrix.rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
        let columns = entries.iter().map(|(column, _)| *column).collect();
        together.entry(columns).or_default().push(row);
    }
    let block = |(inputs, rows): (Vec<u32>, Vec<usize>)| {
        let entries = rows.iter().flat_map(|&row| &matrix.rows[row]);
        BlockPlan {
            inputs,
            weights: entries.map(|(_, w)| integer(*w) as i8).collect(),
            outputs: rows.iter().map(|&row| row as u32).collect(),
        }
    };
    together.into_iter().map(block).collect()
}

/// The result of a plan for an input, unscaled.
pub(super) fn run(plan: &BatchPlan, input: Vec<Complex64>) -> Vec<Complex64> {
    plan.layers.iter().fold(input, |values, layer| {
        let real = |re: &f64| Complex64::new(*re, 0.0);
        let mut sums: Vec<Complex64> = layer.bias.iter().map(real).collect();
        for block in &layer.blocks {
            let read: Vec<Complex64> = block.inputs.iter().map(|&i| values[i as usize]).collect();
            for (weights, &output) in block.weights.chunks(read.len()).zip(&block.outputs) {
                let sum: Complex64 =
                    weights.iter().zip(&read).map(|(&w, x)| f64::from(w) * x).sum();
                sums[output as usize] += sum / layer.weight_scale;
            }
        }
        sums.iter().map(|sum| if layer.square { sum * sum } else { *sum }).collect()
    })
}
