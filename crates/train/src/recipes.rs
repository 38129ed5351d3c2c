//! The networks that are trained for this repository.

use blindsight_model::graph::{ActivationKind, Padding};
use blindsight_model::sequential::{Activation, Sequential};

use crate::{Adam, Bits, CrossEntropy, Distortion, Fit, L0, Loss, Range, Reconstruction, Shifts};

/// How a network is made.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name for people.
    pub title: &'static str,
    /// Its layers.
    pub network: Sequential,
    /// How it learns.
    pub optimiser: Adam,
    /// What it learns from.
    pub loss: Loss,
    /// Of which digits: those below this.
    pub digits: usize,
    /// How long, and on what.
    pub fit: Fit<'static>,
    /// Mean and deviation that pixels are read with, where the brightest is 1.
    pub normalisation: [f32; 2],
    /// Bits of rounded weights.
    pub bits: u32,
    /// How it learns on after gates were closed and functions replaced by quadratic ones.
    pub then: Option<Fit<'static>>,
}

impl Recipe {
    /// How it learns after its gates were closed and its functions replaced, if it had any: in
    /// steps half as large.
    #[must_use]
    pub fn continuation(&self) -> Option<Self> {
        let optimiser = Adam { rate: 0.5 * self.optimiser.rate, ..self.optimiser };
        self.then.map(|fit| Self { optimiser, fit, then: None, ..self.clone() })
    }

    /// The names of its scores, if they stand for digits.
    #[must_use]
    pub fn classes(&self) -> Vec<String> {
        match self.loss {
            Loss::CrossEntropy(_) => (0..self.digits).map(|digit| digit.to_string()).collect(),
            Loss::Reconstruction => Vec::new(),
        }
    }

    /// How the trained network then learns to be rounded: a quarter as long, in smaller steps.
    #[must_use]
    pub fn refinement(&self) -> Self {
        let optimiser = Adam { rate: 0.25 * self.optimiser.rate, ..self.optimiser };
        let fit = self.then.unwrap_or(self.fit);
        Self { optimiser, fit: fit.with_epochs(fit.count().div_ceil(4)), ..self.clone() }
    }
}

/// A recipe by its name.
#[must_use]
pub fn recipe(name: &str) -> Option<Recipe> {
    RECIPES.iter().find(|(known, _)| *known == name).map(|(_, recipe)| recipe())
}

/// The names of all recipes.
pub fn recipe_names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|(name, _)| *name)
}

/// A recipe and its name.
type Named = (&'static str, fn() -> Recipe);

const RECIPES: [Named; 13] = [
    ("dnn-30", dnn_30),
    ("dnn-100", dnn_100),
    ("cnn-16", cnn_16),
    ("cnn-16-l0", cnn_16_l0),
    ("cryptonets", cryptonets),
    ("cryptodl-relu", || cryptodl(ActivationKind::Relu)),
    ("cryptodl-sigmoid", || cryptodl(ActivationKind::Sigmoid)),
    ("cryptodl-tanh", || cryptodl(ActivationKind::Tanh)),
    ("encoder-04", encoder_04),
    ("vae-04", vae_04),
    ("dinn-30", dinn_30),
    ("dinn-100", dinn_100),
    ("signs-1024", signs_1024),
];

const DIGIT: [usize; 3] = [1, 28, 28];
const SQUARE: ActivationKind = ActivationKind::Square;
/// Few values lie beyond.
const RANGE: Range = Range { limit: 4.0, weight: 10.0 };
/// Value / 255.
const PIXELS: [f32; 2] = [0.0, 1.0];
/// Bits of weights in ciphertexts that hold many pictures.
const ROUNDED: u32 = 6;

/// 784-30-10.
fn dnn_30() -> Recipe {
    dense("784-30-10, MNIST", 30, 60)
}

/// 784-100-10.
fn dnn_100() -> Recipe {
    dense("784-100-10, MNIST", 100, 40)
}

/// One convolution to 16 channels, means of 2 x 2, and 100 units: 28 to 12 to 6 rows.
fn cnn_16() -> Recipe {
    let network = Sequential::new(DIGIT).conv2d(16, 5).stride(2).activation(SQUARE).avg_pool(2);
    convolutional("CNN with 16 channels, MNIST", network)
}

/// The network of CryptoNets (Gilad-Bachrach et al. 2016): 5 channels of 13 x 13, with one row and
/// one column of zeros above and to the left.
fn cryptonets() -> Recipe {
    let network = Sequential::new(DIGIT).conv2d(5, 5).stride(2).padding(Padding::uneven(1, 0));
    convolutional("CryptoNets, MNIST", network.activation(SQUARE))
}

/// The same, of whose 576 means 80 are read: of 2,304 squares before them 320 are left, and 420 of all. So
/// few take longer to learn.
fn cnn_16_l0() -> Recipe {
    let recipe = Recipe { title: "CNN with 16 channels and gates, MNIST", ..cnn_16() };
    let fit = recipe.fit.with_epochs(50);
    let then = Some(fit);
    Recipe { fit: fit.gates(L0 { most: 80, weight: 3.0 }), then, ..recipe }
}

/// The network of CryptoDL (Hesamifard et al. 2017) for MNIST: 32 and 64 channels, and 100 units, with
/// quadratic functions fitted to another.
fn cryptodl(function: ActivationKind) -> Recipe {
    let title = match function {
        ActivationKind::Sigmoid => "CryptoDL with fits of the sigmoid, MNIST",
        ActivationKind::Tanh => "CryptoDL with fits of the hyperbolic tangent, MNIST",
        _ => "CryptoDL with fits of ReLU, MNIST",
    };
    // Of what bends as little as a sigmoid, inputs must spread for the network to be more than a line.
    let activated = |network: Sequential| match function {
        ActivationKind::Relu => network.activation(Activation::fitted(function)),
        _ => network.batch_norm().activation(Activation::fitted(function)),
    };
    let network = activated(Sequential::new(DIGIT).conv2d(32, 5).stride(2)).avg_pool(2);
    let network = activated(activated(network.conv2d(64, 3)).dense(100)).dense(10);
    let fit = Fit::epochs(5).shifts(Shifts::default()).range(RANGE);
    let then = Some(fit.with_epochs(20));
    let optimiser = Adam { rate: 4e-3, decay: 0.1, ..Adam::default() };
    let (normalisation, bits) = (PIXELS, ROUNDED);
    Recipe {
        title,
        network,
        optimiser,
        loss: CrossEntropy::default().into(),
        digits: 10,
        fit,
        normalisation,
        bits,
        then,
    }
}

/// Small networks gain nothing from smooth labels, and little from pictures that are shifted far.
fn dense(title: &'static str, units: usize, epochs: usize) -> Recipe {
    Recipe {
        title,
        network: Sequential::new(DIGIT).dense(units).activation(SQUARE).dense(10),
        optimiser: Adam { rate: 6e-3, decay: 0.1, ..Adam::default() },
        loss: CrossEntropy { smoothing: 0.0 }.into(),
        digits: 10,
        fit: Fit::epochs(epochs).batch(256).shifts(Shifts { most: 1, share: 0.5 }).range(RANGE),
        normalisation: PIXELS,
        bits: ROUNDED,
        then: None,
    }
}

/// What a convolution made, and then 100 units.
fn convolutional(title: &'static str, network: Sequential) -> Recipe {
    Recipe {
        title,
        network: network.dense(100).activation(SQUARE).dense(10),
        optimiser: Adam { rate: 4e-3, decay: 0.1, ..Adam::default() },
        loss: CrossEntropy::default().into(),
        digits: 10,
        fit: Fit::epochs(15).shifts(Shifts::default()).range(RANGE),
        normalisation: PIXELS,
        bits: ROUNDED,
        then: None,
    }
}

/// The encoder for digits that it has not seen: it tells 0 to 4 apart, and what the last layer reads
/// is served. Distortion is what makes it tell others apart as well.
fn encoder_04() -> Recipe {
    let network = Sequential::new(DIGIT).conv2d(16, 5).stride(2).activation(SQUARE).avg_pool(2);
    Recipe {
        title: "Features of digits, learnt from 0 to 4",
        network: network.dense(64).activation(SQUARE).dense(5),
        optimiser: Adam { rate: 4e-3, decay: 0.1, ..Adam::default() },
        loss: CrossEntropy::default().into(),
        digits: 5,
        fit: Fit::epochs(20).distortion(Distortion::default()).range(RANGE),
        normalisation: PIXELS,
        bits: ROUNDED,
        then: None,
    }
}

/// SEALion's kind of encoder, for comparison: a variational autoencoder (Kingma and Welling 2014) of the
/// digits 0 to 4, with the trunk of [`encoder_04`] and a code of 32 numbers. Of the decoder its first
/// layer is kept: the features are what that reads, the means of the code.
fn vae_04() -> Recipe {
    let network = Sequential::new(DIGIT).conv2d(16, 5).stride(2).activation(SQUARE).avg_pool(2);
    let code = network.dense(64).activation(SQUARE).latent(32);
    let decoder = code.dense(256).activation(ActivationKind::Relu).dense(784);
    Recipe {
        title: "Variational autoencoder of digits, learnt from 0 to 4",
        network: decoder,
        optimiser: Adam { rate: 2e-3, decay: 0.01, ..Adam::default() },
        loss: Reconstruction.into(),
        digits: 5,
        fit: Fit::epochs(40).shifts(Shifts { most: 1, share: 0.5 }).range(RANGE),
        normalisation: PIXELS,
        bits: ROUNDED,
        then: None,
    }
}

/// 784-30-10 of signs, as in *Fast Homomorphic Evaluation of Deep Discretized Neural Networks*
/// (Bourse, Minelli, Minihold and Paillier 2018).
fn dinn_30() -> Recipe {
    signs("784-30-10 of signs, MNIST", with_signs(pixels().dense(30)), 50, 6)
}

/// 784-100-10 of signs.
fn dinn_100() -> Recipe {
    signs("784-100-10 of signs, MNIST", with_signs(pixels().dense(100)), 40, 5)
}

/// 784-1024-10 of signs. So many learn digits by heart; distorted ones keep them from it.
fn signs_1024() -> Recipe {
    let network = with_signs(pixels().dense(1024));
    let recipe = signs("784-1024-10 of signs, MNIST", network, 40, 4);
    let distortion = Distortion { share: 0.7, turn: 10.0, scale: 0.1, shear: 0.15, shift: 1.0 };
    Recipe { fit: recipe.fit.without_shifts().distortion(distortion), ..recipe }
}

/// Pixels are signs from the beginning, dark or bright. Most are dark, so that they are normalised.
fn pixels() -> Sequential {
    Sequential::new(DIGIT).activation(ActivationKind::Sign).batch_norm()
}

/// Signs of normalised sums: about as many of each.
fn with_signs(network: Sequential) -> Sequential {
    network.batch_norm().activation(ActivationKind::Sign)
}

/// Weights have few bits from the first step on: what is learnt is what is evaluated. More signs that
/// are read take fewer bits, for the sake of noise.
fn signs(title: &'static str, network: Sequential, epochs: usize, bits: u32) -> Recipe {
    let rounding = Bits::new(bits).expect("these are numbers of bits");
    let shifts = Shifts { most: 1, share: 0.5 };
    Recipe {
        title,
        network: network.dense(10),
        optimiser: Adam { rate: 4e-3, decay: 0.1, ..Adam::default() },
        loss: CrossEntropy { smoothing: 0.0 }.into(),
        digits: 10,
        fit: Fit::epochs(epochs).shifts(shifts).range(RANGE).rounding(rounding),
        // A pixel is bright beyond half of the brightest.
        normalisation: [0.5, 0.5],
        bits,
        then: None,
    }
}
