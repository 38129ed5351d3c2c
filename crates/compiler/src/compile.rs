//! A whole network: program, contract, and what they will cost.

use blindsight_ckks::keys::KeyError;
use blindsight_ckks::parameters::ParameterError;
use blindsight_ckks_eval::activation::FitError;
use blindsight_ckks_eval::batch::BatchPlan;
use blindsight_ckks_eval::bootstrap::BootstrapParameterError;
use blindsight_contract::{Contract, Forecast};
use blindsight_engine::{Bundle, BundleError, Checked, Program, ProgramError};
#[cfg(feature = "exact")]
use blindsight_exact_eval::SignNetwork;
use blindsight_model::calibration::Calibration;
#[cfg(feature = "exact")]
use blindsight_model::graph::ActivationKind;
use blindsight_model::graph::Graph;
use blindsight_model::plain::PlainError;
use blindsight_model::tensor::Tensor;
use thiserror::Error;

use crate::agreement::Purpose;
use crate::batch::BatchRefusal;
use crate::contract::Formats;
use crate::cost::Machine;
use crate::general::{self, GeneralError};
use crate::planner::{Candidate, Goal, Way, Wishes};
use crate::residual::lowering::LoweringError;
#[cfg(feature = "exact")]
use crate::signs;
use crate::{contract, planner, residual};

/// What a network does not say of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The model's name in the protocol.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Names of the classes; none where the result is no scores but features.
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

impl Description {
    fn purpose(&self) -> Purpose {
        if self.classes.is_empty() { Purpose::Features } else { Purpose::Labels }
    }
}

/// A compiled model.
#[derive(Debug)]
pub struct Compiled {
    /// What clients must know.
    pub contract: Contract,
    /// What the evaluator runs.
    pub code: Code,
    /// The bytes that the loaded model occupies in memory.
    pub loaded_bytes: u64,
    /// All ways to run it that were considered.
    pub candidates: Vec<Candidate>,
}

/// What the evaluator runs.
#[derive(Debug)]
pub enum Code {
    /// Steps on the slots of one ciphertext.
    Steps(Program),
    /// A network on batches.
    Batch(BatchPlan),
    /// A network of signs.
    #[cfg(feature = "exact")]
    Signs(SignNetwork),
}

/// Why a network cannot be compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The network is of a kind that cannot be run encrypted.
    #[error(transparent)]
    Lowering(#[from] LoweringError),
    /// The network's matrices fit no ring.
    #[error(transparent)]
    General(#[from] GeneralError),
    /// The network has signs, and is none of signs.
    #[cfg(feature = "exact")]
    #[error(transparent)]
    Signs(#[from] signs::SignsError),
    /// The network cannot be run on batches.
    #[error("on batches: {0}")]
    Batch(#[from] BatchRefusal),
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
    /// No way to run the network needs as little memory as there is.
    #[error("the network needs {:.2} GB of memory, and there are {:.2}", gigabytes(*least), gigabytes(*most))]
    Memory {
        /// Bytes of the smallest way.
        least: u64,
        /// Bytes that there are.
        most: u64,
    },
    /// No way to run the network agrees as often as is asked for.
    #[error("an agreement of {:.2} % is asked for, the best way reaches {:.2} %", wanted * 100.0, best * 100.0)]
    Agreement {
        /// What is asked for.
        wanted: f64,
        /// What can be had.
        best: f64,
    },
    /// More classes than an answer has room for.
    #[error("an answer has room for {most} classes, the network has {found}")]
    Classes {
        /// Classes of the network.
        found: usize,
        /// Classes that there is room for.
        most: usize,
    },
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
/// tell how far the scores of the encrypted run will be off. Of all ways to run it, the one that
/// the wishes prefer.
///
/// # Errors
/// When the network cannot be run encrypted, or does not fit its calibration or description: see
/// [`CompileError`].
pub fn compile(
    graph: &Graph,
    calibration: &Calibration,
    description: &Description,
    samples: &[Tensor],
    wishes: Wishes,
) -> Result<Compiled, CompileError> {
    let (purpose, machine) = (description.purpose(), wishes.machine);
    let task = Task { graph, calibration, samples, purpose, machine };
    task.check_classes(description)?;
    #[cfg(feature = "exact")]
    if has_signs(graph) {
        return signs::compile(task, description, wishes);
    }
    let mut passed = Vec::new();
    if wishes.goal == Goal::Throughput {
        // No other form comes near it, and none is compiled beside it.
        match planner::on_batches(task, description, wishes) {
            Ok((emitted, candidate)) => return Ok(emitted.compiled(candidate)),
            Err(candidate) => passed.push(candidate),
        }
    }
    let task = Task { samples: &samples[..samples.len().min(MOST_SAMPLES)], ..task };
    let mut compiled = task.compile(description, |task| planner::plan(task, wishes))?;
    compiled.candidates.splice(0..0, passed);
    Ok(compiled)
}

/// The same in one way alone, whatever else there is: for measurements.
///
/// # Errors
/// When the network cannot be run in this way, or as for [`compile`].
pub fn compile_as(
    way: Way,
    graph: &Graph,
    calibration: &Calibration,
    description: &Description,
    samples: &[Tensor],
    machine: Machine,
) -> Result<Compiled, CompileError> {
    let task = Task { graph, calibration, samples, purpose: description.purpose(), machine };
    task.check_classes(description)?;
    task.compile(description, |task| planner::only(task, way))
}

/// The most samples that forms for one input are simulated with.
const MOST_SAMPLES: usize = 48;

/// What is compiled, and for which machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) calibration: &'a Calibration,
    /// Inputs that tell how far scores will be off.
    pub(crate) samples: &'a [Tensor],
    /// What its results are for.
    pub(crate) purpose: Purpose,
    pub(crate) machine: Machine,
}

impl Task<'_> {
    fn compile(
        self,
        description: &Description,
        plan: impl FnOnce(Self) -> Result<(Emitted, Vec<Candidate>), CompileError>,
    ) -> Result<Compiled, CompileError> {
        let (emitted, candidates) = plan(self)?;
        let Emitted { program, checked, formats, forecast } = emitted;
        let loaded_bytes = program.encoded_byte_len(checked.circuit.set());
        let contract = contract::contract(&checked, &formats, description, forecast);
        Ok(Compiled { contract, code: Code::Steps(program), loaded_bytes, candidates })
    }

    fn check_classes(self, description: &Description) -> Result<(), CompileError> {
        let found = self.graph.shape(self.graph.output()).elements();
        let given = description.classes.len();
        if given == found || self.purpose == Purpose::Features {
            Ok(())
        } else {
            Err(CompileError::ClassNames { given, found })
        }
    }
}

/// How a network is run encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the packing of the residual family: each block ends in a bootstrap.
    Residual,
    /// On a ring whose chain carries all of it.
    Leveled,
    /// As matrices between bootstraps.
    Bootstrapped,
    /// As sums and signs, by TFHE.
    #[cfg(feature = "exact")]
    Signs,
}

/// Whether a sign is one of its activations: no polynomial stands for it.
#[cfg(feature = "exact")]
fn has_signs(graph: &Graph) -> bool {
    graph.activations().any(|(_, kind)| kind == ActivationKind::Sign)
}

/// How a graph without batch normalisations can be run, as far as its ranges are no matter. A
/// shallow network may still be run bootstrapped, where the planner finds that better.
///
/// # Errors
/// When it cannot be run.
pub fn check(graph: &Graph) -> Result<Form, CompileError> {
    #[cfg(feature = "exact")]
    if has_signs(graph) {
        return signs::check(graph).map(|()| Form::Signs);
    }
    if residual::lowering::check(graph).is_ok() {
        Ok(Form::Residual)
    } else if general::check_leveled(graph).is_ok() {
        Ok(Form::Leveled)
    } else {
        general::check_bootstrapped(graph)?;
        Ok(Form::Bootstrapped)
    }
}

/// A program with what its contract is made of.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) program: Program,
    pub(crate) checked: Checked,
    pub(crate) formats: Formats,
    pub(crate) forecast: Forecast,
}

impl Compiled {
    /// The file of the compiled model.
    ///
    /// # Errors
    /// When a text of the description would be refused by clients.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CompileError> {
        Ok(match &self.code {
            Code::Steps(program) => Bundle::write(&self.contract, program, self.loaded_bytes)?,
            Code::Batch(plan) => Bundle::write_batch(&self.contract, plan)?,
            #[cfg(feature = "exact")]
            Code::Signs(network) => Bundle::write_signs(&self.contract, network)?,
        })
    }
}

fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
