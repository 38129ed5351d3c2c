//! A whole network: program, contract, and what they will cost.

use std::sync::Arc;

use blindsight_ckks::keys::KeyError;
use blindsight_ckks::parameters::{Literal, ParameterError, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::activation::FitError;
use blindsight_ckks_eval::bootstrap::{BootstrapLiteral, BootstrapParameterError};
use blindsight_contract::Contract;
use blindsight_engine::{Bundle, BundleError, Program, ProgramError, ValueType};
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::Graph;
use blindsight_model::plain::PlainError;
use blindsight_model::tensor::Tensor;
use thiserror::Error;

use crate::block::{self, Values};
use crate::emit::Emitter;
use crate::formats::{ANSWER_PERIOD, request_level};
use crate::lowering::{Lowered, LoweringError};
use crate::{contract, forecast, head};

/// What a network does not say of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The model's name in the protocol.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// How an input is prepared.
    pub input: InputRule,
}

/// How an input is prepared.
#[derive(Debug, Clone, PartialEq)]
pub enum InputRule {
    /// A picture: `(value / 255 - mean) / deviation` for each channel.
    Picture {
        /// One mean a channel.
        mean: Vec<f32>,
        /// One standard deviation a channel.
        deviation: Vec<f32>,
    },
    /// Numbers as they are.
    Tensor,
}

/// A compiled model.
#[derive(Debug)]
pub struct Compiled {
    /// What clients must know.
    pub contract: Contract,
    /// What the evaluator runs.
    pub program: Program,
    /// The network in the units of the program.
    pub lowered: Lowered,
    /// The bytes that the loaded model occupies in memory.
    pub loaded_bytes: u64,
}

/// Why a network cannot be compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The network is of a kind that cannot be run encrypted.
    #[error(transparent)]
    Lowering(#[from] LoweringError),
    /// The parameter set is wrong.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The bootstrap does not fit the parameter set.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapParameterError),
    /// The parameter set has no keys of a shape that is needed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A feature map fits no layout.
    #[error(
        "block {block}: a feature map of {channels} channels of {side} x {side} fits no layout"
    )]
    Layout {
        /// Index of the block.
        block: usize,
        /// Channels of the feature map.
        channels: usize,
        /// Rows and columns.
        side: usize,
    },
    /// The input does not fit a request.
    #[error("an input of {0} does not fit a request")]
    Input(blindsight_model::tensor::Shape),
    /// An activation cannot be fitted.
    #[error("block {block}: {source}")]
    Fit {
        /// Index of the block.
        block: usize,
        /// What is wrong.
        source: FitError,
    },
    /// An activation's approximation is too far off on the range that it must cover.
    #[error("block {block}: the activation's approximation is off by {error:.3} of its range")]
    PoorFit {
        /// Index of the block.
        block: usize,
        /// The error, root mean square, relative to the range.
        error: f64,
    },
    /// More classes than an answer has room for.
    #[error("an answer has room for {ANSWER_PERIOD} classes, the network has {0}")]
    Classes(usize),
    /// The description names more or fewer classes than the network has.
    #[error("{given} names of classes are given, but the network has {found} classes")]
    ClassNames {
        /// Names given.
        given: usize,
        /// Classes of the network.
        found: usize,
    },
    /// What was emitted is no program: a mistake of this compiler.
    #[error("the compiler made a program that cannot be run: {0}")]
    Program(#[from] ProgramError),
    /// A sample is of another shape than the network's input.
    #[error(transparent)]
    Plain(#[from] PlainError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// Compiles a graph without batch normalisations. The samples, some of the calibration's inputs,
/// tell how far the scores of the encrypted run will be off.
///
/// # Errors
/// When the network cannot be run encrypted, or does not fit its calibration or description: see
/// [`CompileError`].
pub fn compile(
    graph: &Graph,
    calibration: &Calibration,
    description: &Description,
    samples: &[Tensor],
) -> Result<Compiled, CompileError> {
    let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15())?);
    let bootstrap = BootstrapParameters::new(set.clone(), BootstrapLiteral::degree_15())?;
    let lowered = Lowered::new(graph, calibration)?;
    let (given, found) = (description.classes.len(), lowered.head.bias.len());
    if given != found {
        return Err(CompileError::ClassNames { given, found });
    }
    let program = emit(&bootstrap, &lowered)?;
    let request = ValueType { level: request_level(&bootstrap), scale: bootstrap.linear_scale() };
    let checked = program.check(&set, request)?;
    let loaded_bytes = program.encoded_byte_len(&set);
    let forecast = forecast::forecast(&program, &checked, &lowered, loaded_bytes, samples)?;
    let contract = contract::contract(&checked, &lowered, description, forecast)?;
    Ok(Compiled { contract, program, lowered, loaded_bytes })
}

fn emit(bootstrap: &BootstrapParameters, lowered: &Lowered) -> Result<Program, CompileError> {
    let mut emitter = Emitter::new(bootstrap);
    let mut values = Values::default();
    for (index, block) in lowered.blocks.iter().enumerate() {
        let result = block::emit(&mut emitter, index, block, &values)?;
        values.blocks.push(result);
        emitter.next_layer();
    }
    head::emit(&mut emitter, lowered, values.blocks[lowered.head.source])?;
    Ok(emitter.finish())
}

impl Compiled {
    /// The file of the compiled model.
    ///
    /// # Errors
    /// When a text of the description would be refused by clients.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CompileError> {
        Ok(Bundle::write(&self.contract, &self.program, self.loaded_bytes)?)
    }
}
