//! The code of a variational autoencoder.

use ndarray::Axis;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Learning, Maps, Mode};

/// Means and logarithms of variances become what is drawn from these normal distributions (Kingma and
/// Welling 2014). How far they are from the standard one, summed over the code, is added to the loss.
pub(super) struct Latent {
    /// Numbers of the code.
    units: usize,
    source: Maps,
    /// What was drawn from the standard normal distribution.
    drawn: Maps,
    random: ChaCha8Rng,
}

/// Beyond this a variance is zero or overflows, and the slope of its logarithm says nothing.
const MOST_LOGARITHM: f32 = 10.0;

impl Latent {
    pub(super) fn new(units: usize, random: &mut ChaCha8Rng) -> Self {
        let random = ChaCha8Rng::seed_from_u64(random.random());
        Self { units, source: Maps::default((0, 0)), drawn: Maps::default((0, 0)), random }
    }

    /// Mean, logarithm of the variance, and what was drawn, of every number of the code.
    fn numbers(&self) -> impl Iterator<Item = (f32, f32, f32)> {
        let (means, logarithms) = self.source.view().split_at(Axis(1), self.units);
        let pairs = means.into_iter().zip(logarithms);
        pairs.zip(&self.drawn).map(|((mean, log), drawn)| (*mean, held(*log), *drawn))
    }

    fn of_numbers(&self, value: impl Fn((f32, f32, f32)) -> f32) -> Maps {
        let values = self.numbers().map(value).collect();
        let code = Maps::from_shape_vec(self.drawn.dim(), values);
        code.expect("there is a number for each that was drawn")
    }
}

fn held(logarithm: f32) -> f32 {
    logarithm.clamp(-MOST_LOGARITHM, MOST_LOGARITHM)
}

/// Two numbers drawn from the standard normal distribution (Box and Muller 1958).
fn pair(random: &mut ChaCha8Rng) -> [f32; 2] {
    let radius = (-2.0 * random.random_range(f32::MIN_POSITIVE..1.0).ln()).sqrt();
    let (sin, cos) = (std::f32::consts::TAU * random.random::<f32>()).sin_cos();
    [radius * cos, radius * sin]
}

impl Learning for Latent {
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps {
        if !mode.training {
            return source.view().split_at(Axis(1), self.units).0.to_owned();
        }
        let (rows, units) = (source.nrows(), self.units);
        let mut drawn = std::iter::repeat_with(|| pair(&mut self.random)).flatten();
        self.drawn = Maps::from_shape_simple_fn((rows, units), || drawn.next().unwrap_or_default());
        self.source = source;
        self.of_numbers(|(mean, log, drawn)| mean + (0.5 * log).exp() * drawn)
    }

    fn backward(&mut self, gradient: Maps, _: bool) -> Maps {
        let rows = self.source.nrows() as f32;
        let spread = self.of_numbers(|(_, log, drawn)| 0.5 * (0.5 * log).exp() * drawn);
        let from_variance = self.of_numbers(|(_, log, _)| 0.5 * (log.exp() - 1.0) / rows);
        let from_mean = self.of_numbers(|(mean, _, _)| mean / rows);
        let mut back = Maps::zeros(self.source.dim());
        let (mut means, mut logarithms) = back.view_mut().split_at(Axis(1), self.units);
        means.assign(&(&gradient + &from_mean));
        logarithms.assign(&(gradient * &spread + &from_variance));
        back
    }

    /// The divergence of Kullback and Leibler, a mean over the batch.
    fn penalty(&self) -> f64 {
        let of_number =
            |(mean, log, _): (f32, f32, f32)| f64::from(mean * mean + log.exp() - 1.0 - log);
        0.5 * self.numbers().map(of_number).sum::<f64>() / self.source.nrows().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps() -> Maps {
        Maps::from_shape_fn((3, 4), |(row, column)| ((row * 4 + column) as f32 * 1.3).sin())
    }

    const TRAINING: Mode = Mode { training: true, rounding: None, range: None, counting: false };

    #[test]
    fn codes_are_means_when_nothing_is_learnt() {
        let mut layer = Latent::new(2, &mut ChaCha8Rng::seed_from_u64(1));
        let code = layer.forward(maps(), Mode::default());
        assert_eq!(code, maps().select(Axis(1), &[0, 1]));
    }

    /// With the same numbers drawn again, as slopes by differences need.
    #[test]
    fn gradients_are_slopes() {
        let loss = |maps: &Maps| {
            let mut layer = Latent::new(2, &mut ChaCha8Rng::seed_from_u64(1));
            let code = layer.forward(maps.clone(), TRAINING);
            let sum: f64 =
                code.indexed_iter().map(|((r, c), x)| f64::from(*x) * (r + 2 * c) as f64).sum();
            let factors = Maps::from_shape_fn((3, 2), |(r, c)| (r + 2 * c) as f32);
            (sum + layer.penalty(), layer.backward(factors, false))
        };
        let (_, gradient) = loss(&maps());
        for (at, found) in gradient.indexed_iter() {
            let moved = |step: f32| {
                let mut maps = maps();
                maps[at] += step;
                loss(&maps).0
            };
            let measured = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((measured - f64::from(*found)).abs() < 2e-3, "{at:?}: {measured} {found}");
        }
    }

    #[test]
    fn what_is_drawn_is_normal() {
        let mut layer = Latent::new(500, &mut ChaCha8Rng::seed_from_u64(1));
        // Mean 2, deviation 3.
        let source = Maps::from_shape_fn((100, 1000), |(_, column)| match column {
            0..500 => 2.0,
            _ => 2.0 * 3.0_f32.ln(),
        });
        let code = layer.forward(source, TRAINING);
        let (mean, deviation) = (code.mean().unwrap(), code.std(0.0));
        assert!((mean - 2.0).abs() < 0.05 && (deviation - 3.0).abs() < 0.05, "{mean} {deviation}");
        let within = code.iter().filter(|x| (**x - 2.0).abs() < 3.0).count() as f64 / 50_000.0;
        assert!((within - 0.683).abs() < 0.01, "{within}");
        // Half of 4 + 9 - 1 - ln 9 for each number.
        let expected = 250.0 * (12.0 - 9.0_f64.ln());
        assert!((layer.penalty() - expected).abs() < 1e-2 * expected);
    }
}
