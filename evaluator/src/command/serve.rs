//! Serves clients over HTTP.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use blindsight_evaluator::config::{Config, LogFormat};
use blindsight_evaluator::models::{Answers, CompiledModel};
use blindsight_evaluator::server;
use blindsight_evaluator::service::Service;
use clap::{ArgMatches, Args};
use tracing_subscriber::EnvFilter;

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
    let reader = CompiledModel::reader(Answers::of(&config));
    let service = Service::open(config, reader)?;
    server::serve(&service, &pool, |address| {
        tracing::info!(%address, "listening");
        let mut stdout = std::io::stdout();
        // Whoever started this may not listen.
        let _ = writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush());
    })?;
    tracing::info!("stopped");
    Ok(())
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
