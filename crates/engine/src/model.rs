//! A model with its constants encoded, ready to run on anybody's ciphertexts.

#[cfg(feature = "exact")]
pub mod label;
mod request;
mod run;
#[cfg(feature = "exact")]
mod signs;
#[cfg(feature = "exact")]
pub(crate) mod tail;

use std::sync::Arc;

use blindsight_ckks::ciphertext::{Ciphertext, SeededCiphertext};
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::KeySpec;
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ckks::response::{CompactCiphertext, CompactError};
use blindsight_ckks::wire::ReadError;
use blindsight_ckks_eval::batch::{BatchCircuit, BatchError, STRETCHES};
use blindsight_ckks_eval::linear_transform::LinearTransform;
use blindsight_ckks_eval::{BootstrapError, EvalError, KeySet, Plaintext};
use blindsight_contract::AcceptedContract;
#[cfg(feature = "exact")]
use blindsight_exact_eval::SignNetwork;
use rayon::prelude::*;
use thiserror::Error;

use crate::engine::Scheme;
use crate::program::{Checked, Program};
#[cfg(feature = "exact")]
use tail::Tail;

pub use request::RequestError;
pub use run::RunObserver;

/// A model that can be run. Its weights are encoded once and serve all clients.
#[derive(Debug)]
pub struct Model {
    pub(crate) contract: Arc<AcceptedContract>,
    pub(crate) code: Code,
}

/// What a model runs.
#[derive(Debug)]
pub(crate) enum Code {
    /// Steps on the slots of one ciphertext.
    Steps(Box<StepModel>),
    /// A network on batches.
    Batch(BatchCircuit),
    /// A network of signs.
    #[cfg(feature = "exact")]
    Signs(Box<SignNetwork>),
}

/// A program of steps with its constants encoded.
#[derive(Debug)]
pub struct StepModel {
    pub(crate) scheme: Arc<Scheme>,
    /// The steps; the constants are encoded, below.
    pub(crate) program: Program,
    pub(crate) checked: Checked,
    pub(crate) transforms: Vec<LinearTransform>,
    pub(crate) plaintexts: Vec<Plaintext>,
    /// What scores are made of, where a label can be answered.
    #[cfg(feature = "exact")]
    pub(crate) tail: Option<Tail>,
}

/// Why a run ended without an answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A key is missing, or an operand does not fit.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The request holds other ciphertexts than a network on batches reads.
    #[error(transparent)]
    Batch(#[from] BatchError),
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
    Read(#[from] RequestError),
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

    /// The program of steps, unless the model is a network on batches or of signs.
    #[must_use]
    pub fn steps(&self) -> Option<&StepModel> {
        match &self.code {
            Code::Steps(steps) => Some(steps),
            _ => None,
        }
    }

    /// The bytes that the model's own constants occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        match &self.code {
            Code::Steps(steps) => steps.byte_len(),
            Code::Batch(circuit) => circuit.byte_len(),
            #[cfg(feature = "exact")]
            Code::Signs(network) => network.byte_len(),
        }
    }

    /// The bytes of what all models of its scheme share.
    #[must_use]
    pub fn shared_byte_len(&self) -> usize {
        self.steps().map_or(0, |steps| steps.scheme.byte_len())
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

    /// Runs the model on an encrypted input: from the bytes of a request to those of an answer. A network
    /// of signs has another key, and so another function.
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
        let request = request::read_slots(&self.contract, request)?;
        match &self.code {
            Code::Steps(steps) => {
                let request = request.into_iter().map(SeededCiphertext::expand).collect();
                let value = steps.run(keys, request, observer)?;
                let answer = self.compact(&value)?;
                Ok(answer.to_bytes(self.contract.set()))
            }
            Code::Batch(circuit) => {
                // All were checked when they were read from the request; not all are needed.
                let needed = |(at, _): &(usize, _)| circuit.reads().binary_search(at).is_ok();
                let request = request.into_par_iter().enumerate().filter(needed);
                let inputs: Vec<_> = request.map(|(_, ciphertext)| ciphertext.expand()).collect();
                let results = circuit.run(&inputs, |done| observer.progress(done, STRETCHES));
                let results = results.map_err(RunError::Batch)?.ok_or(RunError::Cancelled)?;
                let bytes = |product: &ProductCiphertext| product.to_bytes(self.contract.set());
                Ok(results.par_iter().map(bytes).collect::<Vec<_>>().concat())
            }
            #[cfg(feature = "exact")]
            Code::Signs(_) => Err(RequestError::Form.into()),
        }
    }

    /// The last value of a run, as it travels.
    fn compact(&self, value: &Ciphertext) -> Result<CompactCiphertext, RunError> {
        let format = self.contract.answer().compact().ok_or(RunError::Eval(NO_REQUEST))?;
        Ok(CompactCiphertext::from_base_level(
            self.contract.set(),
            value,
            format.log2_modulus(),
            format.period(),
        )?)
    }
}

/// What a checked bundle rules out.
const NO_REQUEST: EvalError = EvalError::Empty { operation: "a run" };

impl StepModel {
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

    fn byte_len(&self) -> usize {
        let transforms: usize = self.transforms.iter().map(LinearTransform::byte_len).sum();
        transforms + self.plaintexts.iter().map(Plaintext::byte_len).sum::<usize>()
    }
}
