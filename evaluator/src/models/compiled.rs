//! Compiled models as served models.

use std::ops::ControlFlow;
use std::sync::Arc;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::KeyList;
use blindsight_ckks::wire::{KeySetManifest, ReadError};
use blindsight_engine::{
    Bundle, BundleError, BundleLimits, Engine, EvaluateError, KeySet, Model, Observer, RunObserver,
    Stage,
};
use bytes::Bytes;

use super::{
    Description, ExpandError, ExpandedKeys, FrameError, LoadedModel, Parse, RunError, ServedModel,
};
use crate::shelf::Weight;

/// A compiled model with the engine that makes it ready.
pub struct CompiledModel {
    engine: Arc<Engine>,
    bundle: Bundle,
    description: Description,
}

impl CompiledModel {
    /// Reads a compiled model. Nothing is encoded.
    ///
    /// # Errors
    /// When the bytes are none: see [`BundleError`].
    pub fn parse(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle = Bundle::parse(bytes, &BundleLimits::default())?;
        let description = Description::new(
            bundle.contract().clone(),
            Bytes::copy_from_slice(bundle.contract_bytes()),
            bundle.fingerprint(),
            bundle.layers() as u32,
            bundle.loaded_bytes(),
        );
        Ok(Self { engine: engine.clone(), bundle, description })
    }

    /// The reader of files for one engine, by which models share what they have in common.
    #[must_use]
    pub fn reader() -> Parse {
        let engine = Arc::new(Engine::default());
        Box::new(move |bytes| match Self::parse(&engine, bytes) {
            Ok(model) => Ok(Arc::new(model)),
            Err(error) => Err(error.to_string()),
        })
    }
}

impl ServedModel for CompiledModel {
    fn description(&self) -> &Description {
        &self.description
    }

    fn check_frame(&self, keys: &KeyList, frame: usize, bytes: &[u8]) -> Result<(), FrameError> {
        let set = self.bundle.contract().set();
        let Some(index) = frame.checked_sub(1) else {
            let found = KeySetManifest::from_bytes(set, bytes)?;
            let same = found == KeySetManifest::new(set, keys);
            return if same { Ok(()) } else { Err(FrameError::OtherList) };
        };
        let spec = keys.specs().get(index).ok_or(FrameError::OtherList)?;
        SeededKey::from_bytes(set, spec, bytes)?;
        Ok(())
    }

    fn check_request(&self, bytes: &[u8]) -> Result<(), ReadError> {
        Model::read_request(self.bundle.contract(), bytes).map(drop)
    }

    fn expand(
        &self,
        keys: &KeyList,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<ExpandedKeys, ExpandError> {
        let mut expanded = Vec::with_capacity(keys.len());
        for (index, spec) in keys.specs().iter().enumerate() {
            let bytes = read(index + 1)?;
            expanded.push(Arc::new(Model::read_key(self.bundle.contract(), spec, &bytes)?));
        }
        Ok(expanded)
    }

    fn load(&self) -> Result<Arc<dyn LoadedModel>, String> {
        let model = self.engine.load(&self.bundle).map_err(|error| error.to_string())?;
        Ok(Arc::new(EncodedModel(model)))
    }
}

/// A model with its constants encoded.
struct EncodedModel(Model);

impl LoadedModel for EncodedModel {
    fn weight(&self) -> Weight {
        // The address names the scheme: it lives as long as one of its models.
        let shared = self.0.steps().map(|steps| {
            let scheme = steps.scheme();
            (Arc::as_ptr(scheme) as usize, scheme.byte_len() as u64)
        });
        Weight { bytes: self.0.byte_len() as u64, shared }
    }

    fn run(
        &self,
        keys: &KeySet,
        request: &[u8],
        progress: &mut (dyn FnMut(usize, usize) -> ControlFlow<()> + Send),
    ) -> Result<Vec<u8>, RunError> {
        let mut progress = Progress { tell: progress, done: 0, total: 0 };
        self.0.evaluate(keys, request, &mut progress).map_err(|error| match error {
            EvaluateError::Read(error) => RunError::Request(error),
            EvaluateError::Run(blindsight_engine::RunError::Cancelled) => RunError::Cancelled,
            error => RunError::Failed(error.to_string()),
        })
    }
}

/// Tells how far a run is; within a step again and again, because a step is long and whoever is
/// told may end the run.
struct Progress<'a> {
    tell: &'a mut (dyn FnMut(usize, usize) -> ControlFlow<()> + Send),
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
