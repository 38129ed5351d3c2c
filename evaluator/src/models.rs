//! The models that are served: the files of one folder, each ready to run when a job needs it.

mod catalogue;
mod compiled;
mod description;
mod folder;
mod labels;
mod served;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use blindsight_exact::{DecisionError, Lead};
use rayon::ThreadPool;
use thiserror::Error;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::shelf::{AcquireError, Lease, Shelf, Wanted};
use folder::Folder;

pub use blindsight_engine::RequestError;
pub use catalogue::{Broken, Catalogue};
pub use compiled::CompiledModel;
pub use description::{Description, Listing};
pub use served::{
    ExpandError, ExpandedKeys, FrameError, LoadedModel, RunError, RunKeys, ServedModel,
};

/// All models of a service.
pub struct Models {
    parse: Parse,
    first: Option<String>,
    folder: Mutex<Folder>,
    catalogue: RwLock<Arc<Catalogue>>,
    loaded: Shelf<ModelKey, dyn LoadedModel>,
    metrics: Arc<Metrics>,
}

/// How a file becomes a model; a sentence says why it does not.
pub type Parse = Box<dyn Fn(&[u8]) -> Result<ServedFile, String> + Send + Sync>;

/// What is served of a file.
pub struct ServedFile {
    /// One model, in all ways in which it may be used.
    pub models: Vec<Arc<dyn ServedModel>>,
    /// The name by which it would be asked for scores, if they are not told.
    pub withheld: Option<String>,
}

impl ServedFile {
    /// A model in one way.
    #[must_use]
    pub fn one(model: Arc<dyn ServedModel>) -> Self {
        Self { models: vec![model], withheld: None }
    }
}

/// What owners of models allow.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    labels_only: Vec<String>,
    lead: Option<Lead>,
}

impl Answers {
    /// What a configuration allows.
    ///
    /// # Errors
    /// When its lead is none.
    pub fn of(config: &Config) -> Result<Self, DecisionError> {
        let lead = config.lead.map(Lead::new).transpose()?;
        Ok(Self { labels_only: config.labels_only.clone(), lead })
    }

    /// By how much labels must lead that are answered with a lead, where they are.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        self.lead
    }

    /// Whether of the model with this name only the label may be answered.
    #[must_use]
    pub fn are_labels_only(&self, id: &str) -> bool {
        self.labels_only.iter().any(|named| named == "all" || named == id)
    }
}

/// Which model, in which version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelKey {
    /// Its name in the protocol.
    pub id: Arc<str>,
    /// SHA-256 of its file.
    pub fingerprint: [u8; 32],
}

/// A model in use: it stays loaded meanwhile.
pub type LoadedLease<'a> = Lease<'a, ModelKey, dyn LoadedModel>;

/// Why there are no models to serve.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// The folder.
    #[error("the folder of models {}: {source} (--models names another)", path.display())]
    Folder {
        /// Where it should be.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// No file in it is a model.
    #[error(
        "no model can be served: the folder {} has no file *.bs that is a compiled model{broken} \
         (--models names another folder)",
        path.display()
    )]
    None {
        /// The folder.
        path: PathBuf,
        /// Its broken files, with the reasons.
        broken: String,
    },
}

impl Models {
    /// Reads the folder of models. Nothing is encoded.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds no model at all. Broken files beside good ones are
    /// no error: see [`Catalogue::broken`].
    pub fn open(
        config: &Config,
        parse: Parse,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ModelsError> {
        let path = &config.models;
        let mut folder = Folder::new(path);
        let looked = folder.look(&parse, false);
        looked.map_err(|source| ModelsError::Folder { path: path.clone(), source })?;
        let first = config.default_model.clone();
        let catalogue = Catalogue::new(&folder, first.as_deref());
        catalogue.log();
        if catalogue.models().is_empty() {
            let broken = catalogue.broken().iter();
            let broken = broken.map(|broken| format!("; {}: {}", broken.file, broken.reason));
            return Err(ModelsError::None { path: path.clone(), broken: broken.collect() });
        }
        if let Some(first) = &first
            && catalogue.find(first).is_err()
        {
            tracing::warn!(model = %first, "the default model is not there");
        }
        let told = metrics.clone();
        Ok(Self {
            parse,
            first,
            folder: Mutex::new(folder),
            catalogue: RwLock::new(Arc::new(catalogue)),
            loaded: Shelf::new(config.model_memory, move |key: &ModelKey| {
                tracing::info!(model = %key.id, "model makes room");
                told.model_evicted(&key.id);
            }),
            metrics: metrics.clone(),
        })
    }

    /// What is served at this moment.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model with this name.
    ///
    /// # Errors
    /// As [`Catalogue::find`].
    pub fn find(&self, id: &str) -> Result<Arc<dyn ServedModel>, Refusal> {
        self.catalogue().find(id).cloned()
    }

    /// Some model of a parameter set: all of them know its keys.
    #[must_use]
    pub fn of_scheme(&self, scheme: &[u8; 32]) -> Option<Arc<dyn ServedModel>> {
        let catalogue = self.catalogue();
        let mut models = catalogue.models().iter();
        models.find(|model| model.description().scheme() == *scheme).cloned()
    }

    /// Looks whether the folder has changed. Models in use stay as they are until their runs end.
    /// Blocks while files are read.
    pub fn look(&self) {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        match folder.look(&self.parse, true) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                let path = folder.path().display();
                tracing::warn!(%path, %error, "the folder of models cannot be read");
                return;
            }
        }
        let catalogue = Arc::new(Catalogue::new(&folder, self.first.as_deref()));
        let mut current = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, catalogue.clone());
        drop(current);
        catalogue.log_changes(&before);
        for (key, _) in self.loaded.list() {
            if !catalogue.models().iter().any(|model| *model.description().key() == key) {
                self.loaded.remove(&key);
            }
        }
    }

    /// Makes a model ready to run on the threads of `pool`, unless it is: room in memory is made
    /// first. Blocks meanwhile, so it must not be called on such a thread.
    ///
    /// # Errors
    /// When its constants are damaged, or `give_up` said so.
    pub fn load(
        &self,
        model: &dyn ServedModel,
        pool: &ThreadPool,
        give_up: &dyn Fn() -> bool,
    ) -> Result<LoadedLease<'_>, AcquireError<String>> {
        let description = model.description();
        let (key, expected) = (description.key().clone(), description.loaded_bytes());
        let lease = self.loaded.acquire(&[Wanted { key, expected }], give_up, |key| {
            let start = Instant::now();
            let loaded = pool.install(|| model.load())?;
            let (weight, seconds) = (loaded.weight(), start.elapsed().as_secs_f64());
            tracing::info!(model = %key.id, bytes = weight.bytes, seconds, "model loaded");
            self.metrics.model_loaded(&key.id, seconds);
            Ok((loaded, weight))
        })?;
        // Replaced since it was looked up: nobody else will want this version.
        if self.find(description.id()).map_or(true, |m| m.description().key() != description.key())
        {
            self.loaded.remove(description.key());
        }
        Ok(lease)
    }

    /// Models that are loaded, with their bytes, and the bytes of all with what they share.
    #[must_use]
    pub fn loaded(&self) -> (Vec<(ModelKey, u64)>, u64) {
        (self.loaded.list(), self.loaded.bytes())
    }
}
