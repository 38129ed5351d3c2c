//! Networks from files.

use std::error::Error;
use std::path::Path;

use blindsight_model::fingerprint::Fingerprint;
use blindsight_model::fold::fold_batch_norm;
use blindsight_model::graph::Graph;
use blindsight_model::model::Model;
use blindsight_model::sequential::{About, TrainedNetwork};
use blindsight_model::weights::Weights;

use crate::files::read;

/// A network with what its file says of it.
pub(crate) struct Network {
    /// Without batch normalisations.
    pub(crate) graph: Graph,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) title: Option<String>,
    /// Names of its classes, if the file tells them.
    pub(crate) classes: Option<Vec<String>>,
    /// Mean and standard deviation of colours, if the file tells them.
    pub(crate) normalisation: Option<(Vec<f32>, Vec<f32>)>,
}

impl Network {
    /// Reads an ONNX file, or a safetensors file: of layers, or of a ResNet20 with metadata.
    /// Sides of the input that an ONNX file leaves open become those given.
    pub(crate) fn read(path: &Path, sides: &[usize]) -> Result<Self, Box<dyn Error>> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("safetensors") => {
                Self::of_safetensors(&read(path)?).map_err(|error| named(&error).into())
            }
            Some("onnx") => Self::of_onnx(path, sides).map_err(|error| named(&error).into()),
            _ => Err(named(&"a network is a file called .onnx or .safetensors").into()),
        }
    }

    fn of_onnx(path: &Path, sides: &[usize]) -> Result<Self, Box<dyn Error>> {
        let imported = blindsight_onnx::import_file_with_sides(path, sides)?;
        Ok(Self {
            graph: fold_batch_norm(&imported.graph)?,
            fingerprint: Fingerprint::of(&read(path)?),
            title: None,
            classes: None,
            normalisation: None,
        })
    }

    fn of_safetensors(bytes: &[u8]) -> Result<Self, Box<dyn Error>> {
        let weights = Weights::parse(bytes)?;
        if TrainedNetwork::described_by(&weights) {
            return Ok(Self::of_layers(&TrainedNetwork::from_weights(weights)?));
        }
        let model = Model::from_weights(weights)?;
        let metadata = model.metadata();
        let normalisation = &metadata.normalisation;
        Ok(Self {
            graph: model.graph().clone(),
            fingerprint: model.fingerprint(),
            title: Some(format!("ResNet20 with {}, CIFAR-10", metadata.activation)),
            classes: Some(metadata.classes.iter().map(str::to_owned).collect()),
            normalisation: Some((
                normalisation.mean().to_vec(),
                normalisation.deviation().to_vec(),
            )),
        })
    }

    fn of_layers(network: &TrainedNetwork) -> Self {
        let About { title, classes, normalisation, .. } = network.about().clone();
        Self {
            graph: network.graph().clone(),
            fingerprint: network.fingerprint(),
            title,
            classes: (!classes.is_empty()).then_some(classes),
            normalisation: normalisation.map(|numbers| (numbers.mean, numbers.deviation)),
        }
    }
}
