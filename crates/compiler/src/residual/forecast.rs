//! What a compiled network will cost.

use blindsight_ckks_eval::BootstrapParameters;
use blindsight_contract::Forecast;
use blindsight_engine::{Checked, Program};
use blindsight_model::plain::PlainError;
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use crate::compile::Task;
use crate::cost;
use crate::noise::{self, Gaussian};
use crate::residual::lowering::Lowered;

pub(crate) fn forecast(
    program: &Program,
    checked: &Checked,
    lowered: &Lowered,
    bootstrap: &BootstrapParameters,
    task: Task<'_>,
) -> Result<Forecast, PlainError> {
    Ok(Forecast {
        seconds: cost::seconds(program, checked, task.machine),
        memory_bytes: cost::memory_bytes(program, checked),
        log2_failure: cost::log2_failure(program, checked),
        score_error: score_error(program, lowered, bootstrap, task.samples)?,
    })
}

/// The error of a score, root mean square over the samples: the network with the polynomials and
/// the noise of the encrypted run, against the network itself.
fn score_error(
    program: &Program,
    lowered: &Lowered,
    bootstrap: &BootstrapParameters,
    samples: &[Tensor],
) -> Result<f64, PlainError> {
    let squares = samples.par_iter().enumerate().map(|(index, sample)| {
        let mut random = Gaussian::new(index as u64);
        let fill = bootstrap.literal().fill;
        let approximate = |block: usize, u: f64| {
            program.activations[block].eval(fill * u) + noise::OF_BOOTSTRAP * random.next()
        };
        let found = lowered.run(sample, approximate)?;
        let exact = lowered.run(sample, lowered.exact())?;
        let errors = found.iter().zip(&exact).map(|(x, y)| f64::from(x - y).powi(2));
        Ok(errors.sum::<f64>() / found.len() as f64)
    });
    let squares: Vec<f64> = squares.collect::<Result<_, PlainError>>()?;
    let mean = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
    Ok(mean.sqrt() * f64::from(lowered.head.bound))
}
