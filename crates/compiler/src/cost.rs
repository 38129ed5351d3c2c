//! What the steps of a program cost.

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_ckks_eval::polynomial;
use blindsight_engine::{Checked, Operation, Program};

/// Seconds of the steps of a program on the machine of docs/benchmarks.md: two cores of an AMD EPYC
/// with AVX-512 IFMA. Older cores with the same instructions were seen to take 1.7 times as long.
/// Those for a limb are for a limb of the ring of degree `2^15`.
mod seconds {
    /// A bootstrap.
    pub(super) const BOOTSTRAP: f64 = 0.1727;
    /// A key switch of a linear layer, for each digit and each limb that it works on, special primes
    /// included.
    pub(super) const KEY_SWITCH_LIMB: f64 = 0.000_043;
    /// A weighted copy in a sum, for each limb.
    pub(super) const TERM_LIMB: f64 = 0.000_004_3;
    /// What a key switch of a linear layer takes whatever its size: threads wait for each other.
    pub(super) const KEY_SWITCH: f64 = 0.000_19;
    /// A byte of weights, read from memory.
    pub(super) const WEIGHT_BYTE: f64 = 1e-10;
}

/// The evaluator's memory beside matrices, weights and keys: ciphertexts and digits of one run, and
/// the program itself. Measured (docs/benchmarks.md).
const WORKING_BYTES: u64 = 250_000_000;

/// The bytes of memory that one client's run takes.
pub(crate) fn memory_bytes(program: &Program, checked: &Checked) -> u64 {
    let set = checked.circuit.set();
    let keys = checked.keys.specs().iter();
    let keys: usize = keys.map(|spec| EvaluationKey::expanded_byte_len(set, spec)).sum();
    let bootstrap = checked.circuit.bootstrap();
    let matrices = bootstrap.map_or(0, |b| b.encoded_byte_len().unwrap_or(0));
    (keys + matrices) as u64 + program.encoded_byte_len(set) + WORKING_BYTES
}

/// The seconds of so many bootstraps.
pub(crate) fn bootstraps(count: usize) -> f64 {
    count as f64 * seconds::BOOTSTRAP
}

/// The seconds that a run takes.
pub(crate) fn seconds(program: &Program, checked: &Checked) -> f64 {
    let degree = checked.circuit.set().log_degree();
    // An NTT of N coefficients takes N log N steps.
    let ring = 2_f64.powi(degree as i32 - 15) * f64::from(degree) / 15.0;
    let steps = program.steps.iter().map(|step| match &step.operation {
        Operation::Bootstrap { .. } => seconds::BOOTSTRAP,
        operation => {
            let switches = switches(program, operation) as f64;
            switches * seconds::KEY_SWITCH + ring * limb_seconds(program, checked, operation)
        }
    });
    let weights = program.encoded_byte_len(checked.circuit.set()) as f64;
    steps.sum::<f64>() + weights * seconds::WEIGHT_BYTE
}

/// The key switches of a step that is no bootstrap.
fn switches(program: &Program, operation: &Operation) -> usize {
    match operation {
        Operation::Transform { transform, .. } => {
            let plan: &TransformPlan = &program.transforms[*transform];
            let steps = plan.nodes.iter().filter(|node| matches!(node, Node::Step { .. })).count();
            steps + plan.sums.len() - 1
        }
        Operation::Rotate { .. } | Operation::Square { .. } => 1,
        Operation::Polynomial { polynomial, .. } => {
            // Powers on the way up, products on the way down: about two a level.
            2 * polynomial::depth(program.polynomials[*polynomial].coefficients.len())
        }
        Operation::Bootstrap { .. }
        | Operation::Combine { .. }
        | Operation::AddPlaintext { .. }
        | Operation::Rescale { .. } => 0,
    }
}

/// The seconds of a step in the ring of degree `2^15`.
fn limb_seconds(program: &Program, checked: &Checked, operation: &Operation) -> f64 {
    let switch = |level: usize| {
        let Ok(layout) = checked.circuit.key_levels().at(level) else { return 0.0 };
        let digits = layout.digits.iter().filter(|digit| digit.start < level).count();
        let limbs = level + layout.special.wide + layout.special.narrow;
        (digits * limbs) as f64 * seconds::KEY_SWITCH_LIMB
    };
    match operation {
        Operation::Transform { transform, .. } => {
            let plan: &TransformPlan = &program.transforms[*transform];
            let limbs = plan.level + plan.giant_special.wide + plan.giant_special.narrow;
            let terms: usize = plan.sums.iter().map(Vec::len).sum();
            switches(program, operation) as f64 * switch(plan.level)
                + (terms * limbs) as f64 * seconds::TERM_LIMB
        }
        Operation::Rotate { input, .. } => {
            let level = checked.values[*input].level;
            match checked.circuit.bootstrap() {
                // By a key from a higher level, with more special primes.
                Some(_) => 2.0 * level as f64 * seconds::KEY_SWITCH_LIMB,
                None => switch(level),
            }
        }
        Operation::Square { input } => switch(checked.values[*input].level),
        Operation::Polynomial { input, polynomial } => {
            let depth = polynomial::depth(program.polynomials[*polynomial].coefficients.len());
            let top = checked.values[*input].level;
            (top - depth + 1..=top).map(|level| 2.0 * switch(level)).sum()
        }
        Operation::Bootstrap { .. }
        | Operation::Combine { .. }
        | Operation::AddPlaintext { .. }
        | Operation::Rescale { .. } => 0.0,
    }
}
