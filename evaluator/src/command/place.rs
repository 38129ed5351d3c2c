//! Where a service has its rows: the same settings as those of `serve`.

use std::path::PathBuf;

use blindsight_evaluator::config::{Config, ConfigError};
use clap::Args;

/// The settings that say where rows are.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// File with the service's settings (TOML).
    #[arg(long = "config", env = "BLINDSIGHT_CONFIG", value_name = "FILE", global = true)]
    file: Option<PathBuf>,
    /// Folder for the service's state.
    #[arg(long, env = "BLINDSIGHT_DATA", global = true)]
    data: Option<PathBuf>,
    /// Where the rows are kept, if not in that folder: postgres://USER@HOST/DATABASE.
    // Not for the commands within a command: `jobs list` has a flag of this name.
    #[arg(id = "database", value_name = "ADDRESS", long = "state", env = "BLINDSIGHT_STATE")]
    #[arg(hide_env_values = true)]
    state: Option<String>,
}

impl Place {
    /// The data folder, and the database's address if there is one: from flags and environment, and
    /// where those say nothing from the file.
    ///
    /// # Errors
    /// When the file cannot be read, or is none.
    pub(super) fn resolve(&self) -> Result<(PathBuf, Option<String>), ConfigError> {
        let config = match &self.file {
            Some(file) => Config::of_file(file)?,
            None => Config::default(),
        };
        let data = self.data.clone().unwrap_or(config.data);
        Ok((data, self.state.clone().or(config.state)))
    }
}
