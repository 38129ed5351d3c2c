//! Brings the tables of a database up to date.

use std::error::Error;

use blindsight_evaluator::store::{self, Migrated};
use clap::Args;
use serde_json::json;

use super::place::Place;

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (data, state) = arguments.place.resolve()?;
    let Migrated { from, to } = store::migrate(&data, state.as_deref())?;
    let database = if state.is_some() { "postgres" } else { "sqlite" };
    println!("{}", json!({ "database": database, "from": from, "to": to }));
    Ok(())
}
