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
//! | | the program (JSON, deflated) |
//! | | its constants: `f32`, little-endian (deflated) |
//!
//! A bundle in memory is small: the constants stay packed until a model is loaded.

mod data;
mod error;
mod pack;
mod read;
mod write;

use std::sync::Arc;

use blindsight_contract::AcceptedContract;

use crate::program::{Checked, Program, ProgramError, ValueType};

pub use error::BundleError;

/// A compiled model whose contract was accepted and whose program is sound in form.
#[derive(Debug, Clone)]
pub struct Bundle {
    contract: Arc<AcceptedContract>,
    contract_bytes: Arc<[u8]>,
    fingerprint: [u8; 32],
    data: Arc<data::ProgramData>,
    /// Deflated.
    constants: Arc<[u8]>,
    limits: BundleLimits,
    constants_len: usize,
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

    /// SHA-256 of contract, program and constants.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Layers of a run, as its progress counts them.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.data.steps.last().map_or(0, |step| step.layer + 1)
    }

    /// The bytes of memory that loading takes while it lasts and that the loaded model will occupy,
    /// as its compiler says.
    #[must_use]
    pub fn loaded_bytes(&self) -> u64 {
        self.data.loaded_bytes
    }

    /// The program with its constants, checked.
    pub(crate) fn program(&self) -> Result<(Program, Checked), BundleError> {
        let constants = pack::unpack_constants(&self.constants, self.constants_len)?;
        let program = self.data.program(&constants)?;
        let checked = check(&program, &self.contract)?;
        Ok((program, checked))
    }
}

/// Checks a program against its contract.
fn check(program: &Program, contract: &AcceptedContract) -> Result<Checked, ProgramError> {
    let request = contract.request();
    let request = ValueType { level: request.level(), scale: request.scale() };
    let checked = program.check(contract.set(), request)?;
    if checked.keys != *contract.keys() {
        return Err(ProgramError::Keys);
    }
    let answer = checked.values[checked.values.len() - 1];
    let modulus = 2_f64.powi(contract.answer().log2_modulus() as i32);
    let sent = answer.scale * modulus / contract.set().prime(1);
    if answer.level != 1 || contract.answer().expected().scale.check(sent).is_err() {
        let (level, scale) = (answer.level, answer.scale.log2());
        return Err(ProgramError::Answer { level, scale });
    }
    Ok(checked)
}
