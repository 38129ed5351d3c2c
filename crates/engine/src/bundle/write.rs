//! Writing a bundle.

use blindsight_ckks_eval::batch::BatchPlan;
use blindsight_contract::{Contract, Policy};
#[cfg(feature = "exact")]
use blindsight_exact_eval::SignNetwork;
use sha2::{Digest, Sha256};

use super::batch::{self, BatchData, BatchFile};
use super::data::ProgramData;
use super::read::{FINGERPRINT_END, MAGIC, VERSION};
#[cfg(feature = "exact")]
use super::signs::{SignsData, SignsFile};
use super::{Bundle, BundleError, check_memory, check_steps, pack, request, slots};
use crate::program::Program;

impl Bundle {
    /// The file of a compiled model.
    ///
    /// # Errors
    /// When the contract would be refused, the program cannot be run under it, or takes more
    /// memory than declared.
    pub fn write(
        contract: &Contract,
        program: &Program,
        loaded_bytes: u64,
    ) -> Result<Vec<u8>, BundleError> {
        let contract = contract.to_bytes();
        let accepted = Contract::parse(&contract, &Policy::default())?;
        program.check(accepted.set(), request(&accepted)?)?;
        check_steps(program, &accepted)?;
        check_memory(loaded_bytes, program.encoded_byte_len(accepted.set()))?;
        let mut constants = Vec::new();
        let data = ProgramData::new(program, loaded_bytes, &mut constants);
        let data = serde_json::to_vec(&data)?;
        let constants: Vec<u8> = constants.iter().flat_map(|c: &f32| c.to_le_bytes()).collect();
        Ok(assemble(&contract, &data, &constants))
    }

    /// The file of a network on batches.
    ///
    /// # Errors
    /// When the contract would be refused, or the network cannot be run under it.
    pub fn write_batch(contract: &Contract, plan: &BatchPlan) -> Result<Vec<u8>, BundleError> {
        let contract = contract.to_bytes();
        let accepted = Contract::parse(&contract, &Policy::default())?;
        batch::check(plan, &accepted)?;
        let loaded_bytes = plan.encoded_byte_len(slots(&accepted)?.level()) as u64;
        let data = serde_json::to_vec(&BatchFile {
            batch: BatchData { loaded_bytes, plan: plan.clone() },
        })?;
        Ok(assemble(&contract, &data, &[]))
    }

    /// The file of a network of signs.
    ///
    /// # Errors
    /// When the contract would be refused, or the network cannot be run under it.
    #[cfg(feature = "exact")]
    pub fn write_signs(contract: &Contract, network: &SignNetwork) -> Result<Vec<u8>, BundleError> {
        let contract = contract.to_bytes();
        let accepted = Contract::parse(&contract, &Policy::default())?;
        let mut constants = Vec::new();
        let data = SignsData::new(network, &mut constants);
        // What is written is what is read: weights and constants have fewer bits in a file.
        data.network(&accepted, &constants)?;
        let data = serde_json::to_vec(&SignsFile { signs: data })?;
        let constants: Vec<u8> = constants.iter().flat_map(|c| c.to_le_bytes()).collect();
        Ok(assemble(&contract, &data, &constants))
    }
}

/// The file of these parts.
fn assemble(contract: &[u8], data: &[u8], constants: &[u8]) -> Vec<u8> {
    let (packed_data, packed_constants) = (pack::pack(data), pack::pack(constants));
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 32]);
    bytes.extend((contract.len() as u32).to_le_bytes());
    bytes.extend((packed_data.len() as u32).to_le_bytes());
    bytes.extend((packed_constants.len() as u64).to_le_bytes());
    bytes.extend((data.len() as u64).to_le_bytes());
    bytes.extend((constants.len() as u64).to_le_bytes());
    for part in [contract, &packed_data, &packed_constants] {
        bytes.extend_from_slice(part);
    }
    let fingerprint = Sha256::digest(&bytes[FINGERPRINT_END..]);
    bytes[FINGERPRINT_END - 32..FINGERPRINT_END].copy_from_slice(&fingerprint);
    bytes
}
