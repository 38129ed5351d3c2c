//! The same network on pixels in the clear.

use blindsight_exact::picture::LOG2_PIXEL;

use super::{SignNetwork, Sum};

/// The sums of every layer, as parts of the circle that never go around; the last are the scores.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainSums(pub Vec<Vec<f64>>);

impl SignNetwork {
    /// Every sum of a picture, without noise: for each pixel, whether it is bright.
    ///
    /// # Panics
    /// If there are fewer pixels than the network reads.
    #[must_use]
    pub fn plain(&self, pixels: &[bool]) -> PlainSums {
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(self.layers.len());
        for layer in 0..self.layers.len() {
            let sums = match all.last() {
                None => self.sums(layer, pixels),
                Some(before) => self.sums(layer, &positive(before)),
            };
            all.push(sums);
        }
        PlainSums(all)
    }

    /// The sums of one layer when it reads these signs.
    ///
    /// # Panics
    /// If there is no such layer, or there are fewer signs than it reads.
    #[must_use]
    pub fn sums(&self, layer: usize, signs: &[bool]) -> Vec<f64> {
        let unit = match layer {
            0 => 2_f64.powi(-(LOG2_PIXEL as i32)),
            _ => self.layers[layer].magnitude,
        };
        let sum = |sum: &Sum| {
            let signed = |&(at, w): &(u32, i32)| i64::from(if signs[at as usize] { w } else { -w });
            sum.constant + unit * sum.terms.iter().map(signed).sum::<i64>() as f64
        };
        self.layers[layer].sums.iter().map(sum).collect()
    }
}

impl PlainSums {
    /// The scores.
    #[must_use]
    pub fn scores(&self) -> &[f64] {
        self.0.last().map_or(&[], Vec::as_slice)
    }

    /// The signs that are taken, layer by layer.
    pub fn signs(&self) -> impl Iterator<Item = Vec<bool>> {
        self.0.iter().take(self.0.len().saturating_sub(1)).map(|sums| positive(sums))
    }
}

fn positive(sums: &[f64]) -> Vec<bool> {
    sums.iter().map(|sum| *sum > 0.0).collect()
}
