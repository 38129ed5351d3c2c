//! Weights as small integers times one number for each layer.

use crate::TrainError;

/// How many bits the integers have, the sign among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits(u32);

/// Steps of the search for the best scale.
const SCALES: usize = 16;

impl Bits {
    /// From 2 to 16 bits.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for any other number.
    pub const fn new(bits: u32) -> Result<Self, TrainError> {
        match bits {
            2..=16 => Ok(Self(bits)),
            _ => Err(TrainError::Setting { what: "the number of bits" }),
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0
    }

    /// The largest integer: one less than a power of two, with either sign.
    #[must_use]
    pub const fn largest(self) -> i32 {
        (1 << (self.0 - 1)) - 1
    }

    /// The scale of a layer: of some, that with the least squared error. Small ones cut the largest
    /// weights off and are finer for the others.
    #[must_use]
    pub fn scale(self, weights: &[f32]) -> f32 {
        let most = weights.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let candidate =
            |step: usize| most * (1.0 - step as f32 / (2 * SCALES) as f32) / self.largest() as f32;
        let scales: [f32; SCALES] = std::array::from_fn(candidate);
        // All at once: this is done in every step, and one scale alone leaves vectors empty.
        let mut errors = [0.0_f64; SCALES];
        for &x in weights {
            let each: [f32; SCALES] =
                std::array::from_fn(|at| x - self.integer(x, scales[at]) * scales[at]);
            for (error, each) in errors.iter_mut().zip(each) {
                *error += f64::from(each) * f64::from(each);
            }
        }
        let with_error = errors.into_iter().zip(scales);
        with_error.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |(_, scale)| scale)
    }

    /// Every weight as the nearest integer times the layer's scale.
    #[must_use]
    pub fn rounded(self, weights: &[f32]) -> Vec<f32> {
        let scale = self.scale(weights);
        weights.iter().map(|&x| self.integer(x, scale) * scale).collect()
    }

    fn integer(self, x: f32, scale: f32) -> f32 {
        let most = self.largest() as f32;
        if scale > 0.0 { nearest((x / scale).clamp(-most, most)) } else { 0.0 }
    }
}

/// What [`f32::round`] makes of a number below 2^16, without a call, so that it is done in vectors.
fn nearest(x: f32) -> f32 {
    /// What is added to this loses its fraction: the nearest even integer for a half.
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    let even = (x + WHOLE) - WHOLE;
    let away = if x - even == 0.5_f32.copysign(x) { 1.0_f32.copysign(x) } else { 0.0 };
    (even + away).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_become_integers_times_a_scale() {
        let bits = Bits::new(4).unwrap();
        assert_eq!(bits.largest(), 7);
        let weights: Vec<f32> = (-7..=7).map(|x| x as f32 * 0.5).collect();
        assert_eq!(bits.rounded(&weights), weights);
        assert_eq!(bits.rounded(&[0.0, 0.0]), [0.0, 0.0]);
        // A weight far out is cut off, up to half: the others are finer.
        let outlier: Vec<f32> = (0..1000).map(|x| (x as f32).sin()).chain([2.5]).collect();
        let scale = bits.scale(&outlier);
        assert!(scale < 0.6 * 2.5 / 7.0, "{scale}");
        for (x, rounded) in outlier[..1000].iter().zip(bits.rounded(&outlier)) {
            let integer = rounded / scale;
            assert!((integer - integer.round()).abs() < 1e-4 && integer.abs() < 7.01);
            assert!((x - rounded).abs() <= 0.51 * scale, "{x} {rounded}");
        }
    }

    #[test]
    fn the_nearest_integer_is_that_of_round() {
        let halves = (-140_000..=140_000).map(|x| x as f32 / 4.0);
        for x in halves.filter(|x| x.abs() < 65_536.0) {
            for x in [x.next_down(), x, x.next_up()] {
                // A zero keeps its sign.
                assert_eq!(nearest(x).to_bits(), x.round().to_bits(), "{x}");
            }
        }
        assert_eq!(nearest(-0.0).to_bits(), (-0.0_f32).to_bits());
    }

    #[test]
    fn rounding_again_changes_nothing() {
        let bits = Bits::new(6).unwrap();
        let weights: Vec<f32> = (0..500).map(|x| (x as f32 * 0.37).sin().powi(3)).collect();
        let once = bits.rounded(&weights);
        for (once, twice) in once.iter().zip(bits.rounded(&once)) {
            assert!((once - twice).abs() < 1e-6, "{once} {twice}");
        }
    }
}
