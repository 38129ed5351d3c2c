//! A trained network as one file: safetensors, with the layers in its metadata.

use std::collections::HashMap;

use safetensors::serialize;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::{Architecture, DescriptionError, FileError};
use crate::classes::check_names;
use crate::fingerprint::Fingerprint;
use crate::fold::fold_batch_norm;
use crate::graph::Graph;
use crate::picture::Preparation;
use crate::weights::Weights;

/// Longest description of layers accepted, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 1 << 16;

/// The metadata entry that holds everything, as JSON: metadata have no order, and with one entry
/// the same network always makes the same file.
const ENTRY: &str = "sequential";

/// What a network says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who made it, and from which data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The licence of the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The command that trained it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Names of the classes in the order of the scores; none where scores are no classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// How pixels become the input; none where the input is no picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<InputNormalisation>,
}

/// Input from pixels: `(value / 255 - mean) / deviation`, one number for every channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputNormalisation {
    /// Mean of every channel, where the brightest value is 1.
    pub mean: Vec<f32>,
    /// Standard deviation of every channel, on the same scale.
    pub deviation: Vec<f32>,
}

/// A network from a file, ready to run.
#[derive(Clone, Debug)]
pub struct TrainedNetwork {
    architecture: Architecture,
    about: About,
    graph: Graph,
    fingerprint: Fingerprint,
}

impl TrainedNetwork {
    /// Whether a file of weights says that it is one of layers.
    #[must_use]
    pub fn described_by(weights: &Weights) -> bool {
        weights.metadata().contains_key(ENTRY)
    }

    /// Reads a file, and folds its batch normalisations.
    ///
    /// # Errors
    /// [`FileError`] when the file is no safetensors file, its description is missing or not good,
    /// or its tensors are not those of its layers.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, FileError> {
        Self::from_weights(Weights::parse(bytes)?)
    }

    /// The same of a file that was read.
    ///
    /// # Errors
    /// As [`TrainedNetwork::from_safetensors`].
    pub fn from_weights(weights: Weights) -> Result<Self, FileError> {
        let Description { network: architecture, about } = describe(&weights)?;
        let fingerprint = weights.fingerprint();
        let graph = fold_batch_norm(&architecture.graph(weights)?)?;
        Ok(Self { architecture, about, graph, fingerprint })
    }

    /// The file of a network: `tensors` are those of [`Architecture::parameters`], in that order.
    ///
    /// # Errors
    /// [`FileError`] when a tensor has another size, or the file could not be read again.
    pub fn to_safetensors(
        architecture: &Architecture,
        about: &About,
        tensors: &[impl AsRef<[f32]>],
    ) -> Result<Vec<u8>, FileError> {
        let parameters = architecture.parameters();
        let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let data: Vec<Vec<u8>> = tensors.iter().map(|tensor| bytes(tensor.as_ref())).collect();
        let mut views = Vec::with_capacity(parameters.len());
        for (at, parameter) in parameters.iter().enumerate() {
            let bytes = data.get(at).map_or(&[][..], Vec::as_slice);
            let (name, expected, found) = (parameter.name(), parameter.count(), bytes.len() / 4);
            if found != expected {
                return Err(FileError::Count { name, expected, found });
            }
            views.push((name, TensorView::new(Dtype::F32, parameter.dims.clone(), bytes)?));
        }
        let description = Description { network: architecture.clone(), about: about.clone() };
        let json = serde_json::to_string(&description).map_err(DescriptionError::Malformed)?;
        let file = serialize(views, Some(HashMap::from([(ENTRY.to_owned(), json)])))?;
        Self::from_safetensors(&file)?;
        Ok(file)
    }

    /// The layers.
    #[must_use]
    pub const fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What the network says of itself.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// The network without batch normalisations.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Tells the file from others.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    network: Architecture,
    about: About,
}

fn describe(weights: &Weights) -> Result<Description, DescriptionError> {
    let json = weights.metadata().get(ENTRY).ok_or(DescriptionError::Missing)?;
    if json.len() > MAX_DESCRIPTION_BYTES {
        return Err(DescriptionError::TooLong { found: json.len() });
    }
    let description: Description = serde_json::from_str(json)?;
    let Description { network, about } = &description;
    let (expected, found) = (network.output().elements(), about.classes.len());
    if found != 0 && found != expected {
        return Err(DescriptionError::Classes { expected, found });
    }
    check_names(&about.classes)?;
    if let Some(InputNormalisation { mean, deviation }) = &about.normalisation {
        Preparation::new(network.input(), mean, deviation)?;
    }
    Ok(description)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;
    use crate::graph::ActivationKind;
    use crate::plain::PlainNetwork;
    use crate::sequential::{Quadratic, Sequential};
    use crate::tensor::Tensor;
    use crate::weights::WeightsError;

    fn small() -> Architecture {
        Sequential::new([1, 4, 4])
            .conv2d(2, 3)
            .batch_norm()
            .activation(Quadratic::learnable())
            .avg_pool(2)
            .dense(3)
            .build()
            .unwrap()
    }

    fn about() -> About {
        let normalisation = InputNormalisation { mean: vec![0.25], deviation: vec![0.5] };
        About {
            title: Some("Small".to_owned()),
            licence: Some("MIT".to_owned()),
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            normalisation: Some(normalisation),
            ..About::default()
        }
    }

    /// 0.1, 0.2, 0.3, ... for every tensor: all variances are positive.
    fn tensors(architecture: &Architecture) -> Vec<Vec<f32>> {
        let numbers = |count| (1..=count).map(|x| x as f32 / 10.0).collect();
        architecture.parameters().iter().map(|parameter| numbers(parameter.count())).collect()
    }

    #[test]
    fn a_network_is_read_as_it_was_written() {
        let network = small();
        let file = TrainedNetwork::to_safetensors(&network, &about(), &tensors(&network)).unwrap();
        let read = TrainedNetwork::from_safetensors(&file).unwrap();
        assert_eq!((read.architecture(), read.about()), (&network, &about()));
        assert_eq!(read.fingerprint(), Fingerprint::of(&file));
        let again = TrainedNetwork::to_safetensors(&network, &about(), &tensors(&network)).unwrap();
        assert_eq!(again, file);
    }

    #[test]
    fn what_is_read_computes_what_its_layers_say() {
        let network = small();
        let file = TrainedNetwork::to_safetensors(&network, &about(), &tensors(&network)).unwrap();
        let read = TrainedNetwork::from_safetensors(&file).unwrap();
        let input = Tensor::new(network.input(), vec![1.0; 16]).unwrap();
        let found = PlainNetwork::new(read.graph().clone()).run(&input).unwrap();
        // By hand: every element of a channel is the same, so pooling changes nothing.
        let sums = [(0.1 + 0.9) * 4.5 + 0.1, (1.0 + 1.8) * 4.5 + 0.2];
        let norm = |x: f64, n: f64| (x - n) / (n + 1e-5_f64).sqrt() * n + n;
        let quadratic = |x: f64| 0.1 * x * x + 0.2 * x + 0.3;
        let [first, second] = [(sums[0], 0.1), (sums[1], 0.2)].map(|(x, n)| quadratic(norm(x, n)));
        for (row, score) in found.values().iter().enumerate() {
            let at = row as f64;
            let expected = (0.2 * at + 0.1) * first + (0.2 * at + 0.2) * second + (at + 1.0) / 10.0;
            assert!((f64::from(*score) - expected).abs() < 1e-4 * expected, "{score} {expected}");
        }
    }

    #[test]
    fn tensors_must_be_those_of_the_layers() {
        let network = small();
        let mut wrong = tensors(&network);
        wrong[1].push(0.0);
        let refused = TrainedNetwork::to_safetensors(&network, &about(), &wrong).unwrap_err();
        assert_eq!(refused.to_string(), "tensor 0.bias needs 2 numbers, but there are 3");
        wrong[1].truncate(2);
        wrong[5][0] = -1.0;
        let refused = TrainedNetwork::to_safetensors(&network, &about(), &wrong).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "layer 1 has impossible parameters: the variance is not positive"
        );
        let file = TrainedNetwork::to_safetensors(&network, &about(), &tensors(&network)).unwrap();
        let other = Sequential::new([1, 4, 4]).activation(ActivationKind::Square).dense(3);
        let refused = other.build().unwrap().graph(Weights::parse(&file).unwrap()).unwrap_err();
        assert!(matches!(refused, FileError::Weights(WeightsError::Misshapen { .. })), "{refused}");
    }

    #[test]
    fn descriptions_are_checked() {
        let network = small();
        let refused = |change: &dyn Fn(&mut About)| {
            let mut about = about();
            change(&mut about);
            let refused = TrainedNetwork::to_safetensors(&network, &about, &tensors(&network));
            refused.unwrap_err().to_string()
        };
        let found = refused(&|about| about.classes.truncate(2));
        assert_eq!(found, "there are 2 names of classes, but 3 scores");
        let found = refused(&|about| about.classes[1].clear());
        assert!(found.contains("class name 1"), "{found}");
        let deviation = |about: &mut About| {
            about.normalisation =
                Some(InputNormalisation { mean: vec![0.0], deviation: vec![0.0] });
        };
        let found = refused(&deviation);
        assert!(found.contains("standard deviation"), "{found}");
        let found = refused(&|about| about.source = Some("x".repeat(MAX_DESCRIPTION_BYTES)));
        assert!(found.contains("at most 65536 are accepted"), "{found}");
        let bytes = crate::weights::tests::file(&[], &[("activation", "relu")]);
        let refused = TrainedNetwork::from_safetensors(&bytes).unwrap_err();
        assert_eq!(refused.to_string(), "the file's metadata do not describe layers");
        for json in ["", "{}", "[[[[", r#"{"network":{"input":[1,1,1],"layers":[]},"about":{}}"#] {
            let bytes = crate::weights::tests::file(&[], &[(ENTRY, json)]);
            let refused = TrainedNetwork::from_safetensors(&bytes).unwrap_err();
            assert!(matches!(refused, FileError::Description(DescriptionError::Malformed(_))));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]
        #[test]
        fn damaged_files_never_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let network = small();
            let file = TrainedNetwork::to_safetensors(&network, &about(), &tensors(&network));
            let mut bytes = file.unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            // What is read after all is a network that runs.
            if let Ok(read) = TrainedNetwork::from_safetensors(&bytes) {
                let input = Tensor::zeros(read.architecture().input());
                prop_assert!(PlainNetwork::new(read.graph().clone()).run(&input).is_ok());
            }
        }
    }
}
