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

    /// The network without its last layer, which leaves no classes.
    pub(crate) fn features(self) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            graph: self.graph.features()?,
            fingerprint: self.fingerprint.of_features(),
            title: self.title.map(|title| format!("Encoder: {title}")),
            classes: None,
            ..self
        })
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

#[cfg(test)]
mod tests {
    use blindsight_model::sequential::{InputNormalisation, Sequential};

    use super::*;

    #[test]
    fn files_of_layers_say_what_they_are() {
        let layers = Sequential::new([1, 2, 2]).dense(2).batch_norm().build().unwrap();
        let normalisation = InputNormalisation { mean: vec![0.5], deviation: vec![0.25] };
        let about = About {
            title: Some("Two classes".to_owned()),
            classes: vec!["no".to_owned(), "yes".to_owned()],
            normalisation: Some(normalisation),
            ..About::default()
        };
        let parameters = layers.parameters();
        let tensors: Vec<_> = parameters.iter().map(|tensor| vec![1.0; tensor.count()]).collect();
        let file = TrainedNetwork::to_safetensors(&layers, &about, &tensors).unwrap();
        let network = Network::of_safetensors(&file).unwrap();
        let nothing = Network::of_safetensors(&file).unwrap().features().err().unwrap();
        assert!(nothing.to_string().contains("this network ends with"), "{nothing}");
        assert_eq!(network.title.as_deref(), Some("Two classes"));
        assert_eq!(network.classes.unwrap(), ["no", "yes"]);
        assert_eq!(network.normalisation.unwrap(), (vec![0.5], vec![0.25]));
        assert_eq!(network.fingerprint, Fingerprint::of(&file));
        assert_eq!(network.graph.shape(network.graph.output()).elements(), 2);
        let refused = Network::of_safetensors(&file[..file.len() - 1]).err().unwrap();
        assert!(refused.to_string().contains("weights file is damaged"), "{refused}");
    }
}
