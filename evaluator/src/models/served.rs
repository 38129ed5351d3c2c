//! What the service needs of a model: sizes, checks, and a run from bytes to bytes.
//!
//! The service knows models only through these two traits, so that its own tests run without
//! cryptography.

use std::ops::ControlFlow;
use std::sync::Arc;

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::wire::ReadError;
use blindsight_contract::{AnswerKind, HeadError, KeyBundle};
#[cfg(feature = "exact")]
use blindsight_engine::label::ExactKey;
use blindsight_engine::{KeySet, RequestError};
use bytes::Bytes;
use thiserror::Error;

use super::Description;
use crate::refusal::{Code, Refusal, sentence};
use crate::shelf::Weight;

/// A compiled model. Its constants are packed: it takes little memory.
pub trait ServedModel: Send + Sync {
    /// What is known of it.
    fn description(&self) -> &Description;

    /// Checks one frame of the bundle of these keys: the head is frame 0, key `i` is frame `i + 1`.
    ///
    /// # Errors
    /// When the bytes are not that frame.
    fn check_frame(&self, keys: &KeyBundle, frame: usize, bytes: &[u8]) -> Result<(), FrameError>;

    /// Checks a request.
    ///
    /// # Errors
    /// When the bytes are not a request for this model.
    fn check_request(&self, bytes: &[u8]) -> Result<(), RequestError>;

    /// Expands a client's keys. `read` gives frame `i + 1` of the bundle for key `i`; between keys
    /// it is the place to stop.
    ///
    /// # Errors
    /// What `read` returned, or a stored key that is not readable.
    fn expand(
        &self,
        keys: &KeyBundle,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<ExpandedKeys, ExpandError>;

    /// Encodes the model's constants.
    ///
    /// # Errors
    /// A sentence, when they are damaged.
    fn load(&self) -> Result<Arc<dyn LoadedModel>, String>;
}

/// A model that is ready to run, for all clients.
pub trait LoadedModel: Send + Sync {
    /// The bytes it takes in memory.
    fn weight(&self) -> Weight;

    /// Runs the model to this kind of answer, which must be one that it is served with. `progress` is told how many of how many steps are done, again and again,
    /// and may end the run.
    ///
    /// # Errors
    /// When the request is wrong, a key is missing, or the run was ended.
    fn run(
        &self,
        answer: AnswerKind,
        keys: &RunKeys,
        request: &[u8],
        progress: &mut (dyn FnMut(usize, usize) -> ControlFlow<()> + Send),
    ) -> Result<Vec<u8>, RunError>;
}

/// The keys of one key set, ready for use.
#[derive(Debug)]
pub struct ExpandedKeys {
    /// Those of CKKS.
    pub scheme: Vec<Arc<EvaluationKey>>,
    /// That for exact answers.
    #[cfg(feature = "exact")]
    pub exact: Option<Arc<ExactKey>>,
}

impl ExpandedKeys {
    /// Keys of CKKS alone.
    #[must_use]
    pub fn of_scheme(scheme: Vec<Arc<EvaluationKey>>) -> Self {
        Self {
            scheme,
            #[cfg(feature = "exact")]
            exact: None,
        }
    }
}

/// The keys of a run.
#[derive(Debug, Default)]
pub struct RunKeys {
    /// Those of CKKS.
    pub scheme: KeySet,
    /// That for exact answers.
    #[cfg(feature = "exact")]
    pub exact: Option<Arc<ExactKey>>,
}

impl RunKeys {
    /// All keys of some key sets.
    #[must_use]
    pub fn of(sets: &[Arc<ExpandedKeys>]) -> Self {
        let mut keys = Self::default();
        for set in sets {
            set.scheme.iter().for_each(|key| keys.scheme.insert(key.clone()));
            #[cfg(feature = "exact")]
            {
                keys.exact = keys.exact.or_else(|| set.exact.clone());
            }
        }
        keys
    }
}

/// Why bytes are not a frame of a key bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// They are something else, or damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A piece of the key for exact answers is something else, or damaged.
    #[error(transparent)]
    Exact(#[from] blindsight_exact::wire::ReadError),
    /// The head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The head names other keys than those that are missing.
    #[error("the head of the key bundle lists other keys than those that belong in it")]
    OtherList,
}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Read(error) | FrameError::Head(HeadError::Scheme(error)) => error.into(),
            FrameError::Exact(error) | FrameError::Head(HeadError::Exact(error)) => error.into(),
            FrameError::Head(_) | FrameError::OtherList => {
                Self::new(Code::KeyShape, sentence(&error.to_string()))
            }
        }
    }
}

/// Why keys could not be expanded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// Whoever asked for it lost interest.
    #[error("the run was cancelled")]
    Cancelled,
    /// The stored bytes could not be read.
    #[error("a stored key cannot be read: {0}")]
    Storage(String),
    /// The stored bytes are not the key they were when they were accepted.
    #[error("a stored key is damaged: {0}")]
    Read(#[from] ReadError),
    /// The same of the key for exact answers.
    #[cfg(feature = "exact")]
    #[error("a stored key for exact answers cannot be used: {0}")]
    Exact(#[from] blindsight_engine::label::ExactError),
}

/// Why a run has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The request is not a well-formed ciphertext for this model.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Whoever watched ended the run.
    #[error("the run was cancelled")]
    Cancelled,
    /// The computation is not possible with these keys.
    #[error("{0}")]
    Failed(String),
}
