//! The network itself, on numbers in the clear.

use std::error::Error;
use std::path::Path;

use blindsight_contract::{AcceptedContract, Meaning, Preparation as Rule};
use blindsight_model::picture::Preparation;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::{Shape, Tensor};

use crate::files::network_file;
use crate::network::Network;

/// The network that a model was compiled from.
pub(crate) struct PlainReference {
    network: PlainNetwork,
}

impl PlainReference {
    /// The network of a compiled model: a file, or the one beside the model. Of an encoder's, what is
    /// before the last layer.
    pub(crate) fn new(
        model: &Path,
        network: Option<&Path>,
        contract: &AcceptedContract,
    ) -> Result<Self, Box<dyn Error>> {
        let sides = contract.input().shape();
        let network = match network {
            Some(path) => Network::read(path, &sides)?,
            None => Network::read(&network_file(model)?, &sides)?,
        };
        let network = match contract.meaning() {
            Meaning::Scores { .. } => network,
            Meaning::Features => network.features()?,
        };
        Ok(Self { network: PlainNetwork::new(network.graph) })
    }

    /// The scores of an input, or its features.
    pub(crate) fn scores(&self, input: &Tensor) -> Result<Vec<f64>, Box<dyn Error>> {
        Ok(self.network.run(input)?.values().iter().copied().map(f64::from).collect())
    }
}

/// How the pictures of a model are prepared.
pub(crate) fn preparation(contract: &AcceptedContract) -> Result<Preparation, Box<dyn Error>> {
    let [channels, height, width] = contract.input().shape();
    let shape = Shape::new(channels, height, width)?;
    match contract.input().preparation() {
        Rule::Picture { mean, deviation } => Ok(Preparation::new(shape, mean, deviation)?),
        Rule::Tensor => Ok(Preparation::of_numbers(shape)),
    }
}
