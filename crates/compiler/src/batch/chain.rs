//! A network as layers one after another: sums, and their squares.

use blindsight_ckks_eval::activation::{ChebyshevFit, Density};
use blindsight_model::graph::ActivationKind;

use super::{BatchRefusal, alike};
use crate::general::network::{Activation, Affine, Made, Network};
use crate::general::sparse::{Sparse, windows};

/// Layers one after another, in real numbers.
#[derive(Debug)]
pub(super) struct Chain {
    /// Values of an input.
    pub(super) inputs: usize,
    pub(super) layers: Vec<Layer>,
    /// What a result of 1 means.
    pub(super) unit: f64,
}

/// Sums of the values before, and perhaps their squares.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) matrix: Sparse,
    pub(super) bias: Vec<f64>,
    pub(super) square: bool,
}

/// What the values before are made of what was computed: `factor x + offset`.
#[derive(Debug, Clone, Copy)]
struct Reading {
    factor: f64,
    offset: f64,
}

/// A quadratic function by its square: `factor (u + shift)^2 + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Square {
    shift: f64,
    read: f64,
    offset: f64,
}

/// The smallest factor of the square, beside the slope: below it, the square's argument leaves all
/// range.
const LEAST_CURVATURE: f64 = 0.02;

impl Chain {
    pub(super) fn new(network: &Network) -> Result<Self, BatchRefusal> {
        let inputs = network.values.first().map_or(0, |held| held.shape.elements());
        let mut layers = Vec::with_capacity(network.values.len());
        let mut reading = Reading { factor: 1.0, offset: 0.0 };
        let mut activations = 0;
        for (value, held) in network.values.iter().enumerate() {
            match &held.made {
                Made::Input => {}
                Made::Pool { source, pool } if source + 1 == value => {
                    let from = network.values[*source].shape;
                    let matrix = windows(*pool, from, held.shape);
                    let bias = vec![0.0; held.shape.elements()];
                    layers.push(Layer::reading(reading, &matrix, bias));
                    reading = Reading { factor: 1.0, offset: 0.0 };
                }
                Made::Pool { .. } => return Err(BatchRefusal::NoChain { value }),
                Made::Activation { affine, activation } => {
                    let square = Square::of(activation);
                    let square = square.ok_or(BatchRefusal::Linear { activation: activations })?;
                    activations += 1;
                    let mut layer = Layer::affine(reading, affine, value)?;
                    layer.bias.iter_mut().for_each(|bias| *bias += square.shift);
                    layer.square = true;
                    layers.push(layer);
                    reading = Reading { factor: square.read, offset: square.offset };
                }
            }
        }
        layers.push(Layer::affine(reading, &network.scores, network.values.len())?);
        let mut chain = Self { inputs, layers, unit: network.bound };
        chain.drop_unread();
        chain.layers.iter_mut().for_each(|layer| alike::fill(&mut layer.matrix));
        Ok(chain)
    }

    /// Leaves out what nothing reads, from the last layer to the first: networks with gates have much
    /// of that. A layer keeps one value at least.
    fn drop_unread(&mut self) {
        for index in (1..self.layers.len()).rev() {
            let (before, after) = self.layers.split_at_mut(index);
            let (Some(first), Some(second)) = (before.last_mut(), after.first_mut()) else {
                continue;
            };
            let rows = &mut second.matrix.rows;
            let mut read = vec![false; first.bias.len()];
            for (column, weight) in rows.iter().flatten() {
                read[*column as usize] |= *weight != 0.0;
            }
            if !read.contains(&true) {
                read[0] = true;
            }
            let mut places = Vec::with_capacity(read.len());
            let mut kept = 0;
            for &read in &read {
                places.push(kept);
                kept += u32::from(read);
            }
            // Zeros among others stay: rows that read the same values are a block.
            rows.iter_mut().for_each(|row| row.retain(|(column, _)| read[*column as usize]));
            rows.iter_mut().flatten().for_each(|(column, _)| *column = places[*column as usize]);
            let mut stays = read.iter();
            first.matrix.rows.retain(|_| stays.next() == Some(&true));
            let mut stays = read.iter();
            first.bias.retain(|_| stays.next() == Some(&true));
        }
    }

    /// The result for an input, in units.
    pub(super) fn run(&self, input: &[f32]) -> Vec<f64> {
        let input = input.iter().copied().map(f64::from).collect();
        self.layers.iter().fold(input, |values: Vec<f64>, layer| layer.apply(&values))
    }
}

impl Layer {
    /// What the layer makes of the values before.
    pub(super) fn apply(&self, values: &[f64]) -> Vec<f64> {
        let sums = self.bias.iter().zip(self.matrix.apply(values)).map(|(b, x)| b + x);
        sums.map(|sum| if self.square { sum * sum } else { sum }).collect()
    }

    /// The matrix of what `reading` makes of the values before.
    fn reading(reading: Reading, matrix: &Sparse, mut bias: Vec<f64>) -> Self {
        for (bias, row) in bias.iter_mut().zip(&matrix.rows) {
            *bias += reading.offset * row.iter().map(|(_, w)| f64::from(*w)).sum::<f64>();
        }
        let matrix = matrix.clone().scaled(|_| reading.factor, |_| 1.0);
        Self { matrix, bias, square: false }
    }

    fn affine(reading: Reading, affine: &Affine, value: usize) -> Result<Self, BatchRefusal> {
        match &affine.terms[..] {
            [(source, matrix)] if source + 1 == value => {
                Ok(Self::reading(reading, matrix, affine.bias.clone()))
            }
            _ => Err(BatchRefusal::NoChain { value }),
        }
    }
}

impl Square {
    /// The quadratic function that is nearest to an activation on the values that were seen; `None`
    /// when it is no curve.
    fn of(activation: &Activation) -> Option<Self> {
        if activation.kind == ActivationKind::Square {
            return Some(Self { shift: 0.0, read: activation.eval(1.0), offset: 0.0 });
        }
        let (low, high, masses) = activation.histogram();
        let density = Density::new(low, high, &masses).ok();
        let fit = ChebyshevFit::new(|u| activation.eval(u), 2, density.as_ref())?;
        let [t0, t1, t2] = [0, 1, 2].map(|i| fit.coefficients().get(i).copied().unwrap_or(0.0));
        // T_2 = 2 u^2 - 1.
        let (constant, slope, curvature) = (t0 - t2, t1, 2.0 * t2);
        if curvature.abs() < LEAST_CURVATURE * slope.abs().max(LEAST_CURVATURE) {
            return None;
        }
        let shift = slope / (2.0 * curvature);
        Some(Self { shift, read: curvature, offset: constant - curvature * shift * shift })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(rows: &[&[(u32, f32)]], square: bool) -> Layer {
        let matrix = Sparse { rows: rows.iter().map(|row| row.to_vec()).collect() };
        let bias = (0..rows.len()).map(|i| i as f64 / 4.0).collect();
        Layer { matrix, bias, square }
    }

    /// Of three values nobody reads the second, and then nobody the first of those before.
    #[test]
    fn what_nothing_reads_is_left_out() {
        let layers = vec![
            layer(&[&[(0, 1.0), (1, 2.0)], &[(1, -1.0)], &[(0, 3.0), (1, 0.5)]], true),
            layer(&[&[(1, 2.0)], &[(0, 1.0)], &[(1, -1.0), (2, 4.0)]], false),
            layer(&[&[(0, 1.0), (1, 0.0), (2, 2.0)], &[(0, 0.0), (1, 0.0), (2, -1.0)]], false),
        ];
        let mut chain = Chain { inputs: 2, layers, unit: 1.0 };
        let expected = chain.run(&[0.5, -1.5]);
        chain.drop_unread();
        let widths: Vec<usize> = chain.layers.iter().map(|layer| layer.bias.len()).collect();
        assert_eq!(widths, [2, 2, 2]);
        assert_eq!(chain.layers[2].matrix.rows[1], [(0, 0.0), (1, -1.0)], "a zero among others");
        assert_eq!(chain.run(&[0.5, -1.5]), expected);
    }

    #[test]
    fn a_value_is_left_of_a_layer_that_nothing_reads() {
        let layers = vec![layer(&[&[(0, 1.0)], &[(0, 2.0)]], true), layer(&[&[(1, 0.0)]], false)];
        let mut chain = Chain { inputs: 1, layers, unit: 1.0 };
        chain.drop_unread();
        assert_eq!(chain.layers[0].bias.len(), 1);
        assert_eq!(chain.run(&[3.0]), [0.0]);
    }
}
