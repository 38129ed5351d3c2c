//! A classifier as it is served: network, metadata and fingerprint from one weights file.

use thiserror::Error;

use crate::fingerprint::Fingerprint;
use crate::fold::{FoldError, fold_batch_norm};
use crate::graph::Graph;
use crate::metadata::{Metadata, MetadataError};
use crate::resnet20::{ResNet20Error, resnet20};
use crate::weights::{Weights, WeightsError};

/// A ResNet20 ready to be served or calibrated.
#[derive(Clone, Debug)]
pub struct Model {
    metadata: Metadata,
    graph: Graph,
    fingerprint: Fingerprint,
}

impl Model {
    /// Reads a safetensors file with PyTorch's tensor names and folds its batch normalisations.
    ///
    /// # Errors
    /// [`ModelError`] when the file, its metadata or its tensors are not those of a ResNet20.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_weights(Weights::parse(bytes)?)
    }

    /// The same of a file that was read.
    ///
    /// # Errors
    /// As [`Model::from_safetensors`].
    pub fn from_weights(weights: Weights) -> Result<Self, ModelError> {
        let metadata = Metadata::parse(weights.metadata())?;
        let fingerprint = weights.fingerprint();
        let graph = fold_batch_norm(&resnet20(weights, metadata.activation)?)?;
        Ok(Self { metadata, graph, fingerprint })
    }

    /// What the model says of itself.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The network, from the 3 x 32 x 32 picture to ten scores, without batch normalisations.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Tells the weights file from others.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Why a file is no model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read as weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The metadata are not good.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The tensors do not make a ResNet20.
    #[error(transparent)]
    ResNet20(#[from] ResNet20Error),
    /// The batch normalisations cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::resnet20::tests::made_up_file;

    pub(crate) const METADATA: [(&str, &str); 4] = [
        ("mean", "0.5,0.5,0.5"),
        ("std", "0.25,0.25,0.25"),
        ("classes", "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"),
        ("activation", "relu"),
    ];

    /// A ResNet20 with made-up weights: right in form, useless as a classifier.
    pub(crate) fn made_up_model() -> Model {
        // One file for all tests: metadata are written in random order, which changes the
        // fingerprint.
        static MODEL: LazyLock<Model> =
            LazyLock::new(|| Model::from_safetensors(&made_up_file(|_| (), &METADATA)).unwrap());
        MODEL.clone()
    }

    #[test]
    fn a_model_is_folded() {
        let model = made_up_model();
        let names: Vec<_> = model.graph().nodes().map(|(_, node)| node.name()).collect();
        assert!(!names.contains(&"batch normalisation"));
        assert_eq!(names.iter().filter(|&&name| name == "convolution").count(), 19);
    }

    #[test]
    fn each_part_of_the_file_is_checked() {
        let refused = Model::from_safetensors(b"no weights").unwrap_err();
        assert!(matches!(refused, ModelError::Weights(_)));
        let refused = Model::from_safetensors(&made_up_file(|_| (), &METADATA[1..])).unwrap_err();
        assert!(matches!(refused, ModelError::Metadata(MetadataError::Missing("mean"))));
        let without_last = |tensors: &mut Vec<_>| drop(tensors.pop());
        let refused = Model::from_safetensors(&made_up_file(without_last, &METADATA)).unwrap_err();
        assert!(matches!(refused, ModelError::ResNet20(_)));
    }
}
