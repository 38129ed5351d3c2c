//! The first layer: sums of pixels out of the picture's one sample.

use blindsight_exact::{BinaryPicture, ExactParameters, TorusRing};
use rayon::prelude::*;

use super::{Layer, NetworkError, Sum};
use crate::lwe::{Lwe, circle};

/// The ring in which sums of pixels are right.
#[derive(Debug)]
pub(super) struct Pixels {
    ring: TorusRing,
}

impl Pixels {
    pub(super) fn new(set: &ExactParameters, layer: &Layer) -> Result<Self, NetworkError> {
        let norm = |sum: &Sum| sum.terms.iter().map(|(_, w)| f64::from(*w).abs()).sum::<f64>();
        let most = layer.sums.iter().map(norm).fold(1.0, f64::max);
        let refused = |_| NetworkError::Range { what: "the sum of weights", layer: 0, value: 0 };
        let ring = TorusRing::new(set.degree(), 63.0 + most.log2()).map_err(refused)?;
        Ok(Self { ring })
    }

    /// Coefficient 0 of the sample times `sum_j w_j X^-j` is `sum_j w_j` times coefficient `j`.
    pub(super) fn sums(
        &self,
        set: &ExactParameters,
        picture: &BinaryPicture,
        layer: &Layer,
    ) -> Vec<Lwe> {
        let mask = BinaryPicture::mask(set, &picture.seed);
        let mask = self.ring.residues(&mask).into_montgomery();
        let sum = |sum: &Sum| {
            let mut weights = vec![0; set.degree()];
            let mut body = circle(sum.constant);
            for &(pixel, weight) in &sum.terms {
                let (pixel, weight) = (pixel as usize, i64::from(weight));
                // X^-j is minus X^(n - j).
                match pixel {
                    0 => weights[0] += weight,
                    _ => weights[set.degree() - pixel] -= weight,
                }
                body = body.wrapping_add(picture.body(pixel).wrapping_mul(weight as u64));
            }
            let product = self.ring.signed(&weights).multiply(&mask).into_coefficients();
            let mut words = vec![0; set.degree()];
            self.ring.words(&product, &mut words);
            Lwe::of_ring_sample(&words, body)
        };
        layer.sums.par_iter().map(sum).collect()
    }
}
