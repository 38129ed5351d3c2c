//! The networks that are trained for this repository.

use blindsight_model::graph::{ActivationKind, Padding};
use blindsight_model::sequential::Sequential;

use crate::{Adam, CrossEntropy, Fit, Range, Shifts};

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

const RECIPES: [(&str, fn() -> Recipe); 4] =
    [("dnn-30", dnn_30), ("dnn-100", dnn_100), ("cnn-16", cnn_16), ("cryptonets", cryptonets)];

const DIGIT: [usize; 3] = [1, 28, 28];
const SQUARE: ActivationKind = ActivationKind::Square;
/// Few values lie beyond.
const RANGE: Range = Range { limit: 4.0, weight: 10.0 };

/// 784-30-10.
fn dnn_30() -> Recipe {
    Recipe {
        title: "784-30-10, MNIST",
        network: Sequential::new(DIGIT).dense(30).activation(SQUARE).dense(10),
        optimiser: Adam { rate: 4e-3, decay: 1e-2, ..Adam::default() },
        loss: CrossEntropy { smoothing: 0.0 },
        fit: Fit::epochs(40).shifts(Shifts { most: 1, share: 0.3 }).range(RANGE),
    }
}

/// 784-100-10.
fn dnn_100() -> Recipe {
    Recipe {
        title: "784-100-10, MNIST",
        network: Sequential::new(DIGIT).dense(100).activation(SQUARE).dense(10),
        fit: Fit::epochs(40).shifts(Shifts { most: 1, share: 0.5 }).range(RANGE),
        ..dnn_30()
    }
}

/// One convolution to 16 channels, means of 2 x 2, and 100 units: 28 to 12 to 6 rows.
fn cnn_16() -> Recipe {
    let network = Sequential::new(DIGIT).conv2d(16, 5).stride(2).activation(SQUARE).avg_pool(2);
    Recipe {
        title: "CNN with 16 channels, MNIST",
        network: network.dense(100).activation(SQUARE).dense(10),
        fit: Fit::epochs(30).shifts(Shifts::default()).range(RANGE),
        ..dnn_30()
    }
}

/// The network of CryptoNets (Gilad-Bachrach et al. 2016): 5 channels of 13 x 13, with one row and
/// one column of zeros above and to the left.
fn cryptonets() -> Recipe {
    let network = Sequential::new(DIGIT).conv2d(5, 5).stride(2).padding(Padding::uneven(1, 0));
    Recipe {
        title: "CryptoNets, MNIST",
        network: network.activation(SQUARE).dense(100).activation(SQUARE).dense(10),
        fit: Fit::epochs(30).shifts(Shifts::default()).range(RANGE),
        ..dnn_30()
    }
}
