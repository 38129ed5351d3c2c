//! Signs: what they read is noisy, as it is under encryption, and slopes pass straight through.

use blindsight_model::graph::{ActivationKind, SIGN_NOISE};
use ndarray::Zip;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pointwise::Seen;
use super::{Learning, Maps, Mode};

/// Slopes pass where the sign reads no more than this in magnitude, as if it were the identity
/// there (Hubara et al. 2016, *Binarized Neural Networks*).
const WINDOW: f32 = 0.5;

pub(super) struct Sign {
    seen: Seen,
    noise: ChaCha8Rng,
}

impl Sign {
    pub(super) fn new(random: &mut ChaCha8Rng) -> Self {
        Self { seen: Seen::default(), noise: ChaCha8Rng::seed_from_u64(random.random()) }
    }
}

impl Learning for Sign {
    fn forward(&mut self, mut source: Maps, mode: Mode) -> Maps {
        if mode.training {
            // Uniform, which is cheap, with the deviation of what the evaluator may add.
            let most = (3.0_f64.sqrt() * SIGN_NOISE) as f32;
            source.mapv_inplace(|x| x + self.noise.random_range(-most..most));
        }
        self.seen.keep(&source, mode);
        source.mapv_inplace(|x| ActivationKind::Sign.eval(f64::from(x)) as f32);
        source
    }

    fn backward(&mut self, mut gradient: Maps, _: bool) -> Maps {
        Zip::from(&mut gradient).and(self.seen.source()).for_each(|to, x| {
            *to = if x.abs() <= WINDOW { *to } else { 0.0 };
        });
        self.seen.add_slope(&mut gradient);
        gradient
    }

    fn penalty(&self) -> f64 {
        self.seen.penalty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training() -> Mode {
        Mode { training: true, ..Mode::default() }
    }

    #[test]
    fn slopes_pass_within_the_window() {
        let mut sign = Sign::new(&mut ChaCha8Rng::seed_from_u64(1));
        let source = ndarray::arr2(&[[-3.0, -0.25, 0.25, 3.0]]);
        let result = sign.forward(source, training());
        assert_eq!(result, ndarray::arr2(&[[-1.0, -1.0, 1.0, 1.0]]));
        let slopes = sign.backward(ndarray::arr2(&[[1.0, 2.0, 3.0, 4.0]]), false);
        assert_eq!(slopes, ndarray::arr2(&[[0.0, 2.0, 3.0, 0.0]]));
    }

    #[test]
    fn noise_has_its_deviation_and_is_for_training_alone() {
        let mut sign = Sign::new(&mut ChaCha8Rng::seed_from_u64(1));
        sign.forward(Maps::zeros((100, 100)), training());
        let deviation = f64::from(sign.seen.source().std(0.0));
        assert!((deviation / SIGN_NOISE - 1.0).abs() < 0.03, "{deviation}");
        // Without noise nothing is positive.
        let plain = sign.forward(Maps::zeros((100, 100)), Mode::default());
        assert!(plain.iter().all(|x| *x == -1.0));
    }
}
