//! The encrypted ResNet20 as a served model.

use std::ops::ControlFlow;
use std::sync::Arc;

use blindsight_ckks::ciphertext::{Ciphertext, SeededCiphertext};
use blindsight_ckks::evaluation_key::{SeededKey, key_basis};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::{ExpectedScale, KeySetManifest, ReadError, frame};
use blindsight_ckks_eval::{KeySet, Observer, Stage};
use blindsight_model::homomorphic::RunObserver;
use blindsight_model::packing::{ANSWER_LOG2_MODULUS, ANSWER_PERIOD, request_format};
use bytes::Bytes;
use serde::Deserialize;

use super::{
    ClientKeys, ExpandError, KeysDescription, ModelDescription, Normalisation,
    ParameterDescription, ServedModel,
};
use crate::engine::{Engine, EvaluateError};

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
        let expanded_bytes = expanded_bytes(engine.parameters());
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
        let set = self.engine.parameters();
        let format = request_format(set);
        let scale = ExpectedScale::Exactly(format.scale);
        SeededCiphertext::from_bytes(set, bytes, format.level, scale).map(drop)
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
        self.engine.evaluate(&self.keys, request, &mut Progress(progress))
    }
}

struct Progress<'a>(&'a mut dyn FnMut(usize, usize) -> ControlFlow<()>);

impl Observer for Progress<'_> {
    fn stage(&mut self, _: Stage, _: &Ciphertext) {}
}

impl RunObserver for Progress<'_> {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        (self.0)(done, total)
    }
}

fn describe(engine: &Engine, id: &str) -> ModelDescription {
    let set = engine.parameters();
    let metadata = engine.model().metadata();
    let manifest = KeySetManifest::new(set);
    let manifest_bytes = manifest.to_bytes(set).len() as u64;
    let key_bytes: Vec<u64> = manifest.entries().iter().map(|entry| entry.byte_len).collect();
    let fingerprint = set.fingerprint().0;
    ModelDescription {
        id: id.to_owned(),
        name: format!("ResNet20 with {}, CIFAR-10", metadata.activation),
        classes: metadata.classes.iter().map(str::to_owned).collect(),
        normalisation: normalisation(&metadata.normalisation),
        score_bound: f64::from(engine.lowered().head.bound),
        parameters: ParameterDescription {
            fingerprint: fingerprint.iter().map(|byte| format!("{byte:02x}")).collect(),
            log2_degree: set.degree().ilog2(),
        },
        evaluation_keys: KeysDescription {
            count: key_bytes.len() as u32,
            manifest_bytes,
            bytes: manifest_bytes + manifest.total_byte_len(),
            key_bytes,
        },
        request_bytes: SeededCiphertext::byte_len(set, request_format(set).level) as u64,
        response_bytes: response_bytes(set),
        // One step a block, and the head.
        steps: engine.network().activations().len() as u32 + 1,
    }
}

/// Numbers that the model's own type shows only when it is serialised.
fn normalisation(of: &blindsight_model::metadata::Normalisation) -> Normalisation {
    #[derive(Deserialize)]
    struct Fields {
        mean: [f32; 3],
        deviation: [f32; 3],
    }
    let fields: Fields = serde_json::to_value(of)
        .and_then(serde_json::from_value)
        .expect("a normalisation is two triples of numbers");
    Normalisation { mean: fields.mean, std: fields.deviation }
}

/// Modulus, period and scale, then what is left of `c0` and all of `c1`.
fn response_bytes(set: &Parameters) -> u64 {
    let half = |count: usize| (count * ANSWER_LOG2_MODULUS as usize).div_ceil(8);
    (frame::HEADER_BYTES + 1 + 4 + 8 + half(2 * ANSWER_PERIOD) + half(set.degree())) as u64
}

/// Both halves of every digit, a limb in words of 32 or 64 bits.
fn expanded_bytes(set: &Parameters) -> usize {
    let key = |spec| {
        let basis = key_basis(set, spec);
        let limbs = basis.primes().iter().map(|prime| if prime.is_narrow() { 4 } else { 8 });
        2 * spec.layout.digits.len() * set.degree() * limbs.sum::<usize>()
    };
    set.keys().iter().map(key).sum()
}
