//! `bench`
use crate::files::ModelFiles;
use clap::Args;
use std::error::Error;
#[derive(Debug, Args)]
pub(crate) struct Arguments {}
pub(crate) fn run(files: &ModelFiles, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let _ = (files, arguments);
    Ok(())
}
