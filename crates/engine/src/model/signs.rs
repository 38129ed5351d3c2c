//! Networks of signs, run by TFHE alone: docs/exact.md.

use std::ops::ControlFlow;

use blindsight_exact_eval::network::SignsObserver;
use blindsight_exact_eval::{ExactError, ExactKey, Lwe, SignNetwork};

use super::label::LabelError;
use super::request::read_signs;
use super::{Code, EvaluateError, Model, RunError, RunObserver};

impl Model {
    /// The network of signs, if the model is one.
    #[must_use]
    pub fn signs(&self) -> Option<&SignNetwork> {
        match &self.code {
            Code::Signs(network) => Some(network),
            Code::Steps(_) | Code::Batch(_) => None,
        }
    }

    /// Runs a network of signs: from the bytes of a request to those of the answer with scores.
    ///
    /// # Errors
    /// When the model is no such network, the request none for it, the key of another set, or the
    /// observer ends the run.
    pub fn sign_scores(
        &self,
        key: &ExactKey,
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Vec<u8>, LabelError> {
        let scores = self.run_signs(key, request, observer)?;
        Ok(key.scores_answer(&scores).to_bytes(key.set()))
    }

    /// The scores of a request.
    pub(super) fn run_signs(
        &self,
        key: &ExactKey,
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Vec<Lwe>, LabelError> {
        let network = self.signs().ok_or(LabelError::Form)?;
        let picture = read_signs(&self.contract, request).map_err(EvaluateError::from)?;
        let layers = network.layers().len();
        let mut watched = Watched { observer, layers };
        let ended = |error| match error {
            ExactError::Ended => LabelError::Evaluate(RunError::Cancelled.into()),
            error => error.into(),
        };
        let scores = key.network_scores(network, &picture, &mut watched).map_err(ended)?;
        let Watched { observer, .. } = watched;
        match observer.progress(layers, layers) {
            ControlFlow::Continue(()) => Ok(scores),
            ControlFlow::Break(()) => Err(ended(ExactError::Ended)),
        }
    }
}

/// Tells how many layers are done.
struct Watched<'a, O> {
    observer: &'a mut O,
    layers: usize,
}

impl<O: RunObserver> SignsObserver for Watched<'_, O> {
    fn within(&mut self, layer: usize) -> ControlFlow<()> {
        self.observer.progress(layer, self.layers)
    }
}
