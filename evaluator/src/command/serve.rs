//! Serves clients over HTTP.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blindsight_evaluator::Engine;
use blindsight_evaluator::config::{Config, LogFormat};
use blindsight_evaluator::served::ServedEngine;
use blindsight_evaluator::server;
use blindsight_evaluator::service::Service;
use clap::{ArgMatches, Args};
use tracing_subscriber::EnvFilter;

use super::read;

/// Where settings come from, and the settings.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// File with settings (TOML).
    #[arg(long = "config", env = "BLINDSIGHT_CONFIG", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Prints the settings that would hold, as a file, and ends.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Config,
}

pub(crate) fn run(arguments: &Arguments, matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let config = Config::merge(matches, arguments.file.as_deref())?;
    if arguments.print_config {
        print!("{}", config.to_toml());
        return Ok(());
    }
    start_log(&config)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(config.compute_threads());
    let pool = Arc::new(threads.thread_name(|index| format!("compute-{index}")).build()?);
    let engine = load(&config, &pool)?;
    let model = Arc::new(ServedEngine::new(engine, &model_id(&config.model)?));
    let service = Service::open(config, model)?;
    server::serve(&service, &pool, |address| {
        tracing::info!(%address, "listening");
        let mut stdout = std::io::stdout();
        // Whoever started this may not listen.
        let _ = writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush());
    })?;
    tracing::info!("stopped");
    Ok(())
}

fn load(config: &Config, pool: &rayon::ThreadPool) -> Result<Engine, Box<dyn Error>> {
    let (weights, calibration) = (read(&config.model)?, read(&config.calibration)?);
    Ok(pool.install(|| Engine::load(&weights, &calibration))?)
}

/// The name of the weights file without its ending.
fn model_id(path: &Path) -> Result<String, String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let stem = stem.filter(|stem| !stem.is_empty() && stem.chars().all(plain));
    let wrong = "its name, which is the model's, must be of letters, digits, '-', '_' and '.'";
    stem.map(str::to_owned).ok_or_else(|| format!("{}: {wrong}", path.display()))
}

fn start_log(config: &Config) -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_new(&config.log)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
