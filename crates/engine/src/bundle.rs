//! The file of a compiled model: contract and program under one fingerprint.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | the letters `BSMODEL` and a zero |
//! | 4 | version of the format |
//! | 32 | SHA-256 of everything after it: the fingerprint |
//! | 4, 4, 8 | lengths of the three parts |
//! | 8, 8 | lengths of the second and third part unpacked |
//! | | the contract, as it is handed out |
//! | | the program (JSON, deflated): steps, the layers of a network on batches, or of one of signs |
//! | | its constants: `f32`, little-endian (deflated) |
//!
//! A bundle in memory is small: the constants stay packed until a model is loaded.

mod batch;
mod data;
mod error;
mod pack;
mod read;
mod signs;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use blindsight_ckks_eval::batch::{BatchPlan, STRETCHES};
use blindsight_ckks_eval::linear_transform::TransformPlan;
use blindsight_contract::{AcceptedContract, Answer, Contract, ExactAnswer, Policy, SlotRequest};
use blindsight_exact::Lead;
#[cfg(feature = "exact")]
use blindsight_exact_eval::SignNetwork;

#[cfg(feature = "exact")]
use crate::program::End;
use crate::program::{
    Checked, PlaintextData, Program, ProgramError, ValueType, check_plaintext, check_plan,
    check_polynomial,
};

pub use error::BundleError;

/// A compiled model whose contract was accepted and whose program is sound in form.
#[derive(Debug, Clone)]
pub struct Bundle {
    contract: Arc<AcceptedContract>,
    contract_bytes: Arc<[u8]>,
    fingerprint: [u8; 32],
    code: Code,
    /// Deflated.
    constants: Arc<[u8]>,
    limits: BundleLimits,
    constants_len: usize,
}

/// A contract for labels alone that follows from a model's own.
#[derive(Debug, Clone)]
pub struct LabelContract {
    /// Checked.
    pub accepted: Arc<AcceptedContract>,
    /// As it is handed out.
    pub bytes: Arc<[u8]>,
}

/// The program part of a file.
#[derive(Debug, Clone)]
enum Code {
    Steps(Arc<data::ProgramData>),
    Batch(Arc<batch::BatchData>),
    Signs(Arc<signs::SignsData>),
}

/// What a bundle holds, checked.
pub(crate) enum CheckedCode<'a> {
    Steps(Box<CheckedProgram<'a>>),
    Batch(&'a BatchPlan),
    #[cfg(feature = "exact")]
    Signs(Box<SignNetwork>),
}

/// How much a bundle may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundleLimits {
    /// The file, in bytes.
    pub file_bytes: usize,
    /// The program unpacked, in bytes.
    pub program_bytes: usize,
    /// The constants unpacked, in bytes.
    pub constant_bytes: usize,
}

impl Default for BundleLimits {
    fn default() -> Self {
        Self { file_bytes: 1 << 30, program_bytes: 64 << 20, constant_bytes: 1 << 30 }
    }
}

impl Bundle {
    /// What clients know of the model.
    #[must_use]
    pub fn contract(&self) -> &Arc<AcceptedContract> {
        &self.contract
    }

    /// The contract as it is handed out.
    #[must_use]
    pub fn contract_bytes(&self) -> &Arc<[u8]> {
        &self.contract_bytes
    }

    /// The contract of the same model when it answers with the label alone, or with the label if it
    /// leads by so much; none of a model that has no scores of one input, or more classes or a larger
    /// lead than there is room for.
    #[must_use]
    pub fn label_contract(&self, lead: Option<Lead>) -> Option<LabelContract> {
        let decides = match (&self.code, self.contract.answer()) {
            (Code::Steps(data), Answer::Compact(_)) => data.end().is_some(),
            // Signs are taken of differences, and of those less a lead.
            (Code::Signs(data), Answer::Exact(_)) => {
                data.reach + lead.map_or(0.0, Lead::get) * ExactAnswer::BOUND < 0.5
            }
            _ => false,
        };
        if !decides {
            return None;
        }
        let raw = Contract::from_bytes(&self.contract_bytes).ok()?;
        let bytes = raw.with_label_alone(lead).to_bytes();
        let accepted = Contract::parse(&bytes, &Policy::default()).ok()?;
        Some(LabelContract { accepted: Arc::new(accepted), bytes: bytes.into() })
    }

    /// The linear end of its program, if it is one of steps that has one.
    #[cfg(feature = "exact")]
    pub(crate) fn end(&self) -> Option<End> {
        match &self.code {
            Code::Steps(data) => data.end(),
            Code::Batch(_) | Code::Signs(_) => None,
        }
    }

    /// SHA-256 of contract, program and constants.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Layers of a run, as its progress counts them.
    #[must_use]
    pub fn layers(&self) -> usize {
        match &self.code {
            Code::Steps(data) => data.steps.last().map_or(0, |step| step.layer.saturating_add(1)),
            Code::Batch(_) => STRETCHES,
            Code::Signs(data) => data.layers(),
        }
    }

    /// The bytes of memory that loading takes while it lasts and that the loaded model will occupy,
    /// as its compiler says.
    #[must_use]
    pub fn loaded_bytes(&self) -> u64 {
        match &self.code {
            Code::Steps(data) => data.loaded_bytes,
            Code::Batch(data) => data.loaded_bytes,
            Code::Signs(data) => data.loaded_bytes,
        }
    }

    /// Checks the program with its constants: all that can be wrong with a bundle that was read.
    ///
    /// # Errors
    /// When the constants are damaged or too many, or the program cannot be run under its contract.
    pub fn check(&self) -> Result<(), BundleError> {
        self.code().map(drop)
    }

    /// What is run, checked.
    pub(crate) fn code(&self) -> Result<CheckedCode<'_>, BundleError> {
        match &self.code {
            Code::Steps(data) => Ok(CheckedCode::Steps(Box::new(self.program(data)?))),
            Code::Batch(data) => {
                let plan = &data.plan;
                batch::check(plan, &self.contract)?;
                let level = slots(&self.contract)?.level();
                check_memory(data.loaded_bytes, plan.encoded_byte_len(level) as u64)?;
                Ok(CheckedCode::Batch(plan))
            }
            #[cfg(feature = "exact")]
            Code::Signs(data) => {
                let constants = pack::unpack_constants(&self.constants, self.constants_len)?;
                Ok(CheckedCode::Signs(Box::new(data.network(&self.contract, &constants)?)))
            }
            #[cfg(not(feature = "exact"))]
            Code::Signs(_) => Err(BundleError::WithoutExact),
        }
    }

    /// The checked program. Constants are many: they are checked one after another, and read again
    /// when they are encoded.
    fn program<'a>(&self, data: &'a data::ProgramData) -> Result<CheckedProgram<'a>, BundleError> {
        let constants = pack::unpack_constants(&self.constants, self.constants_len)?;
        let set = self.contract.set();
        let mut program = data.outline()?;
        let mut needed = 0_u64;
        for index in 0..data.transforms() {
            let mut plan = data.transform(index, &constants)?;
            check_plan(index, &plan, set)?;
            needed = needed.saturating_add(plan.encoded_byte_len(set) as u64);
            plan.sums.iter_mut().flatten().for_each(|term| term.weights = Vec::new());
            plan.masks.fill(Vec::new());
            program.transforms.push(plan);
        }
        for index in 0..data.plaintexts() {
            let mut plaintext = data.plaintext(index, &constants)?;
            check_plaintext(index, &plaintext, set)?;
            needed = needed.saturating_add(plaintext.encoded_byte_len(set) as u64);
            plaintext.values = Vec::new();
            program.plaintexts.push(plaintext);
        }
        for (index, polynomial) in program.polynomials.iter().enumerate() {
            check_polynomial(index, polynomial)?;
        }
        check_memory(data.loaded_bytes, needed)?;
        let checked = check_steps(&program, &self.contract)?;
        Ok(CheckedProgram { program, checked, constants, data })
    }
}

/// A program whose constants are sound, and not in memory.
pub(crate) struct CheckedProgram<'a> {
    /// Without the numbers of its transforms and plaintexts.
    pub(crate) program: Program,
    pub(crate) checked: Checked,
    constants: Vec<f32>,
    data: &'a data::ProgramData,
}

impl CheckedProgram<'_> {
    /// A transform with its numbers.
    pub(crate) fn transform(&self, index: usize) -> Result<TransformPlan, BundleError> {
        self.data.transform(index, &self.constants)
    }

    /// A plaintext with its numbers.
    pub(crate) fn plaintext(&self, index: usize) -> Result<PlaintextData, BundleError> {
        self.data.plaintext(index, &self.constants)
    }
}

/// Checks that the encoded constants take no more memory than the compiler declared: whoever loads
/// a bundle decides by that.
fn check_memory(declared: u64, needed: u64) -> Result<(), BundleError> {
    if needed <= declared { Ok(()) } else { Err(BundleError::Memory { declared, needed }) }
}

/// Checks a program, whose constants are sound, against its contract.
fn check_steps(program: &Program, contract: &AcceptedContract) -> Result<Checked, ProgramError> {
    let checked = program.check_steps(contract.set(), request(contract)?)?;
    if checked.keys != *contract.keys() {
        return Err(ProgramError::Keys);
    }
    let form = contract.answer().compact().ok_or(ProgramError::OneInput)?;
    let (named, sent) = (program.ciphertexts(), slots(contract)?.ciphertexts());
    if named != sent {
        return Err(ProgramError::Ciphertexts { named, sent });
    }
    let answer = checked.values[checked.values.len() - 1];
    let modulus = 2_f64.powi(form.log2_modulus() as i32);
    let sent = answer.scale * modulus / contract.set().prime(1);
    if answer.level != 1 || form.expected().scale.check(sent).is_err() {
        let (level, scale) = (answer.level, answer.scale.log2());
        return Err(ProgramError::Answer { level, scale });
    }
    Ok(checked)
}

fn request(contract: &AcceptedContract) -> Result<ValueType, ProgramError> {
    let request = slots(contract)?;
    Ok(ValueType { level: request.level(), scale: request.scale() })
}

/// The requests of a program that reads slots.
pub(crate) fn slots(contract: &AcceptedContract) -> Result<&SlotRequest, ProgramError> {
    contract.request().slots().ok_or(ProgramError::Form)
}
