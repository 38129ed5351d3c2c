//! A network that is trained, measured and saved.

use std::fs;
use std::path::Path;

use blindsight_model::sequential::{
    About, Architecture, FileError, Layer, Sequential, TrainedNetwork,
};
use blindsight_model::tensor::Shape;
use blindsight_model::weights::Weights;

use crate::batches::{in_order, shuffled};
use crate::fit::{self, Epoch, Fit};
use crate::layer::{Kind, Mode};
use crate::network::Network;
use crate::rounding::Bits;
use crate::{Adam, Loss, Samples, TrainError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Samples that are measured at a time.
const BATCH: usize = 500;

/// From layers to a model.
pub trait Compile {
    /// Says how the network is to learn.
    ///
    /// # Errors
    /// [`TrainError`] when the layers are no network, or one of them cannot be trained.
    fn compile(self, optimiser: Adam, loss: impl Into<Loss>) -> Result<Model, TrainError>;
}

impl Compile for Sequential {
    fn compile(self, optimiser: Adam, loss: impl Into<Loss>) -> Result<Model, TrainError> {
        Model::new(self.build()?, optimiser, loss)
    }
}

/// A network with its weights, and how it learns.
pub struct Model {
    architecture: Architecture,
    pub(crate) network: Network,
    pub(crate) optimiser: Adam,
    pub(crate) loss: Loss,
    /// Whether the weights are still those that it began with.
    fresh: bool,
}

/// What a model makes of labelled samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The part whose highest score is that of their class; where inputs are to come again, the part of
    /// their numbers that come out on the right side of a half.
    pub accuracy: f64,
    /// The mean loss.
    pub loss: f64,
}

impl Model {
    /// A model without training.
    ///
    /// # Errors
    /// [`TrainError`] when a layer cannot be trained or a setting is out of range.
    pub fn new(
        architecture: Architecture,
        optimiser: Adam,
        loss: impl Into<Loss>,
    ) -> Result<Self, TrainError> {
        optimiser.check()?;
        let loss = loss.into();
        match loss {
            Loss::CrossEntropy(loss) => {
                loss.mistake().map_or(Ok(()), |what| Err(TrainError::Setting { what }))?;
            }
            Loss::Reconstruction => expect_reconstruction(&architecture)?,
        }
        let network = Network::new(&architecture, 0)?;
        Ok(Self { architecture, network, optimiser, loss, fresh: true })
    }

    /// Trains the network, from random weights the first time and from its own after that. Returns
    /// what every epoch came to. The model keeps the averaged weights.
    ///
    /// # Errors
    /// [`TrainError`] when samples do not fit the network, a setting is out of range, or the loss is
    /// not finite any more: the model then keeps the averaged weights from before that epoch.
    pub fn fit<'a>(
        &mut self,
        samples: &Samples,
        fit: impl Into<Fit<'a>>,
    ) -> Result<Vec<Epoch>, TrainError> {
        fit::fit(self, samples, fit.into())
    }

    /// Another optimiser for the next [`Model::fit`].
    ///
    /// # Errors
    /// [`TrainError::Setting`] when it is out of range.
    pub fn set_optimiser(&mut self, optimiser: Adam) -> Result<(), TrainError> {
        optimiser.check()?;
        self.optimiser = optimiser;
        Ok(())
    }

    /// Measures the network.
    ///
    /// # Errors
    /// [`TrainError`] when the samples do not fit the network.
    pub fn evaluate(&mut self, samples: &Samples) -> Result<Evaluation, TrainError> {
        self.evaluate_with(samples, None)
    }

    /// Measures it with the weights of convolutions and matrices rounded.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn evaluate_rounded(
        &mut self,
        samples: &Samples,
        bits: Bits,
    ) -> Result<Evaluation, TrainError> {
        self.evaluate_with(samples, Some(bits))
    }

    /// The scores of every sample, in order; its label does not matter.
    ///
    /// # Errors
    /// [`TrainError`] when the samples do not fit the network.
    pub fn predict(&mut self, samples: &Samples) -> Result<Vec<Vec<f32>>, TrainError> {
        self.expect_inputs(samples)?;
        let mut scores = Vec::new();
        for batch in in_order(samples, BATCH) {
            let rows = self.network.forward(batch.inputs, Mode::default());
            scores.extend(rows.rows().into_iter().map(|row| row.to_vec()));
        }
        Ok(scores)
    }

    /// Puts the nearest quadratic function in place of every one that is to be
    /// [fitted](blindsight_model::sequential::Activation::fitted), going by the values that these
    /// samples give it. The network should then learn to live with that. What is fitted already stays.
    ///
    /// # Errors
    /// [`TrainError`] when the samples do not fit the network, or have too few different values.
    pub fn fit_activations(&mut self, samples: &Samples) -> Result<(), TrainError> {
        self.expect_inputs(samples)?;
        let mode = Mode { counting: true, ..Mode::default() };
        for batch in in_order(samples, BATCH) {
            self.network.forward(batch.inputs, mode);
        }
        self.network.replace_functions().map_err(|index| TrainError::NotFitted { index })
    }

    /// Rounds the weights of convolutions and matrices.
    pub fn round(&mut self, bits: Bits) {
        for tensor in self.network.tensors().filter(|tensor| tensor.kind == Kind::Weights) {
            tensor.values = bits.rounded(&tensor.values);
        }
    }

    /// The encoder of an autoencoder, and the first layer that reads the code: what that reads are the
    /// features when it is compiled.
    ///
    /// # Errors
    /// [`TrainError::NoCode`] when no layer is a
    /// [latent code](blindsight_model::sequential::Sequential::latent).
    pub fn encoder(&mut self) -> Result<Self, TrainError> {
        let mut layers = self.architecture.layers().iter();
        let code = layers.position(|layer| *layer == Layer::Latent).ok_or(TrainError::NoCode)?;
        self.first_layers(code + 2)
    }

    /// The network of the first layers with their weights. It
    /// is for saving and predicting: what the whole network learnt from may not fit it.
    ///
    /// # Errors
    /// [`TrainError`] when there are not so many layers.
    pub fn first_layers(&mut self, count: usize) -> Result<Self, TrainError> {
        let input = self.architecture.input();
        let layers = self.architecture.layers().iter().copied().take(count).collect();
        let sides = [input.channels(), input.height(), input.width()];
        let architecture = Architecture::new(sides, layers)?;
        let mut network = Network::new(&architecture, 0)?;
        network.set(&self.network.values());
        Ok(Self { architecture, network, optimiser: self.optimiser, loss: self.loss, fresh: false })
    }

    /// The file of the network.
    ///
    /// # Errors
    /// [`TrainError::File`] when what it says of itself is not good, [`TrainError::NotFitted`] when a
    /// function is still to be fitted.
    pub fn to_safetensors(&mut self, about: &About) -> Result<Vec<u8>, TrainError> {
        // Nothing is counted, and so nothing that is fitted changes.
        self.network.replace_functions().map_err(|index| TrainError::NotFitted { index })?;
        Ok(TrainedNetwork::to_safetensors(&self.architecture, about, &self.network.values())?)
    }

    /// The network as it is when its file is read: what is compiled, or planned for encrypted inputs.
    ///
    /// # Errors
    /// As [`Model::to_safetensors`].
    pub fn trained(&mut self, about: &About) -> Result<TrainedNetwork, TrainError> {
        Ok(TrainedNetwork::from_safetensors(&self.to_safetensors(about)?)?)
    }

    /// Writes the file of the network; whatever lies there is replaced.
    ///
    /// # Errors
    /// [`TrainError`] when it cannot be written.
    pub fn save(&mut self, path: &Path, about: &About) -> Result<(), TrainError> {
        let bytes = self.to_safetensors(about)?;
        write(path, &bytes)
    }

    /// A model from its file: to learn from, or to learn on.
    ///
    /// # Errors
    /// [`TrainError::File`] when the file is no network of layers, and as [`Model::new`].
    pub fn from_safetensors(
        bytes: &[u8],
        optimiser: Adam,
        loss: impl Into<Loss>,
    ) -> Result<Self, TrainError> {
        // Which checks all that it says of itself.
        let architecture = TrainedNetwork::from_safetensors(bytes)?.architecture().clone();
        let mut weights = Weights::parse(bytes).map_err(FileError::from)?;
        let tensors = architecture.parameters().into_iter();
        let tensors = tensors.map(|tensor| weights.take(&tensor.name(), &tensor.dims));
        let tensors: Result<Vec<_>, _> = tensors.collect();
        let mut model = Self::new(architecture, optimiser, loss)?;
        model.network.set(&tensors.map_err(FileError::from)?);
        model.fresh = false;
        Ok(model)
    }

    /// The layers.
    #[must_use]
    pub const fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Draws weights by the seed, if there are no better ones.
    pub(crate) fn begin(&mut self, samples: &Samples, fit: Fit<'_>) -> Result<(), TrainError> {
        if std::mem::take(&mut self.fresh) {
            self.network = Network::new(&self.architecture, fit.seed)?;
            let mut random = ChaCha8Rng::seed_from_u64(fit.seed);
            if let Some(first) = shuffled(samples, BATCH, fit.shifts, &mut random).next() {
                self.network.scale_by(&first.inputs);
            }
        }
        Ok(())
    }

    pub(crate) fn evaluate_with(
        &mut self,
        samples: &Samples,
        rounding: Option<Bits>,
    ) -> Result<Evaluation, TrainError> {
        self.expect(samples)?;
        let mode = Mode { rounding, ..Mode::default() };
        let (mut right, mut loss) = (0.0, 0.0);
        for batch in in_order(samples, BATCH) {
            let scores = self.network.forward(batch.inputs.clone(), mode);
            let (mean, _) = self.loss.of(&scores, &batch);
            loss += mean * batch.labels.len() as f64;
            right += self.loss.right(&scores, &batch);
        }
        let count = samples.len() as f64;
        Ok(Evaluation { accuracy: right / count, loss: loss / count })
    }

    /// Whether inputs and labels fit.
    pub(crate) fn expect(&self, samples: &Samples) -> Result<(), TrainError> {
        self.expect_inputs(samples)?;
        let classes = self.architecture.output().elements();
        match (self.loss, samples.labels().iter().max()) {
            (Loss::Reconstruction, _) => expect_reconstruction(&self.architecture),
            (Loss::CrossEntropy(_), Some(&found)) if found >= classes => {
                Err(TrainError::Label { found, classes })
            }
            _ => Ok(()),
        }
    }

    fn expect_inputs(&self, samples: &Samples) -> Result<(), TrainError> {
        let (expected, found) = (self.architecture.input().elements(), samples.each());
        if found != expected {
            return Err(TrainError::Input { expected, found });
        }
        if samples.is_empty() {
            return Err(TrainError::Samples { labels: 0, each: found, expected: 0, found: 0 });
        }
        Ok(())
    }
}

/// Whether results have as many numbers as inputs.
fn expect_reconstruction(architecture: &Architecture) -> Result<(), TrainError> {
    let [expected, found] = [architecture.input(), architecture.output()].map(Shape::elements);
    if expected == found { Ok(()) } else { Err(TrainError::NoReconstruction { expected, found }) }
}

/// Writes beside the target first, so that nobody reads half a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let named = |source| TrainError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(named)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    fs::write(&beside, bytes).map_err(named)?;
    fs::rename(&beside, path).map_err(named)
}
