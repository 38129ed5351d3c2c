//! What the folder of models amounts to.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::ServedModel;
use super::folder::Folder;
use crate::refusal::sentence;

/// The models that are served at one moment, and the files that are not.
#[derive(Default)]
pub struct Catalogue {
    models: Vec<Arc<dyn ServedModel>>,
    broken: Vec<Broken>,
}

/// A file that is no model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Broken {
    /// Its name.
    #[schema(example = "resnet20.bs")]
    pub file: String,
    /// Why, in a sentence.
    pub reason: String,
}

impl Catalogue {
    /// Models by the names of their files, but the one with the name `first` before all others.
    pub(super) fn new(folder: &Folder, first: Option<&str>) -> Self {
        let mut served: Vec<(&str, &Arc<dyn ServedModel>)> = Vec::new();
        let mut broken = Vec::new();
        for (file, outcome) in folder.files() {
            let refused = match outcome {
                Err(reason) => sentence(reason.trim_end_matches('.')),
                Ok(model) => {
                    let id = model.description().id();
                    match served.iter().find(|(_, other)| other.description().id() == id) {
                        None => {
                            served.push((file, model));
                            continue;
                        }
                        Some((other, _)) => format!("{other} has a model of the same name, {id}."),
                    }
                }
            };
            broken.push(Broken { file: file.to_owned(), reason: refused });
        }
        let mut models: Vec<_> = served.into_iter().map(|(_, model)| model.clone()).collect();
        models.sort_by_key(|model| Some(model.description().id()) != first);
        Self { models, broken }
    }

    /// The models. The first one is the default.
    #[must_use]
    pub fn models(&self) -> &[Arc<dyn ServedModel>] {
        &self.models
    }

    /// Files that are no models.
    #[must_use]
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The model with this name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<dyn ServedModel>> {
        self.models.iter().find(|model| model.description().id() == id)
    }

    pub(super) fn log(&self) {
        self.log_changes(&Self::default());
    }

    pub(super) fn log_changes(&self, before: &Self) {
        let has = |catalogue: &Self, model: &Arc<dyn ServedModel>| {
            let key = model.description().key();
            catalogue.models.iter().any(|other| other.description().key() == key)
        };
        for model in before.models.iter().filter(|model| !has(self, model)) {
            tracing::info!(model = model.description().id(), "model left");
        }
        for model in self.models.iter().filter(|model| !has(before, model)) {
            tracing::info!(model = model.description().id(), "model served");
        }
        for Broken { file, reason } in &self.broken {
            if !before.broken.iter().any(|other| other.file == *file && other.reason == *reason) {
                tracing::warn!(file, reason, "this file is no model that can be served");
            }
        }
    }
}
