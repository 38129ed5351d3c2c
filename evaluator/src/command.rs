//! What the program can be told to do.

pub(crate) mod admin;
pub(crate) mod answer;
pub(crate) mod migrate;
mod place;
pub(crate) mod serve;

use std::fs;
use std::path::Path;

/// Reads a file, naming it in the error.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
