//! What a compiled network will cost.

use blindsight_contract::Forecast;
use blindsight_engine::{Checked, Program};
use blindsight_model::plain::PlainError;
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use crate::compile::Task;
use crate::contract::Formats;
use crate::cost;
use crate::residual::lowering::Lowered;
use crate::residual::packing::SLOTS;
use crate::simulate::{self, ProgramNoise, Simulation};

pub(crate) fn forecast(
    program: &Program,
    checked: &Checked,
    formats: &Formats,
    lowered: &Lowered,
    fill: f64,
    task: Task<'_>,
) -> Result<Forecast, PlainError> {
    let exact = scores(lowered, task.samples, lowered.exact())?;
    let polynomial = |block: usize, u: f64| program.activations[block].eval(fill * u);
    let approximate = scores(lowered, task.samples, polynomial)?;
    let simulation = Simulation::new(program, formats, SLOTS);
    let noise = ProgramNoise::new(program, checked, formats);
    let score_error =
        simulate::with_approximations(&simulation, &noise, task.samples, &exact, &approximate);
    Ok(Forecast {
        seconds: cost::seconds(program, checked, task.machine),
        memory_bytes: cost::memory_bytes(program, checked),
        log2_failure: cost::log2_failure(program, checked),
        score_error: score_error * f64::from(lowered.head.bound),
    })
}

/// The scores of inputs with these functions as activations, in units of their bound.
fn scores(
    lowered: &Lowered,
    samples: &[Tensor],
    function: impl Fn(usize, f64) -> f64 + Sync,
) -> Result<Vec<Vec<f64>>, PlainError> {
    let scores = |sample: &Tensor| {
        let scores = lowered.run(sample, &function)?;
        Ok(scores.into_iter().map(f64::from).collect())
    };
    samples.par_iter().map(scores).collect()
}
