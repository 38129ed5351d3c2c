//! Levels, scales and lifetimes of a program's values, by running it on types.

use std::sync::Arc;

use blindsight_ckks::keys::KeyList;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_ckks_eval::polynomial;

use super::{Circuit, Operation, PlaintextData, PolynomialData, Program, ProgramError, Value};

/// The level and scale of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueType {
    /// Limbs.
    pub level: usize,
    /// Scale.
    pub scale: f64,
}

/// A program that can be run, with what follows from its steps.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The scheme, and the bootstrap under it.
    pub circuit: Circuit,
    /// For each value, its level and scale.
    pub values: Vec<ValueType>,
    /// For each step, the values that nobody reads after it.
    pub dead_after: Vec<Vec<Value>>,
    /// The keys that the steps use.
    pub keys: KeyList,
}

/// Relative difference up to which two scales count as equal.
const SCALE_TOLERANCE: f64 = 1e-6;

impl Program {
    /// Checks the program from the request's level and scale on. What passes runs without any error
    /// but a missing key.
    ///
    /// # Errors
    /// When a step cannot be done: see [`ProgramError`].
    pub fn check(
        &self,
        set: &Arc<Parameters>,
        request: ValueType,
    ) -> Result<Checked, ProgramError> {
        for (index, plan) in self.transforms.iter().enumerate() {
            check_plan(index, plan, set)?;
        }
        for (index, plaintext) in self.plaintexts.iter().enumerate() {
            check_plaintext(index, plaintext, set)?;
        }
        for (index, polynomial) in self.polynomials.iter().enumerate() {
            check_polynomial(index, polynomial)?;
        }
        self.check_steps(set, request)
    }

    /// The same, of a program whose constants have been checked: their numbers may be gone.
    pub(crate) fn check_steps(
        &self,
        set: &Arc<Parameters>,
        request: ValueType,
    ) -> Result<Checked, ProgramError> {
        let circuit = Circuit::new(set.clone(), self.bootstrap.clone())?;
        if self.steps.is_empty() {
            return Err(ProgramError::Empty);
        }
        if !((1..=set.top_level()).contains(&request.level) && is_scale(request.scale)) {
            let (level, scale) = (request.level, request.scale.log2());
            return Err(ProgramError::Request { level, scale });
        }
        let mut types = Types { program: self, circuit: &circuit, values: vec![request] };
        for step in 0..self.steps.len() {
            let result = types.result(step)?;
            types.values.push(result);
        }
        let values = types.values;
        let keys = self.key_list(&circuit, &values)?;
        Ok(Checked { dead_after: self.dead_after(), circuit, values, keys })
    }

    fn dead_after(&self) -> Vec<Vec<Value>> {
        let mut last_reader = vec![0; self.steps.len() + 1];
        for (index, step) in self.steps.iter().enumerate() {
            for input in step.operation.inputs() {
                last_reader[input] = index;
            }
            // What nobody reads dies at once.
            last_reader[index + 1] = index;
        }
        // The answer outlives the run.
        last_reader[self.steps.len()] = usize::MAX;
        let mut dead = vec![Vec::new(); self.steps.len()];
        for (value, &reader) in last_reader.iter().enumerate() {
            if let Some(dead) = dead.get_mut(reader) {
                dead.push(value);
            }
        }
        dead
    }
}

/// The types of the values so far.
struct Types<'a> {
    program: &'a Program,
    circuit: &'a Circuit,
    values: Vec<ValueType>,
}

impl Types<'_> {
    fn result(&self, step: usize) -> Result<ValueType, ProgramError> {
        let program = self.program;
        let set = self.circuit.set();
        let current = &program.steps[step];
        let operation = &current.operation;
        let before = step.checked_sub(1).map_or(0, |before| program.steps[before].layer);
        if !(before..=before + 1).contains(&current.layer) {
            return Err(ProgramError::Layer { step, layer: current.layer });
        }
        let operand = || ProgramError::Operand { step, operation: operation.name() };
        if operation.inputs().any(|input| input >= self.values.len()) {
            return Err(operand());
        }
        let at = At { step, operation: operation.name() };
        let value = |input: &Value| self.values[*input];
        Ok(match operation {
            // All ciphertexts of a request have one level and scale.
            Operation::Request { ciphertext: 1.. } => self.values[0],
            Operation::Request { .. } => return Err(operand()),
            Operation::Transform { input, transform } => {
                let plan = program.transforms.get(*transform).ok_or_else(operand)?;
                at.level(value(input).level, plan.level)?;
                self.check_special(step, plan)?;
                let scale = value(input).scale * plan.gain(set);
                at.some_scale(scale)?;
                ValueType { level: plan.level - plan.rescales, scale }
            }
            Operation::Rotate { input, .. } => value(input),
            Operation::Combine { terms } => {
                let (_, first) = terms.first().ok_or_else(operand)?;
                let mut result = value(first);
                for (_, term) in terms {
                    at.scale(value(term).scale, result.scale)?;
                    result.level = result.level.min(value(term).level);
                }
                result
            }
            Operation::AddPlaintext { input, plaintext } => {
                let plaintext = program.plaintexts.get(*plaintext).ok_or_else(operand)?;
                let (own, other) = (plaintext.level, value(input).level);
                at.level(own.min(other), own.max(other))?;
                at.scale(plaintext.scale, value(input).scale)?;
                value(input)
            }
            Operation::Bootstrap { input, activation } => {
                let activation = program.activations.get(*activation).ok_or_else(operand)?;
                let bootstrap = self.circuit.bootstrap().ok_or_else(operand)?;
                let levels = bootstrap.levels();
                at.level(value(input).level, levels.slots_to_coefficients)?;
                at.scale(value(input).scale, bootstrap.linear_scale())?;
                let depth = polynomial::depth(activation.coefficients().len());
                at.level(levels.activation, levels.linear + depth)?;
                ValueType { level: levels.activation - depth, scale: bootstrap.linear_scale() }
            }
            Operation::Square { input, rescales } => {
                let ValueType { level, scale } = value(input);
                at.level(level, rescales.saturating_add(1))?;
                let kept = level - rescales;
                let dropped = (kept + 1..=level).map(|level| set.prime(level));
                let scale = scale * scale / dropped.product::<f64>();
                at.some_scale(scale)?;
                ValueType { level: kept, scale }
            }
            Operation::Polynomial { input, polynomial } => {
                let data = program.polynomials.get(*polynomial).ok_or_else(operand)?;
                let depth = polynomial::depth(data.coefficients.len());
                at.level(value(input).level, depth + 1)?;
                ValueType { level: value(input).level - depth, scale: data.scale }
            }
            Operation::Rescale { input, level, scale } => {
                at.level(*level, 1)?;
                at.level(value(input).level, level.saturating_add(1))?;
                at.some_scale(*scale)?;
                ValueType { level: *level, scale: *scale }
            }
        })
    }

    /// A transform's sums meet only if its keys have the special primes that it is made for.
    fn check_special(&self, step: usize, plan: &TransformPlan) -> Result<(), ProgramError> {
        let baby = plan.nodes.iter().any(|node| matches!(node, Node::Step { .. }));
        let giant = plan.giant.is_some() && plan.sums.len() > 1;
        let used = [baby.then_some(plan.baby_special), giant.then_some(plan.giant_special)];
        for special in used.into_iter().flatten() {
            if self.circuit.key_levels().at(plan.level)?.special != special {
                return Err(ProgramError::Special { step });
            }
        }
        Ok(())
    }
}

/// Where a check is made.
struct At {
    step: usize,
    operation: &'static str,
}

impl At {
    fn level(&self, actual: usize, needed: usize) -> Result<(), ProgramError> {
        let &Self { step, operation } = self;
        if actual >= needed {
            return Ok(());
        }
        Err(ProgramError::Level { step, operation, actual, needed })
    }

    /// Any scale will do that is one.
    fn some_scale(&self, actual: f64) -> Result<(), ProgramError> {
        let &Self { step, operation } = self;
        if is_scale(actual) {
            return Ok(());
        }
        Err(ProgramError::Scale { step, operation, actual: actual.log2(), needed: 0.0 })
    }

    fn scale(&self, actual: f64, needed: f64) -> Result<(), ProgramError> {
        let &Self { step, operation } = self;
        // Written so that a NaN fails.
        if (actual / needed - 1.0).abs() < SCALE_TOLERANCE {
            return Ok(());
        }
        let (actual, needed) = (actual.log2(), needed.log2());
        Err(ProgramError::Scale { step, operation, actual, needed })
    }
}

/// Checks a transform with its numbers.
pub(crate) fn check_plan(
    index: usize,
    plan: &TransformPlan,
    set: &Parameters,
) -> Result<(), ProgramError> {
    plan.check(set).map_err(|source| ProgramError::Plan { index, source })
}

/// Checks a plaintext with its numbers.
pub(crate) fn check_plaintext(
    index: usize,
    plaintext: &PlaintextData,
    set: &Parameters,
) -> Result<(), ProgramError> {
    let count = plaintext.values.len();
    let sound = count.is_power_of_two()
        && count <= set.slots()
        && plaintext.values.iter().all(|value| value.is_finite())
        && (1..=set.top_level()).contains(&plaintext.level)
        && is_scale(plaintext.scale);
    if sound { Ok(()) } else { Err(ProgramError::Plaintext { index }) }
}

/// Most coefficients of a polynomial: more would take more levels than there are.
const MOST_COEFFICIENTS: usize = 1 << 10;

/// Checks a polynomial with its numbers.
pub(crate) fn check_polynomial(
    index: usize,
    polynomial: &PolynomialData,
) -> Result<(), ProgramError> {
    let coefficients = &polynomial.coefficients;
    let sound = (1..=MOST_COEFFICIENTS).contains(&coefficients.len())
        && coefficients.iter().all(|c| c.is_finite())
        && is_scale(polynomial.scale);
    if sound { Ok(()) } else { Err(ProgramError::Polynomial { index }) }
}

fn is_scale(scale: f64) -> bool {
    scale.is_finite() && scale >= 1.0
}
