//! The networks that are trained for this repository.

use blindsight_model::graph::{ActivationKind, Padding};
use blindsight_model::sequential::Sequential;

use crate::{Adam, CrossEntropy, Distortion, Fit, Range, Shifts};

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
    pub loss: CrossEntropy,
    /// How long, and on what.
    pub fit: Fit<'static>,
}

impl Recipe {
    /// How the trained network then learns to be rounded: a quarter as long, in smaller steps.
    #[must_use]
    pub fn refinement(&self) -> Self {
        let optimiser = Adam { rate: 0.25 * self.optimiser.rate, ..self.optimiser };
        let fit = self.fit.with_epochs(self.fit.count().div_ceil(4));
        Self { optimiser, fit, ..self.clone() }
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

const RECIPES: [Named; 5] = [
    ("dnn-30", dnn_30),
    ("dnn-100", dnn_100),
    ("cnn-16", cnn_16),
    ("cryptonets", cryptonets),
    ("encoder-04", encoder_04),
];

const DIGIT: [usize; 3] = [1, 28, 28];
const SQUARE: ActivationKind = ActivationKind::Square;
/// Few values lie beyond.
const RANGE: Range = Range { limit: 4.0, weight: 10.0 };

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

/// Small networks gain nothing from smooth labels, and little from pictures that are shifted far.
fn dense(title: &'static str, units: usize, epochs: usize) -> Recipe {
    Recipe {
        title,
        network: Sequential::new(DIGIT).dense(units).activation(SQUARE).dense(10),
        optimiser: Adam { rate: 6e-3, decay: 0.1, ..Adam::default() },
        loss: CrossEntropy { smoothing: 0.0 },
        fit: Fit::epochs(epochs).batch(256).shifts(Shifts { most: 1, share: 0.5 }).range(RANGE),
    }
}

/// What a convolution made, and then 100 units.
fn convolutional(title: &'static str, network: Sequential) -> Recipe {
    Recipe {
        title,
        network: network.dense(100).activation(SQUARE).dense(10),
        optimiser: Adam { rate: 4e-3, decay: 0.1, ..Adam::default() },
        loss: CrossEntropy::default(),
        fit: Fit::epochs(15).shifts(Shifts::default()).range(RANGE),
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
        loss: CrossEntropy::default(),
        fit: Fit::epochs(20).distortion(Distortion::default()).range(RANGE),
    }
}
