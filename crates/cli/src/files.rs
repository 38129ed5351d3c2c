//! Where the served model lies.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

/// The files of a model.
#[derive(Debug, Args)]
pub(crate) struct ModelFiles {
    /// Weights (safetensors).
    #[arg(long, global = true, default_value = "models/resnet20-relu-cifar10.safetensors")]
    pub(crate) model: PathBuf,
    /// Calibration of the model (JSON).
    #[arg(long, global = true, default_value = "models/resnet20-relu-cifar10.calibration.json")]
    pub(crate) calibration: PathBuf,
}

/// Reads a file, naming it in the error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
