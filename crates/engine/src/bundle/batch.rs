//! A network on batches as it stands in a file.

use blindsight_ckks_eval::batch::{BatchPlan, BatchResult};
use blindsight_contract::AcceptedContract;
use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::program::ProgramError;

/// What programs of batches start with, and no others.
pub(super) const START: &[u8] = b"{\"batch\":";

/// The whole program part of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchFile {
    pub(super) batch: BatchData,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchData {
    pub(super) loaded_bytes: u64,
    pub(super) plan: BatchPlan,
}

/// Checks a plan against its contract: a ciphertext for each value that the network reads, and an
/// answer that is what comes out.
pub(super) fn check(
    plan: &BatchPlan,
    contract: &AcceptedContract,
) -> Result<BatchResult, BundleError> {
    let (set, request) = (contract.set(), super::slots(contract)?);
    let result = plan
        .check(set, request.level(), request.scale())
        .map_err(|source| ProgramError::Batch { source })?;
    let answer = contract.answer().products();
    let fits = answer.is_some_and(|answer| {
        (answer.values(), answer.parts()) == (result.values, result.parts)
            && answer.level() == request.level()
            && answer.expected_scale().check(result.scale).is_ok()
    });
    if !fits || request.ciphertexts() != plan.inputs {
        return Err(ProgramError::BatchContract.into());
    }
    if !contract.keys().is_empty() {
        return Err(ProgramError::Keys.into());
    }
    Ok(result)
}
