//! The evaluator as a program: as a service over HTTP, or for one request from files.

mod command;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use command::{answer, serve};

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
    /// Answers one request from files and prints what it cost.
    Answer(answer::Arguments),
}

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let result = match Arguments::from_arg_matches(&matches) {
        Ok(Arguments { command: Command::Answer(arguments) }) => answer::run(&arguments),
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
