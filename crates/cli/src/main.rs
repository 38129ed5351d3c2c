//! Blindsight on the command line: compiler, client and evaluator in one process.

mod accuracy;
mod bench;
mod classify;
mod compile;
#[cfg(feature = "exact")]
mod decision;
mod embed;
mod encrypted;
mod files;
#[cfg(feature = "exact")]
mod label;
mod machine;
mod network;
mod plain;
#[cfg(feature = "exact")]
mod signs;
mod table;
mod transfer;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Image classification that never sees the image.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Threads; all cores by default.
    #[arg(long, global = true, default_value_t = 0)]
    threads: usize,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compiles a network: from ONNX or safetensors to a program and its contract.
    Compile(Box<compile::Arguments>),
    /// Classifies a photo: makes keys, encrypts, evaluates, decrypts; prints one line of JSON.
    Classify(classify::Arguments),
    /// Gives the features of a photo, as an encoder answers them; prints one line of JSON.
    Embed(embed::Arguments),
    /// Classifies many pictures, encrypted and plain, and compares.
    Accuracy(accuracy::Arguments),
    /// Measures how fast this machine is, for `compile --machine`.
    CalibrateMachine(machine::Arguments),
    /// Measures speed, sizes and memory.
    Bench(bench::Arguments),
    /// Runs networks that others published figures of, on batches: accuracy and predictions an hour.
    Table(table::Arguments),
    /// Runs networks of signs on digits, encrypted and plain; prints one line of JSON.
    #[cfg(feature = "exact")]
    Signs(signs::Arguments),
    /// Embeds digits that an encoder has not learnt from, plain and encrypted, for `just transfer`.
    Transfer(transfer::Arguments),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blindsight: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    match &arguments.command {
        Command::Compile(options) => compile::run(options),
        Command::Classify(options) => classify::run(options),
        Command::Embed(options) => embed::run(options),
        Command::Accuracy(options) => accuracy::run(options),
        Command::CalibrateMachine(options) => machine::run(options),
        Command::Bench(options) => bench::run(options),
        #[cfg(feature = "exact")]
        Command::Signs(options) => signs::run(options),
        Command::Table(options) => table::run(options),
        Command::Transfer(options) => transfer::run(options),
    }
}
