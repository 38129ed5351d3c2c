//! Labels alone and networks of signs, both by TFHE: what they take of a model and of a client's keys.
//! Without the cargo feature `exact` there are none.

use std::sync::Arc;

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_contract::KeyBundle;
use blindsight_engine::Model;
use bytes::Bytes;

use super::compiled::Progress;
use super::{ExpandError, ExpandedKeys, RunError, RunKeys};

#[cfg(feature = "exact")]
pub(super) use decided::Labels;
#[cfg(not(feature = "exact"))]
pub(super) use never::Labels;

/// Whether this program decides on labels.
pub(super) const ARE_DECIDED: bool = cfg!(feature = "exact");

/// The keys of a bundle, those for exact answers expanded beside those that are.
pub(super) fn expand(
    scheme: Vec<Arc<EvaluationKey>>,
    keys: &KeyBundle,
    read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
) -> Result<ExpandedKeys, ExpandError> {
    #[cfg(feature = "exact")]
    if let Some(set) = keys.exact() {
        let mut frames = keys.scheme().len() + 1..;
        let key = blindsight_engine::label::ExactKey::read(set, |_| {
            // Pieces are asked for in the order in which they stand in the bundle.
            read(frames.next().unwrap_or(usize::MAX))
        })?;
        return Ok(ExpandedKeys { scheme, exact: Some(Arc::new(key)) });
    }
    let _ = (keys, read);
    Ok(ExpandedKeys::of_scheme(scheme))
}

/// The bytes of what labels are made from, beside the model's own constants.
pub(super) fn tail_byte_len(model: &Model) -> usize {
    #[cfg(feature = "exact")]
    return model.tail_byte_len();
    #[cfg(not(feature = "exact"))]
    {
        let _ = model;
        0
    }
}

/// Runs a model to its scores or features.
pub(super) fn values(
    model: &Model,
    keys: &RunKeys,
    request: &[u8],
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>, RunError> {
    #[cfg(feature = "exact")]
    if model.signs().is_some() {
        return Ok(model.sign_scores(decided::key(keys)?, request, progress)?);
    }
    Ok(model.evaluate(&keys.scheme, request, progress)?)
}

#[cfg(feature = "exact")]
mod decided {
    use std::ops::ControlFlow;

    use blindsight_contract::AcceptedContract;
    use blindsight_engine::Model;
    use blindsight_engine::label::{self, Entropy, ExactKey, LabelError};

    use super::super::compiled::Progress;
    use super::super::{RunError, RunKeys};

    /// What a model's labels are made with.
    pub(in super::super) struct Labels(label::Labels);

    impl Labels {
        pub(in super::super) fn new(
            model: &Model,
            contract: &AcceptedContract,
        ) -> Result<Self, String> {
            model.labels(contract).map(Self).map_err(|error| error.to_string())
        }

        pub(in super::super) fn byte_len(&self) -> usize {
            self.0.byte_len()
        }

        /// Runs the model up to its scores, and decides.
        pub(in super::super) fn run(
            &self,
            model: &Model,
            keys: &RunKeys,
            request: &[u8],
            progress: &mut Progress<'_>,
        ) -> Result<Vec<u8>, RunError> {
            let key = key(keys)?;
            let keys = (&keys.scheme, key);
            let scores = model.unfinished_scores(&self.0, keys, request, progress)?;
            if progress.again() == ControlFlow::Break(()) {
                return Err(RunError::Cancelled);
            }
            let mut entropy = Entropy::from_os().map_err(LabelError::from)?;
            Ok(model.label_answer(&self.0, key, &scores, &mut entropy)?)
        }
    }

    pub(super) fn key(keys: &RunKeys) -> Result<&ExactKey, RunError> {
        let missing = || RunError::Failed("the keys for exact answers are missing".to_owned());
        keys.exact.as_deref().ok_or_else(missing)
    }

    impl From<LabelError> for RunError {
        fn from(error: LabelError) -> Self {
            match error {
                LabelError::Evaluate(error) => error.into(),
                error => Self::Failed(error.to_string()),
            }
        }
    }
}

#[cfg(not(feature = "exact"))]
mod never {
    use blindsight_contract::AcceptedContract;
    use blindsight_engine::Model;

    use super::super::compiled::Progress;
    use super::super::{RunError, RunKeys};

    /// There are none.
    pub(in super::super) enum Labels {}

    impl Labels {
        pub(in super::super) fn new(_: &Model, _: &AcceptedContract) -> Result<Self, String> {
            Err("this program does not decide on labels".to_owned())
        }

        pub(in super::super) fn byte_len(&self) -> usize {
            match *self {}
        }

        pub(in super::super) fn run(
            &self,
            _: &Model,
            _: &RunKeys,
            _: &[u8],
            _: &mut Progress<'_>,
        ) -> Result<Vec<u8>, RunError> {
            match *self {}
        }
    }
}
