//! Which of a setting's sources counts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use thiserror::Error;

use super::{Config, Role};

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
    /// A token that no header could carry, or that somebody could guess.
    #[error("a token must have {SHORTEST} visible ASCII characters at least, and no blanks")]
    Token,
    /// Processes that share nothing.
    #[error("the role {0:?} needs a database that others can use: give --state postgres://...")]
    Alone(Role),
    /// A lease that ends before anybody could prolong it.
    #[error("a lease must last for a second at least")]
    Lease,
    /// Everybody could use the service, and nobody said so.
    #[error(
        "{0} can be reached from other machines and there is no token: set one \
         (--token-file, BLINDSIGHT_TOKEN), ask for keys (--require-keys, --jwt-keys), or say --open \
         to serve everybody"
    )]
    Exposed(SocketAddr),
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
        let mut config = match file {
            Some(path) => with_file(&given, matches, path)?,
            None => given,
        };
        if config.role != Role::All && config.state.is_none() {
            return Err(ConfigError::Alone(config.role));
        }
        if config.lease_seconds == 0 {
            return Err(ConfigError::Lease);
        }
        config.tokens = tokens(&config, std::env::var("BLINDSIGHT_TOKEN").ok())?;
        let exposed = !config.asks_for_credentials() && !config.listen.ip().is_loopback();
        if exposed && !config.open {
            return Err(ConfigError::Exposed(config.listen));
        }
        Ok(config)
    }
}

impl Config {
    /// What a file alone says, for whoever needs a few of its settings.
    ///
    /// # Errors
    /// When the file cannot be read, or has a setting that does not exist or does not parse.
    pub fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let nothing = Self::augment_args(Command::new("nothing").no_binary_name(true));
        let nothing = nothing.mut_args(|arg| arg.env(None::<&str>)).get_matches_from([""; 0]);
        with_file(&defaults(), &nothing, path)
    }
}

/// The shortest token: random letters and digits of this length cannot be guessed.
const SHORTEST: usize = 16;

fn tokens(config: &Config, environment: Option<String>) -> Result<Vec<String>, ConfigError> {
    let mut tokens: Vec<String> =
        environment.or_else(|| config.token.clone()).into_iter().collect();
    if let Some(path) = &config.token_file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.clone(), source })?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        tokens.extend(lines.map(str::to_owned));
        if tokens.is_empty() {
            // Whoever names a file wants to be asked for a token.
            return Err(ConfigError::Token);
        }
    }
    let sendable =
        |t: &String| t.len() >= SHORTEST && t.bytes().all(|byte| byte.is_ascii_graphic());
    if tokens.iter().all(sendable) { Ok(tokens) } else { Err(ConfigError::Token) }
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
    fn a_file_says_what_it_says_alone() {
        let folder = crate::testing::TempFolder::new();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "data = 'elsewhere'\nstate = 'postgres://x'").unwrap();
        let config = Config::of_file(&path).unwrap();
        assert_eq!(config.data, PathBuf::from("elsewhere"));
        assert_eq!((config.state.as_deref(), config.queue), (Some("postgres://x"), 32));
        std::fs::write(&path, "dat = 'elsewhere'").unwrap();
        assert!(matches!(Config::of_file(&path), Err(ConfigError::Toml { .. })));
    }

    #[test]
    fn tokens_that_no_header_carries_are_refused() {
        let config = Config::default();
        for wrong in
            ["", "a", "fifteen-letters", "sixteen or more, but blanks", "\u{e9}-sixteen-or-more"]
        {
            let found = tokens(&config, Some(wrong.to_owned()));
            assert!(matches!(found, Err(ConfigError::Token)), "{wrong:?}");
        }
        let right = "0123456789abcd~=";
        assert_eq!(tokens(&config, Some(right.to_owned())).unwrap(), [right]);
        assert!(tokens(&config, None).unwrap().is_empty());
    }

    #[test]
    fn tokens_come_from_a_file_too() {
        let folder = crate::testing::TempFolder::new();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "# the page\n0123456789abcdef\n\n  fedcba9876543210  \n").unwrap();
        let config = Config { token_file: Some(path.clone()), ..Config::default() };
        let all = tokens(&config, Some("from-the-environment".to_owned())).unwrap();
        assert_eq!(all, ["from-the-environment", "0123456789abcdef", "fedcba9876543210"]);
        std::fs::write(&path, "# nothing\n").unwrap();
        assert!(matches!(tokens(&config, None), Err(ConfigError::Token)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(tokens(&config, None), Err(ConfigError::File { .. })));
    }

    #[test]
    fn nobody_serves_everybody_by_accident() {
        let merge = |flags: &[&str]| Config::merge(&matches(flags), None);
        assert!(merge(&["--listen", "127.0.0.9:80"]).is_ok());
        assert!(merge(&["--listen", "[::1]:80"]).is_ok());
        for listen in ["0.0.0.0:80", "[::]:80", "192.0.2.7:80"] {
            let refused = merge(&["--listen", listen]);
            assert!(matches!(refused, Err(ConfigError::Exposed(_))), "{listen}");
            for reason in ["--open", "--require-keys", "--jwt-keys=x.pem"] {
                assert!(merge(&["--listen", listen, reason]).is_ok(), "{reason}");
            }
        }
    }

    #[test]
    fn what_is_printed_is_a_file() {
        let mut config = merged(&["--web", "dist"], "queue = 7\ntoken = 'secret'").unwrap();
        config.tokens = vec!["secret".to_owned()];
        let text = config.to_toml();
        assert!(!text.contains("secret") && text.contains("not shown"));
        let back = merged(&[], &text).unwrap();
        assert_eq!((back.queue, &back.web), (7, &Some(PathBuf::from("dist"))));
        assert_eq!(back.to_toml(), Config { token: None, tokens: Vec::new(), ..config }.to_toml());
    }
}
