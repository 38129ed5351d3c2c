//! What the service needs of a model: sizes, checks, and a run from bytes to bytes.
//!
//! The service knows models only through these traits, so that its own tests run on a small one
//! without cryptography.

mod engine;

use std::ops::ControlFlow;

use blindsight_ckks::wire::ReadError;
use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::engine::EvaluateError;

pub use engine::ServedEngine;

/// A model that is served.
pub trait ServedModel: Send + Sync {
    /// What clients are told of it.
    fn description(&self) -> &ModelDescription;

    /// Checks one frame of a key bundle: the manifest is frame 0, key `i` is frame `i + 1`.
    ///
    /// # Errors
    /// When the bytes are not that frame.
    fn check_frame(&self, frame: usize, bytes: &[u8]) -> Result<(), ReadError>;

    /// Checks a request.
    ///
    /// # Errors
    /// When the bytes are not a request for this model.
    fn check_request(&self, bytes: &[u8]) -> Result<(), ReadError>;

    /// The bytes that one client's expanded keys take in memory.
    fn expanded_bytes(&self) -> usize;

    /// Expands a client's keys. `read` gives frame `i + 1` of the bundle for key `i`; between keys
    /// it is the place to stop.
    ///
    /// # Errors
    /// What `read` returned, or a stored key that is not readable.
    fn expand(
        &self,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<Box<dyn ClientKeys>, ExpandError>;
}

/// One client's keys, ready for use.
pub trait ClientKeys: Send + Sync {
    /// The bytes they take in memory.
    fn byte_len(&self) -> usize;

    /// Runs the model. `progress` is told how many of how many steps are done, and may end the
    /// run.
    ///
    /// # Errors
    /// When the request is wrong, or the run was ended.
    fn evaluate(
        &self,
        request: &[u8],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<u8>, EvaluateError>;
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
}

/// What clients are told of a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelDescription {
    /// Its name in the protocol.
    #[schema(example = "resnet20-relu-cifar10")]
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Names of the classes, in the order of the scores.
    pub classes: Vec<String>,
    /// How a picture becomes the network's input: `(value / 255 - mean) / std` per channel.
    pub normalisation: Normalisation,
    /// What a decrypted score of 1 means.
    pub score_bound: f64,
    /// The parameter set.
    pub parameters: ParameterDescription,
    /// The bundle of evaluation keys.
    pub evaluation_keys: KeysDescription,
    /// Length of a request.
    pub request_bytes: u64,
    /// Length of a response.
    pub response_bytes: u64,
    /// Steps of a run, as its progress counts them.
    pub steps: u32,
}

/// Means and standard deviations for red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Normalisation {
    /// Means.
    pub mean: [f32; 3],
    /// Standard deviations.
    pub std: [f32; 3],
}

/// Tells one parameter set from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ParameterDescription {
    /// 32 bytes, hexadecimal.
    pub fingerprint: String,
    /// `log2` of the ring degree.
    pub log2_degree: u32,
}

/// Lengths within a bundle of evaluation keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeysDescription {
    /// Number of keys.
    pub count: u32,
    /// Length of the manifest, which comes first.
    pub manifest_bytes: u64,
    /// Length of the whole bundle.
    pub bytes: u64,
    /// Length of every key, in order.
    pub key_bytes: Vec<u64>,
}
