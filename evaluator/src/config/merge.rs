//! Which of a setting's sources counts.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use thiserror::Error;

use super::Config;

/// Why there is no configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file is not a table of settings.
    #[error("{}: {source}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: toml::de::Error,
    },
    /// A flag or a variable.
    #[error(transparent)]
    Flags(#[from] clap::Error),
    /// The token is none that a header could carry.
    #[error("the token must have visible ASCII characters, no blanks, and at least one of them")]
    Token,
}

impl Config {
    /// The configuration that flags and environment (already in `matches`) and a file give: the
    /// file counts where neither flag nor variable is there.
    ///
    /// # Errors
    /// When the file cannot be read, or has a setting that does not exist or does not parse, or
    /// nobody could send the token.
    pub fn merge(matches: &ArgMatches, file: Option<&Path>) -> Result<Self, ConfigError> {
        let given = Self::from_arg_matches(matches)?;
        let config = match file {
            Some(path) => with_file(&given, matches, path)?,
            None => given,
        };
        let sendable =
            |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if config.token.as_ref().is_some_and(|token| !sendable(token)) {
            return Err(ConfigError::Token);
        }
        Ok(config)
    }
}

fn with_file(given: &Config, matches: &ArgMatches, path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    overlay(given, matches, &text)
        .map_err(|source| ConfigError::Toml { path: path.to_owned(), source })
}

pub(super) fn defaults() -> Config {
    let matches = Config::augment_args(Command::new("defaults").no_binary_name(true));
    // Not the environment: it is not a default.
    let matches = matches.mut_args(|arg| arg.env(None::<&str>)).get_matches_from([""; 0]);
    Config::from_arg_matches(&matches).expect("every setting has a default or is optional")
}

fn overlay(given: &Config, matches: &ArgMatches, text: &str) -> Result<Config, toml::de::Error> {
    let mut table = toml::Table::try_from(given).expect("settings are numbers, texts and lists");
    let file: toml::Table = toml::from_str(text)?;
    for (name, value) in file {
        let known = matches.try_get_raw(&name).is_ok();
        let source = if known { matches.value_source(&name) } else { None };
        let stronger = matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable));
        if !stronger {
            // Unknown names are refused when the table is read.
            table.insert(name, value);
        }
    }
    Config::deserialize_table(table)
}

impl Config {
    fn deserialize_table(table: toml::Table) -> Result<Self, toml::de::Error> {
        table.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(flags: &[&str]) -> ArgMatches {
        let command = Config::augment_args(Command::new("test").no_binary_name(true));
        command.mut_args(|arg| arg.env(None::<&str>)).get_matches_from(flags)
    }

    fn merged(flags: &[&str], file: &str) -> Result<Config, toml::de::Error> {
        let matches = matches(flags);
        let given = Config::from_arg_matches(&matches).unwrap();
        overlay(&given, &matches, file)
    }

    #[test]
    fn flags_count_more_than_the_file_and_the_file_more_than_defaults() {
        let file = "queue = 5\nthreads = 3\ncors_origins = ['https://a.example']\ntoken = 'x'";
        let config = merged(&["--threads", "2"], file).unwrap();
        assert_eq!((config.queue, config.threads, config.max_attempts), (5, 2, 3));
        assert_eq!(config.cors_origins, ["https://a.example"]);
        assert_eq!(config.token.as_deref(), Some("x"));
    }

    #[test]
    fn wrong_files_are_refused() {
        for wrong in ["quue = 5", "queue = 'many'", "queue = -1", "queue", "log_format = 'xml'"] {
            assert!(merged(&[], wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tokens_that_no_header_carries_are_refused() {
        for wrong in ["", "a b", "\u{e9}", "a\n"] {
            let merged = Config::merge(&matches(&["--token", wrong]), None);
            assert!(matches!(merged, Err(ConfigError::Token)), "{wrong:?}");
        }
        let merged = Config::merge(&matches(&["--token", "a~1=."]), None);
        assert_eq!(merged.unwrap().token.as_deref(), Some("a~1=."));
    }

    #[test]
    fn what_is_printed_is_a_file() {
        let config = merged(&["--token", "secret", "--web", "dist"], "queue = 7").unwrap();
        let text = config.to_toml();
        assert!(!text.contains("secret"));
        let back = merged(&[], &text).unwrap();
        assert_eq!((back.queue, &back.web), (7, &Some(PathBuf::from("dist"))));
        assert_eq!(back.to_toml(), Config { token: None, ..config }.to_toml());
    }
}
