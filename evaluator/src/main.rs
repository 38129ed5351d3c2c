//! The evaluator as a program: as a service over HTTP, or for one request from files.

mod command;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use command::{admin, answer, migrate, serve};

/// Runs compiled models on encrypted inputs. Holds no secret and never sees an input.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves clients over HTTP.
    ///
    /// Every setting can come from a flag, from the environment, or from a file (its name without
    /// dashes in front, with underscores); the first of these counts.
    Serve(Box<serve::Arguments>),
    /// Looks at a service's tenants, keys and jobs, and changes them, while it runs or not.
    ///
    /// The last line of what a command prints is a JSON object.
    Admin(admin::Arguments),
    /// Makes the tables of the database, or brings them up to date.
    ///
    /// `serve` does that too. Before another release takes the place of one that runs, this can do it
    /// first. The last line of what is printed is a JSON object.
    Migrate(migrate::Arguments),
    /// Answers one request from files and prints what it cost.
    Answer(answer::Arguments),
}

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let result = match Arguments::from_arg_matches(&matches) {
        Ok(Arguments { command: Command::Answer(arguments) }) => answer::run(&arguments),
        Ok(Arguments { command: Command::Admin(arguments) }) => admin::run(&arguments),
        Ok(Arguments { command: Command::Migrate(arguments) }) => migrate::run(&arguments),
        Ok(Arguments { command: Command::Serve(arguments) }) => {
            let matches = matches.subcommand_matches("serve").expect("this is that command");
            serve::run(&arguments, matches)
        }
        Err(error) => error.exit(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blindsight-evaluator: {}", error.to_string().trim_end());
            ExitCode::FAILURE
        }
    }
}
