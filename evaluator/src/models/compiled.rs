//! Compiled models as served models.

use std::ops::ControlFlow;
use std::sync::Arc;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_contract::{AnswerKind, Key, KeyBundle};
use blindsight_engine::{
    Bundle, BundleError, BundleLimits, Engine, EvaluateError, LabelContract, Model, Observer,
    RequestError, RunObserver, Stage,
};
use blindsight_exact::SeededPiece;
use bytes::Bytes;

use super::labels::{self, Labels};
use super::{
    Answers, Description, ExpandError, ExpandedKeys, FrameError, LoadedModel, Parse, RunError,
    RunKeys, ServedFile, ServedModel,
};
use crate::shelf::Weight;

/// A compiled model with the engine that makes it ready, to be used in one way.
pub struct CompiledModel {
    engine: Arc<Engine>,
    bundle: Arc<Bundle>,
    /// For labels: once loaded, a model is ready for all of them.
    labels: Arc<[LabelContract]>,
    description: Description,
}

impl CompiledModel {
    /// Reads a compiled model: all ways to use it that `answers` allow. Nothing is encoded.
    ///
    /// # Errors
    /// A sentence, when the bytes are none (see [`BundleError`]), or there is no such way.
    pub fn parse(
        engine: &Arc<Engine>,
        bytes: &[u8],
        answers: &Answers,
    ) -> Result<ServedFile, String> {
        let bundle = Bundle::parse(bytes, &BundleLimits::default());
        let bundle = Arc::new(bundle.map_err(|error: BundleError| error.to_string())?);
        let described = |contract: &Arc<_>, bytes: &[u8]| {
            let (bytes, steps) = (Bytes::copy_from_slice(bytes), bundle.layers() as u32);
            let (fingerprint, loaded) = (bundle.fingerprint(), bundle.loaded_bytes());
            Description::new(Arc::clone(contract), bytes, fingerprint, steps, loaded)
        };
        let own = described(bundle.contract(), bundle.contract_bytes());
        let ways = std::iter::once(None).chain(answers.lead().map(Some));
        let labels = ways.filter(|_| labels::ARE_DECIDED);
        let labels: Arc<[_]> = labels.filter_map(|lead| bundle.label_contract(lead)).collect();
        let withheld = answers.are_labels_only(own.id());
        if withheld && labels.is_empty() {
            return Err("only the label may be answered, and this model cannot do that".to_owned());
        }
        let id = own.id().to_owned();
        let beside = labels.iter().map(|l| described(&l.accepted, &l.bytes).beside(&own));
        let mut descriptions: Vec<_> = beside.collect();
        if !withheld {
            descriptions.insert(0, own);
        }
        let models = descriptions.into_iter().map(|description| {
            let (engine, bundle, labels) = (engine.clone(), bundle.clone(), labels.clone());
            Arc::new(Self { engine, bundle, labels, description }) as Arc<dyn ServedModel>
        });
        Ok(ServedFile { models: models.collect(), withheld: withheld.then_some(id) })
    }

    /// The reader of files for one engine, by which models share what they have in common.
    #[must_use]
    pub fn reader(answers: Answers) -> Parse {
        let engine = Arc::new(Engine::default());
        Box::new(move |bytes| Self::parse(&engine, bytes, &answers))
    }
}

impl ServedModel for CompiledModel {
    fn description(&self) -> &Description {
        &self.description
    }

    fn check_frame(&self, keys: &KeyBundle, frame: usize, bytes: &[u8]) -> Result<(), FrameError> {
        let set = self.bundle.contract().set();
        let Some(index) = frame.checked_sub(1) else {
            let same = KeyBundle::from_head(set, bytes)? == *keys;
            return if same { Ok(()) } else { Err(FrameError::OtherList) };
        };
        match keys.key(index).ok_or(FrameError::OtherList)? {
            Key::Scheme(spec) => drop(SeededKey::from_bytes(set, spec, bytes)?),
            Key::Exact(exact, piece) => drop(SeededPiece::from_bytes(exact, piece, bytes)?),
        }
        Ok(())
    }

    fn check_request(&self, bytes: &[u8]) -> Result<(), RequestError> {
        Model::check_request(self.bundle.contract(), bytes)
    }

    fn expand(
        &self,
        keys: &KeyBundle,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<ExpandedKeys, ExpandError> {
        let mut scheme = Vec::with_capacity(keys.scheme().len());
        for (index, spec) in keys.scheme().specs().iter().enumerate() {
            let bytes = read(index + 1)?;
            scheme.push(Arc::new(Model::read_key(self.bundle.contract(), spec, &bytes)?));
        }
        labels::expand(scheme, keys, read)
    }

    fn load(&self) -> Result<Arc<dyn LoadedModel>, String> {
        let model = self.engine.load(&self.bundle).map_err(|error| error.to_string())?;
        let labels = self.labels.iter().map(|label| {
            let contract = &label.accepted;
            (contract.tells(), Labels::new(&model, contract))
        });
        let labels = labels.collect();
        Ok(Arc::new(EncodedModel { model, labels }))
    }
}

/// A model with its constants encoded.
struct EncodedModel {
    model: Model,
    /// Or why there are none: its scores can be told nevertheless.
    labels: Vec<(AnswerKind, Result<Labels, String>)>,
}

impl LoadedModel for EncodedModel {
    fn weight(&self) -> Weight {
        // The address names the scheme: it lives as long as one of its models.
        let shared = self.model.steps().map(|steps| {
            let scheme = steps.scheme();
            (Arc::as_ptr(scheme) as usize, scheme.byte_len() as u64)
        });
        let labels = self.labels.iter().filter_map(|(_, labels)| labels.as_ref().ok());
        let labels =
            labels.map(Labels::byte_len).sum::<usize>() + labels::tail_byte_len(&self.model);
        Weight { bytes: (self.model.byte_len() + labels) as u64, shared }
    }

    fn run(
        &self,
        answer: AnswerKind,
        keys: &RunKeys,
        request: &[u8],
        progress: &mut (dyn FnMut(usize, usize) -> ControlFlow<()> + Send),
    ) -> Result<Vec<u8>, RunError> {
        let mut progress = Progress { tell: progress, done: 0, total: 0 };
        if let AnswerKind::Scores | AnswerKind::Features = answer {
            return labels::values(&self.model, keys, request, &mut progress);
        }
        match self.labels.iter().find(|(kind, _)| *kind == answer) {
            Some((_, Ok(labels))) => labels.run(&self.model, keys, request, &mut progress),
            Some((_, Err(reason))) => Err(RunError::Failed(reason.clone())),
            None => Err(RunError::Failed("this model does not answer so".to_owned())),
        }
    }
}

impl From<EvaluateError> for RunError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Read(error) => Self::Request(error),
            EvaluateError::Run(blindsight_engine::RunError::Cancelled) => Self::Cancelled,
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Tells how far a run is; within a step again and again, because a step is long and whoever is
/// told may end the run.
pub(super) struct Progress<'a> {
    tell: &'a mut (dyn FnMut(usize, usize) -> ControlFlow<()> + Send),
    done: usize,
    total: usize,
}

impl Progress<'_> {
    /// Tells once more what was told last.
    #[cfg(feature = "exact")]
    pub(super) fn again(&mut self) -> ControlFlow<()> {
        (self.tell)(self.done, self.total)
    }
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
