//! A model with its constants encoded, ready to run on anybody's ciphertexts.

mod run;

use std::sync::Arc;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::KeySpec;
use blindsight_ckks::response::{CompactCiphertext, CompactError};
use blindsight_ckks::wire::{ExpectedScale, ReadError};
use blindsight_ckks_eval::linear_transform::LinearTransform;
use blindsight_ckks_eval::{BootstrapError, EvalError, KeySet, Plaintext};
use blindsight_contract::AcceptedContract;
use thiserror::Error;

use crate::engine::Scheme;
use crate::program::{Checked, Program};

pub use run::RunObserver;

/// A model that can be run. Its weights are encoded once and serve all clients.
#[derive(Debug)]
pub struct Model {
    pub(crate) contract: Arc<AcceptedContract>,
    pub(crate) scheme: Arc<Scheme>,
    /// The steps; the constants are encoded, below.
    pub(crate) program: Program,
    pub(crate) checked: Checked,
    pub(crate) transforms: Vec<LinearTransform>,
    pub(crate) plaintexts: Vec<Plaintext>,
}

/// Why a run ended without an answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A key is missing, or an operand does not fit.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The answer cannot be made small.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// The observer ended the run.
    #[error("the run was cancelled")]
    Cancelled,
}

impl From<BootstrapError> for RunError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::Eval(error) => Self::Eval(error),
            _ => Self::Cancelled,
        }
    }
}

/// Why a request gets no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The request is not a well-formed ciphertext for this model.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The run failed or was cancelled.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Model {
    /// What clients know of the model.
    #[must_use]
    pub fn contract(&self) -> &Arc<AcceptedContract> {
        &self.contract
    }

    /// The program, without its weights.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Levels and scales of the program's values.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The scheme that the model shares with others.
    #[must_use]
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.scheme
    }

    /// The bytes that the model's own constants occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let transforms: usize = self.transforms.iter().map(LinearTransform::byte_len).sum();
        transforms + self.plaintexts.iter().map(Plaintext::byte_len).sum::<usize>()
    }

    /// Reads a request for a model with this contract.
    ///
    /// # Errors
    /// When the bytes are not a ciphertext of the level and scale that requests have.
    pub fn read_request(
        contract: &AcceptedContract,
        bytes: &[u8],
    ) -> Result<SeededCiphertext, ReadError> {
        let request = contract.request();
        let scale = ExpectedScale::Exactly(request.scale());
        SeededCiphertext::from_bytes(contract.set(), bytes, request.level(), scale)
    }

    /// Reads a key of a model with this contract and expands it.
    ///
    /// # Errors
    /// When the bytes are not that key.
    pub fn read_key(
        contract: &AcceptedContract,
        spec: &KeySpec,
        bytes: &[u8],
    ) -> Result<EvaluationKey, ReadError> {
        use blindsight_ckks::evaluation_key::SeededKey;
        let key = SeededKey::from_bytes(contract.set(), spec, bytes)?;
        Ok(EvaluationKey::expand(contract.set(), key))
    }

    /// Runs the model on an encrypted input: from the bytes of a request to those of an answer.
    ///
    /// # Errors
    /// When the request is not a ciphertext for this model, a key is missing, or the observer ends
    /// the run.
    pub fn evaluate(
        &self,
        keys: &KeySet,
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Vec<u8>, EvaluateError> {
        let request = Self::read_request(&self.contract, request)?;
        let answer = self.run(keys, request.expand(), observer)?;
        Ok(answer.to_bytes(self.contract.set()))
    }

    /// The last value of a run, as it travels.
    fn answer(
        &self,
        value: &blindsight_ckks::ciphertext::Ciphertext,
    ) -> Result<CompactCiphertext, RunError> {
        let format = self.contract.answer();
        Ok(CompactCiphertext::from_base_level(
            self.contract.set(),
            value,
            format.log2_modulus(),
            format.period(),
        )?)
    }
}
