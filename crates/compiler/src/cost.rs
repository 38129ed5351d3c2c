//! What the steps of a program cost.

use std::collections::HashSet;

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_ckks_eval::polynomial;
use blindsight_engine::{Checked, Operation, Program};
use serde::{Deserialize, Serialize};

/// Seconds of the steps of a program on the machine of docs/benchmarks.md: two cores of an AMD EPYC
/// with AVX-512 IFMA. Older cores with the same instructions were seen to take 1.7 times as long.
/// Those for a limb are for a limb of the ring of degree `2^15`.
mod seconds {
    /// A transform of a limb, with its part of what comes between transforms: key switches are made
    /// of them.
    pub(super) const LIMB: f64 = 0.000_036;
    /// What a key switch takes whatever its size: threads wait for each other.
    pub(super) const KEY_SWITCH: f64 = 0.000_03;
    /// A weighted copy in a sum, for each limb.
    pub(super) const TERM_LIMB: f64 = 0.000_003_5;
    /// A byte of weights, read from memory.
    pub(super) const WEIGHT_BYTE: f64 = 7e-11;
    /// A multiply-add of a network on batches, one thread.
    pub(super) const MULTIPLY_ADD: f64 = 0.6e-10;
    /// A byte of a ciphertext's uniform half, expanded from its seed and read from its request, one
    /// thread.
    pub(super) const EXPANDED_BYTE: f64 = 1e-9;
}

/// How fast a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Seconds of a bootstrap.
    pub bootstrap: f64,
    /// How many times as long everything else takes as on the machine of docs/benchmarks.md.
    pub linear: f64,
}

impl Default for Machine {
    /// That of docs/benchmarks.md, with two threads.
    fn default() -> Self {
        Self { bootstrap: 0.1727, linear: 1.0 }
    }
}

impl Machine {
    /// A machine on which so many bootstraps took `seconds[0]`, and the rest of a program's steps
    /// `seconds[1]`, of which the forecast for the usual machine is known; `None` when that says
    /// nothing.
    #[must_use]
    pub fn measured(bootstraps: usize, seconds: [f64; 2], forecast: f64) -> Option<Self> {
        let count = bootstraps as f64;
        let machine = Self {
            bootstrap: seconds[0] / count,
            linear: seconds[1] / (forecast - count * Self::default().bootstrap),
        };
        machine.is_sound().then_some(machine)
    }

    /// Whether its figures are possible.
    #[must_use]
    pub fn is_sound(self) -> bool {
        let sound = |x: f64| x.is_finite() && x > 0.0;
        sound(self.bootstrap) && sound(self.linear)
    }
}

/// The bootstraps of a program.
#[must_use]
pub fn count_bootstraps(program: &Program) -> usize {
    let steps = program.steps.iter();
    steps.filter(|step| matches!(step.operation, Operation::Bootstrap { .. })).count()
}

/// `log2` of the probability that a run fails by chance. No event spoils one here: noise is far from
/// the moduli, and nothing is raised. Contracts want a number; this is that of guessing the key.
pub(crate) const NO_FAILURE: f64 = -128.0;

/// `log2` of the probability that a run fails by chance.
pub(crate) fn log2_failure(program: &Program, checked: &Checked) -> f64 {
    let Some(bootstrap) = checked.circuit.bootstrap() else { return NO_FAILURE };
    let one = bootstrap.log2_failure().unwrap_or(0.0);
    (one + (count_bootstraps(program).max(1) as f64).log2()).min(0.0)
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

/// The seconds that a batch takes: multiply-adds of all residues, and bytes that are expanded from
/// seeds, on two threads.
pub(crate) fn batch_seconds(multiply_adds: u64, expanded: u64) -> f64 {
    (multiply_adds as f64 * seconds::MULTIPLY_ADD + expanded as f64 * seconds::EXPANDED_BYTE) / 2.0
}

/// The seconds that a run takes.
pub(crate) fn seconds(program: &Program, checked: &Checked, machine: Machine) -> f64 {
    let primitives = Primitives::new(checked.circuit.set().log_degree());
    let steps = program.steps.iter();
    let steps = steps.map(|step| step_seconds(program, checked, primitives, &step.operation));
    let weights = program.encoded_byte_len(checked.circuit.set()) as f64;
    let linear = steps.sum::<f64>() + weights * Primitives::WEIGHT_BYTE;
    count_bootstraps(program) as f64 * machine.bootstrap + linear * machine.linear
}

/// What a key switch works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySize {
    pub(crate) digits: usize,
    /// Special primes included.
    pub(crate) limbs: usize,
    pub(crate) special: usize,
}

/// The kinds of key switches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeySwitch {
    /// A copy of a transform, made of another: its first half stays multiplied by the special primes.
    Baby,
    /// The same with digits that were made for a sibling.
    Sibling,
    /// Of a sum that is multiplied by the special primes.
    Giant,
    /// A ciphertext's.
    Alone,
}

impl KeySize {
    /// The transforms of limbs. Digits are made by one for each limb of each; what comes out is
    /// divided by the special primes, by one for each limb of a half.
    const fn transforms(self, step: KeySwitch) -> usize {
        let Self { digits, limbs, special } = self;
        match step {
            KeySwitch::Sibling => limbs,
            KeySwitch::Baby => (digits + 1) * limbs,
            KeySwitch::Giant => (digits + 1) * limbs + 2 * special,
            KeySwitch::Alone => (digits + 2) * limbs,
        }
    }
}

/// Seconds of what steps are made of, in a ring, on the usual machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Primitives {
    /// How many times as long as in the ring of degree `2^15`.
    ring: f64,
}

impl Primitives {
    /// Those in the ring of this degree.
    pub(crate) fn new(log_degree: u32) -> Self {
        // An NTT of N coefficients takes N log N steps.
        Self { ring: 2_f64.powi(log_degree as i32 - 15) * f64::from(log_degree) / 15.0 }
    }

    /// A key switch.
    pub(crate) fn key_switch(self, key: KeySize, step: KeySwitch) -> f64 {
        seconds::KEY_SWITCH + self.ring * key.transforms(step) as f64 * seconds::LIMB
    }

    /// A weighted copy of so many limbs in a sum.
    pub(crate) fn weighted_copy(self, limbs: usize) -> f64 {
        self.ring * limbs as f64 * seconds::TERM_LIMB
    }

    /// A byte of weights, read at every run.
    pub(crate) const WEIGHT_BYTE: f64 = seconds::WEIGHT_BYTE;
}

/// The seconds of a step; nothing for a bootstrap, which is counted for itself.
fn step_seconds(
    program: &Program,
    checked: &Checked,
    primitives: Primitives,
    operation: &Operation,
) -> f64 {
    let switch = |level: usize, step: KeySwitch| {
        let Ok(layout) = checked.circuit.key_levels().at(level) else { return 0.0 };
        let digits = layout.digits.iter().filter(|digit| digit.start < level).count();
        let special = layout.special.wide + layout.special.narrow;
        primitives.key_switch(KeySize { digits, limbs: level + special, special }, step)
    };
    match operation {
        Operation::Transform { transform, .. } => {
            let plan: &TransformPlan = &program.transforms[*transform];
            let (babies, siblings) = babies(&plan.nodes);
            let limbs = plan.level + plan.giant_special.wide + plan.giant_special.narrow;
            let terms: usize = plan.sums.iter().map(Vec::len).sum();
            babies as f64 * switch(plan.level, KeySwitch::Baby)
                + siblings as f64 * switch(plan.level, KeySwitch::Sibling)
                + (plan.sums.len() - 1) as f64 * switch(plan.level, KeySwitch::Giant)
                + terms as f64 * primitives.weighted_copy(limbs)
        }
        Operation::Rotate { input, .. } | Operation::Square { input, .. } => {
            switch(checked.values[*input].level, KeySwitch::Alone)
        }
        Operation::Polynomial { input, polynomial } => {
            // Powers on the way up, products on the way down: about two a level.
            let depth = polynomial::depth(program.polynomials[*polynomial].coefficients.len());
            let top = checked.values[*input].level;
            let levels = top - depth + 1..=top;
            levels.map(|level| 2.0 * switch(level, KeySwitch::Alone)).sum()
        }
        Operation::Request { .. }
        | Operation::Bootstrap { .. }
        | Operation::Combine { .. }
        | Operation::AddPlaintext { .. }
        | Operation::Rescale { .. } => 0.0,
    }
}

/// Copies that need digits of their own, and those that share a sibling's.
fn babies(nodes: &[Node]) -> (usize, usize) {
    let mut parents = HashSet::new();
    let steps = nodes.iter().filter_map(|node| match node {
        Node::Step { from, .. } => Some(*from),
        Node::Input { .. } => None,
    });
    let first = |from: &usize| parents.insert(*from);
    let (own, shared): (Vec<usize>, Vec<usize>) = steps.partition(first);
    (own.len(), shared.len())
}

#[cfg(test)]
mod tests {
    use super::Machine;

    #[test]
    fn machines_are_measured_by_what_they_run() {
        let usual = Machine::default();
        let seconds = [19.0 * usual.bootstrap, 0.6];
        let same = Machine::measured(19, seconds, seconds[0] + seconds[1]).unwrap();
        assert!((same.bootstrap - usual.bootstrap).abs() < 1e-12, "{same:?}");
        assert!((same.linear - usual.linear).abs() < 1e-12, "{same:?}");
        let slow = Machine::measured(19, [19.0, 1.2], seconds[0] + 0.6).unwrap();
        assert!((slow.bootstrap - 1.0).abs() < 1e-12 && (slow.linear - 2.0).abs() < 1e-12);
        for senseless in
            [Machine::measured(0, [0.0, 1.0], 1.0), Machine::measured(3, [1.0; 2], 0.1)]
        {
            assert_eq!(senseless, None);
        }
    }
}
