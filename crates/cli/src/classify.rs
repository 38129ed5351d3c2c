//! `classify`: one photo, everything from keys to label.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use blindsight_encrypted::best;

use crate::encrypted::{self, Costs};
use crate::files::{model_file, read_bundle};
use crate::plain::PlainReference;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A photo: PNG, JPEG, WebP, BMP or GIF.
    photo: PathBuf,
    /// A compiled model: a file, or a name in the folder `models`.
    #[arg(long, default_value = "resnet20")]
    model: String,
    /// The network that the model was compiled from; the file beside it by default.
    #[arg(long)]
    network: Option<PathBuf>,
    #[cfg(feature = "exact")]
    #[command(flatten)]
    asked: crate::decision::Asked,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    label: String,
    class: usize,
    scores: Vec<f64>,
    plain_scores: Vec<f64>,
    #[serde(flatten)]
    costs: Costs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let path = model_file(&arguments.model)?;
    let bundle = read_bundle(&path)?;
    let contract = bundle.contract();
    let classes = encrypted::classes(contract)?;
    #[cfg(feature = "exact")]
    if let Some(decision) = arguments.asked.decision(contract)? {
        return crate::label::classify(&bundle, decision, &arguments.photo);
    }
    let run = encrypted::run(&bundle, &arguments.photo)?;
    let plain = PlainReference::new(&path, arguments.network.as_deref(), contract)?;
    let class = best(&run.values);
    let report = Report {
        model: contract.id().to_owned(),
        label: classes[class].clone(),
        class,
        scores: run.values,
        plain_scores: plain.scores(&run.input)?,
        costs: run.costs,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
