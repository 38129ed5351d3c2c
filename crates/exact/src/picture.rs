//! What a network of signs reads and answers: a picture of dark and bright pixels as one sample under
//! `S`, and scores on the circle.

use blindsight_ring::sampling::{Seed, StreamId, UniformExpander};

use crate::parameters::ExactParameters;

/// `log2` of how often a pixel goes into the circle: a bright one lies at plus `2^-LOG2_PIXEL` of it,
/// a dark one at minus that. Weights are whole multiples, so this is also how fine they are.
pub const LOG2_PIXEL: u32 = 16;

/// The bits of each number of the body that travel.
pub const PIXEL_BITS: u32 = 24;

/// The bits of each number of scores that travel.
pub const SCORE_BITS: u32 = 16;

/// Streams of masks of pictures stand apart from those of all parts of the key.
const STREAM: u16 = 18;

/// A picture as it travels: pixel `j` is coefficient `j` of a ring sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryPicture {
    /// What the mask is expanded from. Each picture has another.
    pub seed: Seed,
    /// The body's coefficients that hold pixels, of each the upper [`PIXEL_BITS`] bits.
    pub bodies: Vec<u32>,
}

/// Scores under `S`: modulo `2^SCORE_BITS`, of each its mask and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactScores(pub Vec<(Vec<u16>, u16)>);

impl BinaryPicture {
    /// The mask that belongs to a seed.
    #[must_use]
    pub fn mask(set: &ExactParameters, seed: &Seed) -> Vec<u64> {
        let mut mask = vec![0; set.degree()];
        UniformExpander::new(seed, StreamId::new(0, STREAM, 0)).fill_words(&mut mask);
        mask
    }

    /// A body's number, rounded to the bits that travel.
    #[must_use]
    pub fn round(body: u64) -> u32 {
        // Rounding up past the top is once around the circle. Fewer than 32 bits are left.
        (body.wrapping_add(1 << (63 - PIXEL_BITS)) >> (64 - PIXEL_BITS)) as u32
    }

    /// The body's number of a pixel.
    #[must_use]
    pub fn body(&self, pixel: usize) -> u64 {
        self.bodies.get(pixel).map_or(0, |body| u64::from(*body) << (64 - PIXEL_BITS))
    }

    /// The standard deviation of a pixel's error, as a part of the circle: rounding, beside which that
    /// of the sample itself, `2^-47` and less, is nothing.
    #[must_use]
    pub fn noise() -> f64 {
        2_f64.powi(-(PIXEL_BITS as i32)) / 12_f64.sqrt()
    }
}

impl ExactScores {
    /// A number on the circle, rounded to the bits that travel.
    #[must_use]
    pub fn round(word: u64) -> u16 {
        (word.wrapping_add(1 << (63 - SCORE_BITS)) >> (64 - SCORE_BITS)) as u16
    }

    /// The standard deviation of what rounding adds to a score.
    #[must_use]
    pub fn noise(set: &ExactParameters) -> f64 {
        let numbers = set.degree() as f64 / 2.0 + 1.0;
        (numbers / 12.0).sqrt() * 2_f64.powi(-(SCORE_BITS as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyPart, tests::set};

    #[test]
    fn rounding_is_to_the_nearest_around_the_circle() {
        let half = 1 << 39;
        assert_eq!([0, half - 1, half, u64::MAX].map(BinaryPicture::round), [0, 0, 1, 0]);
        assert_eq!([0, 1 << 47, u64::MAX].map(ExactScores::round), [0, 1, 0]);
        let picture = BinaryPicture { seed: Seed::from_bytes([1; 32]), bodies: vec![3] };
        assert_eq!([picture.body(0), picture.body(1)], [3 << 40, 0]);
    }

    #[test]
    fn masks_are_those_of_no_part_of_the_key() {
        let seed = Seed::from_bytes([2; 32]);
        let mask = BinaryPicture::mask(set(), &seed);
        assert_eq!(mask.len(), set().degree());
        for part in KeyPart::ALL {
            let mut other = vec![0; mask.len()];
            part.expand_mask(&seed, 0, &mut other);
            assert_ne!(mask, other, "{part:?}");
        }
    }
}
