//! How far scores will be off.

use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use super::{Deviation, ProgramNoise, Simulation};
use crate::noise::Gaussian;

/// Inputs that noise is simulated on. What it does depends little on the input.
const NOISY: usize = 8;

/// The error of a score, root mean square, in units of their bound: of a program with this noise
/// against these scores.
pub(crate) fn of_program(
    simulation: &Simulation<'_>,
    noise: &(impl Deviation + Sync),
    samples: &[Tensor],
    expected: &[Vec<f64>],
) -> f64 {
    let errors = samples.par_iter().zip(expected).enumerate().map(|(index, (sample, expected))| {
        let mut random = Gaussian::new(index as u64 + 1);
        mean_square(&simulation.scores(sample.values(), noise, &mut random), expected)
    });
    let count = samples.len().min(expected.len()).max(1);
    (errors.sum::<f64>() / count as f64).sqrt()
}

/// The same where activations are approximations: what these do to scores is known without the
/// program, and nothing but its noise comes on top.
pub(crate) fn with_approximations(
    simulation: &Simulation<'_>,
    noise: &ProgramNoise<'_>,
    samples: &[Tensor],
    exact: &[Vec<f64>],
    approximate: &[Vec<f64>],
) -> f64 {
    let squares = exact.iter().zip(approximate).map(|(x, y)| mean_square(x, y));
    let of_approximations = squares.sum::<f64>() / exact.len().max(1) as f64;
    let noisy = &samples[..samples.len().min(NOISY)];
    of_approximations.sqrt().hypot(of_program(simulation, noise, noisy, approximate))
}

/// The mean square of the differences between scores.
pub(crate) fn mean_square(x: &[f64], y: &[f64]) -> f64 {
    let squares = x.iter().zip(y).map(|(x, y)| (x - y).powi(2));
    squares.sum::<f64>() / y.len().max(1) as f64
}
