//! The encrypted ResNet20 as a served model.

use std::ops::ControlFlow;
use std::sync::Arc;

use blindsight_ckks::ciphertext::{Ciphertext, SeededCiphertext};
use blindsight_ckks::evaluation_key::{EvaluationKey, SeededKey};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::{KeySetManifest, ReadError};
use blindsight_ckks_eval::{KeySet, Observer, Stage};
use blindsight_model::homomorphic::RunObserver;
use blindsight_model::packing::{ANSWER_LOG2_MODULUS, ANSWER_PERIOD, request_format};
use bytes::Bytes;

use super::{
    ClientKeys, ExpandError, KeysDescription, ModelDescription, Normalisation,
    ParameterDescription, ServedModel,
};
use crate::engine::{Engine, EvaluateError};
use crate::hex;

/// An engine with its description.
#[derive(Debug)]
pub struct ServedEngine {
    engine: Arc<Engine>,
    description: ModelDescription,
    expanded_bytes: usize,
}

impl ServedEngine {
    /// Serves an engine under the name `id`.
    #[must_use]
    pub fn new(engine: Engine, id: &str) -> Self {
        let description = describe(&engine, id);
        let set = engine.parameters();
        let keys = set.keys().iter();
        let expanded_bytes = keys.map(|spec| EvaluationKey::expanded_byte_len(set, spec)).sum();
        Self { engine: Arc::new(engine), description, expanded_bytes }
    }
}

impl ServedModel for ServedEngine {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn check_frame(&self, frame: usize, bytes: &[u8]) -> Result<(), ReadError> {
        let set = self.engine.parameters();
        match frame.checked_sub(1) {
            None => KeySetManifest::from_bytes(set, bytes).map(drop),
            Some(key) => SeededKey::from_bytes(set, key, bytes).map(drop),
        }
    }

    fn check_request(&self, bytes: &[u8]) -> Result<(), ReadError> {
        self.engine.read_request(bytes).map(drop)
    }

    fn expanded_bytes(&self) -> usize {
        self.expanded_bytes
    }

    fn expand(
        &self,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<Box<dyn ClientKeys>, ExpandError> {
        let mut keys = KeySet::default();
        for key in 0..self.engine.parameters().keys().len() {
            self.engine.read_key(&mut keys, key, &read(key + 1)?)?;
        }
        debug_assert_eq!(keys.byte_len(), self.expanded_bytes);
        Ok(Box::new(EngineKeys { engine: self.engine.clone(), keys }))
    }
}

struct EngineKeys {
    engine: Arc<Engine>,
    keys: KeySet,
}

impl ClientKeys for EngineKeys {
    fn byte_len(&self) -> usize {
        self.keys.byte_len()
    }

    fn evaluate(
        &self,
        request: &[u8],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<u8>, EvaluateError> {
        self.engine.evaluate(
            &self.keys,
            request,
            &mut Progress { tell: progress, done: 0, total: 0 },
        )
    }
}

/// Tells how far a run is; within a step again and again, because a step is long and whoever is
/// told may end the run.
struct Progress<'a> {
    tell: &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    done: usize,
    total: usize,
}

impl Observer for Progress<'_> {
    fn stage(&mut self, _: Stage, _: &Ciphertext) -> ControlFlow<()> {
        (self.tell)(self.done, self.total)
    }
}

impl RunObserver for Progress<'_> {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        (self.done, self.total) = (done, total);
        (self.tell)(done, total)
    }
}

fn describe(engine: &Engine, id: &str) -> ModelDescription {
    let set = engine.parameters();
    let metadata = engine.model().metadata();
    let manifest = KeySetManifest::new(set);
    let manifest_bytes = manifest.to_bytes(set).len() as u64;
    let key_bytes: Vec<u64> = manifest.entries().iter().map(|entry| entry.byte_len).collect();
    ModelDescription {
        id: id.to_owned(),
        name: format!("ResNet20 with {}, CIFAR-10", metadata.activation),
        classes: metadata.classes.iter().map(str::to_owned).collect(),
        normalisation: Normalisation {
            mean: metadata.normalisation.mean(),
            std: metadata.normalisation.deviation(),
        },
        score_bound: f64::from(engine.lowered().head.bound),
        parameters: ParameterDescription {
            fingerprint: hex::encode(&set.fingerprint().0),
            log2_degree: set.degree().ilog2(),
        },
        evaluation_keys: KeysDescription {
            count: key_bytes.len() as u32,
            manifest_bytes,
            bytes: manifest_bytes + manifest.total_byte_len(),
            key_bytes,
        },
        request_bytes: SeededCiphertext::byte_len(set, request_format(set).level) as u64,
        response_bytes: CompactCiphertext::byte_len(set, ANSWER_PERIOD, ANSWER_LOG2_MODULUS) as u64,
        // One step a block, and the head.
        steps: engine.network().activations().len() as u32 + 1,
    }
}
