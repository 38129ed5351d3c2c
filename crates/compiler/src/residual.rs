//! Networks of the residual family on the bootstrapped ring: every activation is a functional
//! bootstrap.
//!
//! [`lowering`] turns a graph and the ranges of its values into blocks of convolution, shortcut and
//! activation; [`packing`] says where feature maps lie in the slots; here the steps of the encrypted
//! run are emitted.

mod block;
mod convolution;
mod forecast;
mod formats;
mod head;
pub mod lowering;
pub mod packing;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_engine::{Program, ValueType};

use crate::compile::{CompileError, Emitted, Task};
use crate::contract::{ANSWER_LOG2_MODULUS, Formats};
use crate::emit::Emitter;
use block::Values;
use formats::{ANSWER_PERIOD, ANSWER_SCALE, request_level};
use lowering::Lowered;
use packing::request_boxes;

/// The program of a network of the residual family.
///
/// # Errors
/// When it is of another kind, or does not fit its calibration.
pub(crate) fn emit(task: Task<'_>) -> Result<Emitted, CompileError> {
    let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15())?);
    let bootstrap = BootstrapParameters::new(set.clone(), BootstrapLiteral::degree_15())?;
    let lowered = Lowered::new(task.graph, task.calibration)?;
    let program = program(&bootstrap, &lowered)?;
    let request = ValueType { level: request_level(&bootstrap), scale: bootstrap.linear_scale() };
    let checked = program.check(&set, request)?;
    let boxes = request_boxes(lowered.input, bootstrap.slot_shift());
    let formats = Formats {
        input: lowered.input,
        ciphertexts: 1,
        boxes: boxes.ok_or(CompileError::Input(lowered.input))?,
        answer_log2_modulus: ANSWER_LOG2_MODULUS,
        answer_period: ANSWER_PERIOD,
        answer_scale: ANSWER_SCALE,
        answer_unit: f64::from(lowered.head.bound),
        answer_slots: (0..lowered.head.bias.len() as u32).collect(),
    };
    let fill = bootstrap.literal().fill;
    let forecast = forecast::forecast(&program, &checked, &formats, &lowered, fill, task)?;
    Ok(Emitted { program, checked, formats, forecast })
}

fn program(bootstrap: &BootstrapParameters, lowered: &Lowered) -> Result<Program, CompileError> {
    let mut emitter = Emitter::new(Some(bootstrap.literal().clone()));
    let mut values = Values::default();
    for (index, block) in lowered.blocks.iter().enumerate() {
        let result = block::emit(&mut emitter, bootstrap, index, block, &values)?;
        values.blocks.push(result);
        emitter.next_layer();
    }
    head::emit(&mut emitter, bootstrap, lowered, values.blocks[lowered.head.source])?;
    Ok(emitter.finish())
}
