//! `bench`: speed, sizes and memory, as JSON and as a table.
//!
//! Every time is the median of several runs in this process. Absolute times depend on the machine
//! and on what else it does; ratios between rows of one run are what to compare.

mod machine;
mod passes;
mod primitives;
mod process;
mod table;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use blindsight_model::picture::Picture32;
use clap::Args;
use serde::Serialize;

use crate::files::{ModelFiles, read};
use crate::session::{Client, load_engine};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the summary goes.
    #[arg(long, default_value = "target/bench/summary.json")]
    output: PathBuf,
    /// A picture to classify.
    #[arg(long, default_value = "samples/03-cat-0.png")]
    photo: PathBuf,
    /// Runs of the whole network for each number of threads.
    #[arg(long, default_value_t = 3)]
    passes: usize,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Summary {
    machine: machine::Machine,
    parameters: ParameterFigures,
    bytes: Bytes,
    keygen_seconds: Vec<ThreadSeconds>,
    primitives: Vec<primitives::Primitive>,
    passes: Vec<passes::Pass>,
    /// How much faster the pass with most threads is than the one with one thread.
    speedup: f64,
    evaluator_process: process::EvaluatorProcess,
}

#[derive(Debug, Serialize)]
struct ParameterFigures {
    name: String,
    log2_ring_degree: u32,
    log2_largest_modulus: f64,
    log2_modulus_limit: f64,
    log2_failure_per_bootstrap: f64,
    log2_failure_per_classification: f64,
    evaluation_keys: usize,
}

#[derive(Debug, Serialize)]
struct Bytes {
    evaluation_keys: usize,
    evaluation_keys_expanded: usize,
    request: usize,
    response: usize,
    encoded_model: usize,
}

#[derive(Debug, Serialize)]
struct ThreadSeconds {
    threads: usize,
    seconds: f64,
}

pub(crate) fn run(files: &ModelFiles, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let picture = Picture32::decode(&read(&arguments.photo)?)?;
    eprintln!("encoding the model");
    let engine = load_engine(files)?;
    let mut client = Client::new(&engine)?;
    let most_threads = rayon::current_num_threads();
    let thread_counts: Vec<usize> = if most_threads > 1 { vec![1, most_threads] } else { vec![1] };

    eprintln!("making keys");
    let mut keygen_seconds = Vec::new();
    for &threads in &thread_counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let seconds = pool.install(|| -> Result<f64, String> {
            let keys = client.make_keys(&engine, |_, _| Ok(())).map_err(|e| e.to_string())?;
            Ok(keys.1)
        })?;
        keygen_seconds.push(ThreadSeconds { threads, seconds });
    }
    let keys = client.register(&engine)?;
    let request = client.encrypt(&engine, &picture)?;

    eprintln!("measuring primitives");
    let primitives = primitives::measure(&engine, &keys.set, &mut client, &thread_counts)?;

    let mut passes = Vec::new();
    let mut response = 0;
    for &threads in &thread_counts {
        eprintln!("running the network on {threads} thread(s)");
        let start = Instant::now();
        let (pass, answer) =
            passes::measure(&engine, &keys.set, &request, threads, arguments.passes)?;
        eprintln!("  {:.1} s", start.elapsed().as_secs_f64());
        response = answer.len();
        passes.push(pass);
    }
    let speedup = passes[0].seconds / passes[passes.len() - 1].seconds;

    eprintln!("running the evaluator as a process of its own");
    let evaluator_process = process::measure(files, &engine, &mut client, &request)?;
    let summary = Summary {
        machine: machine::describe(),
        parameters: parameter_figures(&engine),
        bytes: Bytes {
            evaluation_keys: keys.bytes,
            evaluation_keys_expanded: keys.set.byte_len(),
            request: request.len(),
            response,
            encoded_model: engine.network().byte_len(),
        },
        keygen_seconds,
        primitives,
        passes,
        speedup,
        evaluator_process,
    };
    if let Some(folder) = arguments.output.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.output, serde_json::to_string_pretty(&summary)?)?;
    print!("{}", table::render(&summary));
    eprintln!("written to {}", arguments.output.display());
    Ok(())
}

fn parameter_figures(engine: &blindsight_evaluator::Engine) -> ParameterFigures {
    let set = engine.parameters();
    let largest =
        set.keys().iter().map(|spec| blindsight_ckks::evaluation_key::key_basis(set, spec).log2());
    let bootstraps = engine.lowered().blocks.len() as f64;
    ParameterFigures {
        name: set.literal().name.to_owned(),
        log2_ring_degree: set.literal().log_degree,
        log2_largest_modulus: largest.fold(0.0, f64::max),
        log2_modulus_limit: blindsight_ckks::security::ternary_limit(set.literal().log_degree),
        log2_failure_per_bootstrap: set.log2_failure(),
        log2_failure_per_classification: set.log2_failure() + bootstraps.log2(),
        evaluation_keys: set.keys().len(),
    }
}

/// The median duration in seconds of `runs` runs.
fn median(runs: usize, mut run: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let mut seconds = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(median_of(seconds))
}

fn median_of(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
