//! What the folder of models amounts to.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::ServedModel;
use super::folder::Folder;
use crate::refusal::{Refusal, sentence};

/// The models that are served at one moment, and the files that are not.
#[derive(Default)]
pub struct Catalogue {
    models: Vec<Arc<dyn ServedModel>>,
    /// Names of models whose scores are not told.
    withheld: Vec<String>,
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
        let (mut broken, mut withheld) = (Vec::new(), Vec::new());
        for (file, outcome) in folder.files() {
            let refused = match outcome {
                Err(reason) => sentence(reason.trim_end_matches('.')),
                Ok(of_file) => {
                    let ids = || of_file.models.iter().map(|model| model.description().id());
                    let taken = |other: &&Arc<dyn ServedModel>| {
                        ids().find(|id| *id == other.description().id())
                    };
                    let twice = served.iter().find_map(|(f, other)| Some((*f, taken(other)?)));
                    let Some((other, id)) = twice else {
                        served.extend(of_file.models.iter().map(|model| (file, model)));
                        withheld.extend(of_file.withheld.clone());
                        continue;
                    };
                    format!("{other} has a model of the same name, {id}.")
                }
            };
            broken.push(Broken { file: file.to_owned(), reason: refused });
        }
        let mut models: Vec<_> = served.into_iter().map(|(_, model)| model.clone()).collect();
        models.sort_by_key(|model| Some(model.description().id()) != first);
        Self { models, withheld, broken }
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
    ///
    /// # Errors
    /// `unknown_model`, or `scores_withheld` where its owner allows its label alone.
    pub fn find(&self, id: &str) -> Result<&Arc<dyn ServedModel>, Refusal> {
        let found = self.models.iter().find(|model| model.description().id() == id);
        found.ok_or_else(|| {
            if self.withheld.iter().any(|withheld| withheld == id) {
                Refusal::scores_withheld(id)
            } else {
                Refusal::unknown_model(id)
            }
        })
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
