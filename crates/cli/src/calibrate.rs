//! `calibrate`: the ranges of a model's activations, measured on pictures.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use blindsight_model::calibration::{Margins, calibrate};
use blindsight_model::cifar::CifarReader;
use blindsight_model::model::Model;
use clap::Args;

use crate::files::{ModelFiles, read};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Pictures: binary records of CIFAR-10, not those that accuracy is measured on.
    pictures: PathBuf,
    /// Where the calibration goes.
    #[arg(long)]
    output: PathBuf,
}

pub(crate) fn run(files: &ModelFiles, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let model = Model::from_safetensors(&read(&files.model)?)?;
    // Two passes over the file: it is read once and kept.
    let bytes = read(&arguments.pictures)?;
    let calibration =
        calibrate(&model, || Ok(CifarReader::new(bytes.as_slice())), &Margins::default())?;
    fs::write(&arguments.output, calibration.to_json())?;
    eprintln!("written to {}", arguments.output.display());
    Ok(())
}
