//! `calibrate`: the ranges of a model's activations, measured on pictures.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use crate::files::ModelFiles;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Pictures: binary records of CIFAR-10.
    pictures: PathBuf,
    /// Where the calibration goes.
    #[arg(long)]
    output: PathBuf,
}

pub(crate) fn run(files: &ModelFiles, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let _ = (files, arguments);
    Ok(())
}
