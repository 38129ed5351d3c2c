//! Answers one request from files: the evaluator as a process of its own.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use blindsight_ckks_eval::KeySet;
use blindsight_evaluator::{Engine, memory};
use clap::Args;
use serde::Serialize;

use super::read;

/// Which files, and how many threads.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Weights (safetensors).
    #[arg(long, default_value = "models/resnet20-relu-cifar10.safetensors")]
    model: PathBuf,
    /// Calibration of the model (JSON).
    #[arg(long, default_value = "models/resnet20-relu-cifar10.calibration.json")]
    calibration: PathBuf,
    /// Folder with the client's evaluation keys: 0.key, 1.key, ...
    #[arg(long)]
    keys: PathBuf,
    /// The encrypted picture.
    #[arg(long)]
    request: PathBuf,
    /// Where the encrypted answer goes.
    #[arg(long)]
    answer: PathBuf,
    /// Threads; all cores by default.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// What the process prints when it is done.
#[derive(Debug, Serialize)]
struct Report {
    seconds: Seconds,
    bytes: Bytes,
    peak_rss_bytes: u64,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Seconds {
    load_model: f64,
    load_keys: f64,
    evaluate: f64,
}

#[derive(Debug, Serialize)]
struct Bytes {
    expanded_keys: usize,
    encoded_model: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    let start = Instant::now();
    let weights = read(&arguments.model)?;
    let calibration = read(&arguments.calibration)?;
    let engine = Engine::load(&weights, &calibration)?;
    let load_model = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let mut keys = KeySet::default();
    for index in 0..engine.parameters().keys().len() {
        let bytes = read(&arguments.keys.join(format!("{index}.key")))?;
        engine.read_key(&mut keys, index, &bytes)?;
    }
    let load_keys = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let answer = engine.evaluate(&keys, &read(&arguments.request)?, &mut ())?;
    let evaluate = start.elapsed().as_secs_f64();
    fs::write(&arguments.answer, answer)?;

    let report = Report {
        seconds: Seconds { load_model, load_keys, evaluate },
        bytes: Bytes { expanded_keys: keys.byte_len(), encoded_model: engine.network().byte_len() },
        peak_rss_bytes: memory::peak_rss_bytes(),
        threads: rayon::current_num_threads(),
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
