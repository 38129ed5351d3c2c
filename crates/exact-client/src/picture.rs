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
