//! What a compiled network will cost.

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_contract::Forecast;
use blindsight_engine::{Checked, Operation, Program};
use blindsight_model::plain::PlainError;
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use crate::lowering::Lowered;

/// Seconds of the steps of a program on the machine of docs/benchmarks.md: two cores of an AMD EPYC
/// with AVX-512 IFMA. Older cores with the same instructions were seen to take 1.7 times as long.
mod seconds {
    /// A bootstrap.
    pub(super) const BOOTSTRAP: f64 = 0.1727;
    /// A key switch of a linear layer, for each limb that it works on, special primes included.
    pub(super) const KEY_SWITCH_LIMB: f64 = 0.000_043;
    /// A weighted copy in a sum, for each limb.
    pub(super) const TERM_LIMB: f64 = 0.000_004_3;
}

/// The evaluator's memory beside matrices, weights and keys: ciphertexts and digits of one run, and
/// the program itself. Measured (docs/benchmarks.md).
const WORKING_BYTES: u64 = 250_000_000;

/// The rms error that a bootstrap adds, as a fraction of the range: measured (docs/design.md).
const BOOTSTRAP_NOISE: f64 = 8e-5;

pub(crate) fn forecast(
    program: &Program,
    checked: &Checked,
    lowered: &Lowered,
    loaded_bytes: u64,
    samples: &[Tensor],
) -> Result<Forecast, PlainError> {
    let set = checked.bootstrap.set();
    let keys = checked.keys.specs().iter();
    let keys: usize = keys.map(|spec| EvaluationKey::expanded_byte_len(set, spec)).sum();
    let matrices = checked.bootstrap.encoded_byte_len().unwrap_or(0) as u64;
    let bootstraps = program.activations.len();
    let one = checked.bootstrap.log2_failure().unwrap_or(0.0);
    Ok(Forecast {
        seconds: program.steps.iter().map(|step| cost(program, checked, &step.operation)).sum(),
        memory_bytes: keys as u64 + matrices + loaded_bytes + WORKING_BYTES,
        log2_failure: (one + (bootstraps.max(1) as f64).log2()).min(0.0),
        score_error: score_error(program, lowered, samples)?,
    })
}

fn cost(program: &Program, checked: &Checked, operation: &Operation) -> f64 {
    let limbs = |plan: &TransformPlan| {
        (plan.level + plan.giant_special.wide + plan.giant_special.narrow) as f64
    };
    match operation {
        Operation::Transform { transform, .. } => {
            let plan = &program.transforms[*transform];
            let steps = plan.nodes.iter().filter(|node| matches!(node, Node::Step { .. })).count();
            let switches = steps + plan.sums.len() - 1;
            let terms: usize = plan.sums.iter().map(Vec::len).sum();
            let seconds =
                switches as f64 * seconds::KEY_SWITCH_LIMB + terms as f64 * seconds::TERM_LIMB;
            limbs(plan) * seconds
        }
        Operation::Rotate { input, .. } => {
            2.0 * checked.values[*input].level as f64 * seconds::KEY_SWITCH_LIMB
        }
        Operation::Bootstrap { .. } => seconds::BOOTSTRAP,
        Operation::Combine { .. } | Operation::AddPlaintext { .. } | Operation::Rescale { .. } => {
            0.0
        }
    }
}

/// The error of a score, root mean square over the samples: the network with the polynomials and
/// the noise of the encrypted run, against the network itself.
fn score_error(
    program: &Program,
    lowered: &Lowered,
    samples: &[Tensor],
) -> Result<f64, PlainError> {
    let squares = samples.par_iter().enumerate().map(|(index, sample)| {
        let mut noise = Gaussian(index as u64);
        let fill = program.bootstrap.fill;
        let approximate = |block: usize, u: f64| {
            program.activations[block].eval(fill * u) + BOOTSTRAP_NOISE * noise.next()
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

/// Numbers with variance 1, nearly Gaussian: sums of uniform ones from SplitMix64. They stand for
/// noise in a simulation and have nothing to do with encryption.
struct Gaussian(u64);

impl Gaussian {
    fn next(&mut self) -> f64 {
        let uniform = |state: &mut u64| {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z >> 11) as f64 / (1_u64 << 53) as f64
        };
        let four: f64 = (0..4).map(|_| uniform(&mut self.0)).sum();
        (four - 2.0) * 3_f64.sqrt()
    }
}
