//! Levels, scales and lifetimes of a program's values, by running it on types.

use std::sync::Arc;

use blindsight_ckks::keys::KeyList;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::{BootstrapParameters, polynomial};

use super::{Operation, PlaintextData, Program, ProgramError, Value};

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
    /// The bootstrap under the scheme.
    pub bootstrap: BootstrapParameters,
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
        let bootstrap = BootstrapParameters::new(set.clone(), self.bootstrap.clone())?;
        for (index, plan) in self.transforms.iter().enumerate() {
            plan.check(set).map_err(|source| ProgramError::Plan { index, source })?;
        }
        for (index, plaintext) in self.plaintexts.iter().enumerate() {
            if !is_sound(plaintext, set) {
                return Err(ProgramError::Plaintext { index });
            }
        }
        if self.steps.is_empty() {
            return Err(ProgramError::Empty);
        }
        let mut types = Types { program: self, bootstrap: &bootstrap, values: vec![request] };
        for step in 0..self.steps.len() {
            let result = types.result(step)?;
            types.values.push(result);
        }
        let values = types.values;
        let keys = self.key_list(&bootstrap, &values)?;
        Ok(Checked { dead_after: self.dead_after(), bootstrap, values, keys })
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
    bootstrap: &'a BootstrapParameters,
    values: Vec<ValueType>,
}

impl Types<'_> {
    fn result(&self, step: usize) -> Result<ValueType, ProgramError> {
        let program = self.program;
        let set = self.bootstrap.set();
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
            Operation::Transform { input, transform } => {
                let plan = program.transforms.get(*transform).ok_or_else(operand)?;
                at.level(value(input).level, plan.level)?;
                ValueType {
                    level: plan.level - plan.rescales,
                    scale: value(input).scale * plan.gain(set),
                }
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
                let levels = self.bootstrap.levels();
                at.level(value(input).level, levels.slots_to_coefficients)?;
                at.scale(value(input).scale, self.bootstrap.linear_scale())?;
                let depth = polynomial::depth(activation.coefficients().len());
                at.level(levels.activation, levels.linear + depth)?;
                ValueType { level: levels.activation - depth, scale: self.bootstrap.linear_scale() }
            }
            Operation::Rescale { input, level, scale } => {
                at.level(*level, 1)?;
                at.level(value(input).level, *level + 1)?;
                if !(scale.is_finite() && *scale >= 1.0) {
                    let (actual, needed) = (scale.log2(), 0.0);
                    let operation = operation.name();
                    return Err(ProgramError::Scale { step, operation, actual, needed });
                }
                ValueType { level: *level, scale: *scale }
            }
        })
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

fn is_sound(plaintext: &PlaintextData, set: &Parameters) -> bool {
    let count = plaintext.values.len();
    count.is_power_of_two()
        && count <= set.slots()
        && plaintext.values.iter().all(|value| value.is_finite())
        && (1..=set.top_level()).contains(&plaintext.level)
        && plaintext.scale.is_finite()
        && plaintext.scale >= 1.0
}
