//! Pictures for networks of signs, and their scores.

use blindsight_ckks_client::SecretRng;
use blindsight_exact::picture::{LOG2_PIXEL, SCORE_BITS};
use blindsight_exact::sampling::bounded_uniform;
use blindsight_exact::{BinaryPicture, ExactScores};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::family::{ExactFamily, Under};

/// A picture with more pixels than a sample has coefficients.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{found} pixels: one sample has room for {most}")]
pub struct TooManyPixels {
    /// Those of the picture.
    pub found: usize,
    /// The degree of `S`.
    pub most: usize,
}

impl ExactFamily<'_> {
    /// Encrypts a picture: for each pixel, whether it is bright. Mask and errors are drawn from `rng`,
    /// which must never have made anything else with this key.
    ///
    /// # Errors
    /// When there are more pixels than coefficients of `S`.
    pub fn encrypt_picture(
        &self,
        pixels: &[bool],
        rng: &mut SecretRng,
    ) -> Result<BinaryPicture, TooManyPixels> {
        let most = self.set.degree();
        if pixels.len() > most {
            return Err(TooManyPixels { found: pixels.len(), most });
        }
        let seed = rng.next_seed();
        let mut body = Zeroizing::new(vec![0; most]);
        self.ring_product(&BinaryPicture::mask(self.set, &seed), &mut body);
        let log2_error = self.set.literal().ring_log2_error;
        let encrypted = body.iter().zip(pixels).map(|(product, &bright)| {
            // Plus or minus, without a branch.
            let pixel = (2 * u64::from(bright)).wrapping_sub(1) << (64 - LOG2_PIXEL);
            let error = bounded_uniform(rng.next_u64(), log2_error) as u64;
            BinaryPicture::round(product.wrapping_add(pixel).wrapping_add(error))
        });
        Ok(BinaryPicture { seed, bodies: encrypted.collect() })
    }

    /// The scores, as parts of the circle between -1/2 and 1/2.
    #[must_use]
    pub fn decrypt_scores(&self, scores: &ExactScores) -> Vec<f64> {
        let upper = |number: &u16| u64::from(*number) << (64 - SCORE_BITS);
        let score = |(mask, body): &(Vec<u16>, u16)| {
            let mask: Vec<u64> = mask.iter().map(upper).collect();
            self.phase(Under::Ring, &mask, upper(body)) as i64 as f64 / 2_f64.powi(64)
        };
        scores.0.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
    use blindsight_ckks_client::{ClientSeed, KeyFamily};
    use blindsight_exact::{ExactParameters, Literal};

    use super::*;

    fn with_family(test: impl FnOnce(&ExactParameters, &ExactFamily<'_>)) {
        let scheme = Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap();
        let set = ExactParameters::new(Literal::degree_2048(), &scheme).unwrap();
        let keys = KeyFamily::new(&scheme, &ClientSeed::from_bytes(&[4; 32]));
        test(&set, &ExactFamily::new(&set, &scheme, &keys).unwrap());
    }

    fn pixels() -> Vec<bool> {
        (0..784_u32).map(|i| i.wrapping_mul(0x9E37_79B9) >> 31 == 1).collect()
    }

    /// Coefficient `j` of the mask times `S`, as a mask of one number.
    fn mask_of(mask: &[u64], j: usize) -> Vec<u64> {
        let turned = |i: usize| match j.checked_sub(i) {
            Some(at) => mask[at],
            None => mask[mask.len() + j - i].wrapping_neg(),
        };
        (0..mask.len()).map(turned).collect()
    }

    #[test]
    fn coefficients_hold_pixels_within_their_noise() {
        with_family(|set, family| {
            let picture =
                family.encrypt_picture(&pixels(), &mut SecretRng::from_key(&[1; 32])).unwrap();
            let mask = BinaryPicture::mask(set, &picture.seed);
            let errors = pixels().into_iter().enumerate().map(|(j, bright)| {
                let phase = family.phase(Under::Ring, &mask_of(&mask, j), picture.body(j));
                let pixel = if bright { 1.0 } else { -1.0 } * 2_f64.powi(-(LOG2_PIXEL as i32));
                phase as i64 as f64 / 2_f64.powi(64) - pixel
            });
            let errors: Vec<f64> = errors.collect();
            let deviation = (errors.iter().map(|e| e * e).sum::<f64>() / 784.0).sqrt();
            // Five deviations of the estimate: the kurtosis of a uniform variable is 1.8.
            let tolerance = 5.0 * (0.8_f64 / 784.0).sqrt() / 2.0;
            assert!((deviation / BinaryPicture::noise() - 1.0).abs() < tolerance, "{deviation:e}");
        });
    }

    #[test]
    fn pictures_never_share_a_mask() {
        with_family(|_, family| {
            let mut rng = SecretRng::from_key(&[1; 32]);
            let [a, b] = [(); 2].map(|()| family.encrypt_picture(&pixels(), &mut rng).unwrap());
            assert_ne!(a.seed, b.seed);
            assert!(a.bodies.iter().zip(&b.bodies).filter(|(x, y)| x == y).count() < 10);
        });
    }

    /// What travels stays what it was, byte for byte: the frame's checksum says so.
    #[test]
    fn bytes_from_fixed_seeds_stay_what_they_are() {
        with_family(|set, family| {
            let mut rng = SecretRng::from_key(&[2; 32]);
            let bytes = family.encrypt_picture(&pixels(), &mut rng).unwrap().to_bytes(set);
            assert_eq!(bytes.len(), 2_435);
            assert_eq!(bytes[47..51], [15, 195, 245, 248]);
        });
    }
}
