//! Blindsight on the command line: client and evaluator in one process.

mod accuracy;
mod bench;
mod calibrate;
mod classify;
mod files;
mod session;

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
    #[command(flatten)]
    files: files::ModelFiles,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Classifies a photo: makes keys, encrypts, evaluates, decrypts; prints one line of JSON.
    Classify(classify::Arguments),
    /// Classifies many pictures of a CIFAR-10 file and compares with the plain network.
    Accuracy(accuracy::Arguments),
    /// Measures speed, sizes and memory.
    Bench(bench::Arguments),
    /// Measures the ranges of a model's activations on a CIFAR-10 file.
    Calibrate(calibrate::Arguments),
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
        Command::Classify(options) => classify::run(&arguments.files, options),
        Command::Accuracy(options) => accuracy::run(&arguments.files, options),
        Command::Bench(options) => bench::run(&arguments.files, options),
        Command::Calibrate(options) => calibrate::run(&arguments.files, options),
    }
}
