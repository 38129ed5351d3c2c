//! `embed`: one photo, everything from keys to the features that an encoder gives.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::encrypted::{self, Costs};
use crate::files::{model_file, read_bundle};
use crate::plain::PlainReference;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A photo: PNG, JPEG, WebP, BMP or GIF.
    photo: PathBuf,
    /// An encoder (`compile --features`): a file, or a name in the folder `models`.
    #[arg(long, default_value = "shallow-encoder")]
    model: String,
    /// The network that it was compiled from, whose features are then printed too.
    #[arg(long)]
    network: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    features: Vec<f64>,
    /// Those of the network itself, where it is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    plain_features: Option<Vec<f64>>,
    #[serde(flatten)]
    costs: Costs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let path = model_file(&arguments.model)?;
    let bundle = read_bundle(&path)?;
    let contract = bundle.contract();
    encrypted::expect_encoder(contract)?;
    let run = encrypted::run(&bundle, &arguments.photo)?;
    let plain =
        |network: &PathBuf| PlainReference::new(&path, Some(network), contract)?.scores(&run.input);
    let report = Report {
        model: contract.id().to_owned(),
        plain_features: arguments.network.as_ref().map(plain).transpose()?,
        features: run.values,
        costs: run.costs,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
