//! The noise that every sum meets.

use blindsight_exact::BinaryPicture;

use super::{SignNetwork, Sum};

/// What the sums of a layer are off by: standard deviations, as parts of the circle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumNoise {
    /// The least of the layer's sums.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl SignNetwork {
    /// For every layer, the noise that its signs are taken with, or that its scores have: that of what
    /// is summed, times the root of the sum of the weights' squares, and before a sign that of a key
    /// switch and its rounding. Errors are independent.
    #[must_use]
    pub fn noise(&self) -> Vec<SumNoise> {
        let of_layer = |index: usize| {
            let noise = (0..self.layers[index].sums.len()).map(|value| self.noise_of(index, value));
            noise.fold(SumNoise { least: f64::INFINITY, most: 0.0 }, |all, one| SumNoise {
                least: all.least.min(one),
                most: all.most.max(one),
            })
        };
        (0..self.layers.len()).map(of_layer).collect()
    }

    /// That of one sum: none, where it is a constant.
    ///
    /// # Panics
    /// If there is no such layer or value.
    #[must_use]
    pub fn noise_of(&self, layer: usize, value: usize) -> f64 {
        // What reads nothing is no ciphertext: it has no mask.
        if self.layers[layer].sums[value].terms.is_empty() {
            return 0.0;
        }
        let noise = self.set.noise();
        let source = if layer == 0 { BinaryPicture::noise() } else { noise.bootstrap };
        let summed = source * self.layers[layer].sums[value].norm();
        if layer + 1 == self.layers.len() {
            return summed;
        }
        summed.hypot(noise.key_switch).hypot(noise.modulus_switch)
    }
}

impl Sum {
    fn norm(&self) -> f64 {
        self.terms.iter().map(|(_, w)| f64::from(*w).powi(2)).sum::<f64>().sqrt()
    }
}
