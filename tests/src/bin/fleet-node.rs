//! The evaluator with models without cryptography (`tests/fake`), whose runs take as long as their
//! requests say: what is tested with it is the fleet, not the engine. Flags are the evaluator's.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use blindsight_evaluator::config::Config;
use blindsight_evaluator::server;
use blindsight_evaluator::service::Service;
use clap::{ArgMatches, CommandFactory as _, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A node of a fleet without cryptography.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// As the evaluator's command of this name.
    Serve(Box<Config>),
}

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let serve = matches.subcommand_matches("serve").expect("there is no other command");
    match run(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet-node: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let config = Config::merge(matches, None)?;
    let filter = EnvFilter::try_new(&config.log)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(false).init();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(config.compute_threads());
    let pool = Arc::new(threads.build()?);
    let service = Service::open(config, blindsight_fake::reader())?;
    server::serve(&service, &pool, |address| {
        let mut stdout = std::io::stdout();
        // Whoever started this may not listen.
        let _ = writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush());
    })?;
    Ok(())
}
