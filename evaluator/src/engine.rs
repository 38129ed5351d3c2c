//! A served model, from bytes to bytes.

use std::sync::Arc;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::evaluation_key::{EvaluationKey, SeededKey};
use blindsight_ckks::parameters::{ParameterError, Parameters};
use blindsight_ckks::wire::{ExpectedScale, ReadError};
use blindsight_ckks_eval::{Context, KeySet};
use blindsight_model::calibration::{Calibration, CalibrationFileError};
use blindsight_model::homomorphic::{
    ActivationDegree, CompileError, EncryptedNetwork, RunError, RunObserver,
};
use blindsight_model::lowering::{Lowered, LoweringError};
use blindsight_model::model::{Model, ModelError};
use blindsight_model::packing::request_format;
use thiserror::Error;

/// A model with its weights encoded.
#[derive(Debug)]
pub struct Engine {
    set: Arc<Parameters>,
    model: Model,
    lowered: Lowered,
    network: EncryptedNetwork,
}

/// Why a model cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The parameter set is wrong.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The weights file is wrong.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The calibration file is wrong.
    #[error(transparent)]
    Calibration(#[from] CalibrationFileError),
    /// The network is of a kind that cannot be run encrypted.
    #[error(transparent)]
    Lowering(#[from] LoweringError),
    /// The network does not fit the parameter set.
    #[error(transparent)]
    Compile(#[from] CompileError),
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

impl Engine {
    /// Reads and encodes a model from its weights (safetensors) and its calibration (JSON).
    ///
    /// # Errors
    /// When either file is wrong, or the network cannot be run encrypted.
    pub fn load(weights: &[u8], calibration: &[u8]) -> Result<Self, LoadError> {
        let set = Arc::new(Parameters::degree_15()?);
        let model = Model::from_safetensors(weights)?;
        let calibration = Calibration::from_json(calibration)?;
        let lowered = Lowered::new(model.graph(), &calibration)?;
        let context = Arc::new(Context::new(set.clone()));
        let network = EncryptedNetwork::new(context, &lowered, ActivationDegree::of(&set))?;
        Ok(Self { set, model, lowered, network })
    }

    /// The parameter set that requests and keys must belong to.
    #[must_use]
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.set
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model in the form in which it is run.
    #[must_use]
    pub fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    /// The encoded network.
    #[must_use]
    pub fn network(&self) -> &EncryptedNetwork {
        &self.network
    }

    /// Reads the key with the given index in the parameter set and expands it.
    ///
    /// # Errors
    /// When the bytes are not that key.
    pub fn read_key(&self, keys: &mut KeySet, index: usize, bytes: &[u8]) -> Result<(), ReadError> {
        let key = SeededKey::from_bytes(&self.set, index, bytes)?;
        keys.insert(index, EvaluationKey::expand(&self.set, key));
        Ok(())
    }

    /// Reads a request for this model.
    ///
    /// # Errors
    /// When the bytes are not a ciphertext of the level and scale that requests have.
    pub fn read_request(&self, bytes: &[u8]) -> Result<SeededCiphertext, ReadError> {
        let format = request_format(&self.set);
        let scale = ExpectedScale::Exactly(format.scale);
        SeededCiphertext::from_bytes(&self.set, bytes, format.level, scale)
    }

    /// Runs the model on an encrypted picture: from the bytes of a request to those of an answer.
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
        let request = self.read_request(request)?;
        let answer = self.network.run(keys, request.expand(), observer)?;
        Ok(answer.to_bytes(&self.set))
    }
}
