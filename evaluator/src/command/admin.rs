//! What those do who run a service: tenants, keys, jobs, and what is done with them. All of it works on
//! the database, beside a service that runs.

mod audit;
mod drain;
mod jobs;
mod keys;
mod tenants;

use std::error::Error;

use blindsight_evaluator::store;
use blindsight_evaluator::store::Database;
use blindsight_evaluator::store::state::audit::AuditRow;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::place::Place;

/// What to do, and with which service.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tenants and their quotas.
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// API keys of tenants.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Jobs of everybody.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Keeps new jobs out, or lets them in again. What waits still runs.
    Drain(drain::Arguments),
    /// Who did what.
    Audit(audit::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (data, state) = arguments.place.resolve()?;
    let db = store::beside(&data, state.as_deref())?;
    let report = match &arguments.command {
        Command::Tenants(command) => tenants::run(&db, command),
        Command::Keys(command) => keys::run(&db, command),
        Command::Jobs(command) => jobs::run(&db, command),
        Command::Drain(arguments) => drain::run(&db, arguments),
        Command::Audit(arguments) => audit::run(&db, arguments),
    }?;
    println!("{report}");
    Ok(())
}

/// What the last line says, or a sentence on why nothing was done.
type Outcome = Result<Value, Box<dyn Error>>;

/// What was done now, by the person at this machine.
fn done(action: &str, subject: impl ToString) -> AuditRow {
    let names = ["SUDO_USER", "USER", "LOGNAME"];
    let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    AuditRow::now(format!("admin {}", name.as_deref().unwrap_or("?")), action, subject)
}

/// A cell of a table.
fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
