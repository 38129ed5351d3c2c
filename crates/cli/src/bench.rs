//! `bench`: speed, sizes and memory, as JSON and as a table.
//!
//! Every time is the median of several runs in this process. Absolute times depend on the machine
//! and on what else it does; ratios between rows of one run are what to compare.

mod layers;
mod machine;
mod passes;
mod primitives;
mod process;
mod table;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use blindsight_ckks::keys::KeySpec;
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_engine::{Engine, Model};
use clap::Args;
use serde::Serialize;

use crate::files::{model_file, read, read_bundle};
use crate::plain::preparation;
use blindsight_encrypted::Client;
use blindsight_session::SessionError;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Compiled models: files, or names in the folder `models`. The first is measured in full; the
    /// others, of the same scheme, are run beside it.
    #[arg(long, default_value = "resnet20")]
    model: Vec<String>,
    /// Where the summary goes.
    #[arg(long, default_value = "target/bench/summary.json")]
    output: PathBuf,
    /// A picture to classify.
    #[arg(long, default_value = "samples/03-cat-0.png")]
    photo: PathBuf,
    /// Runs of the whole network for each number of threads.
    #[arg(long, default_value_t = 3)]
    passes: usize,
    /// Measures no model, but linear layers of the general form, with made-up weights.
    #[arg(long, conflicts_with_all = ["model", "output", "photo"])]
    layers: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Summary {
    model: String,
    machine: machine::Machine,
    parameters: ParameterFigures,
    bytes: Bytes,
    forecast: blindsight_contract::Forecast,
    keygen_seconds: Vec<ThreadSeconds>,
    primitives: Vec<primitives::Primitive>,
    passes: Vec<passes::Pass>,
    /// How much faster the pass with most threads is than the one with one thread.
    speedup: f64,
    /// The other models, with all threads.
    others: Vec<Other>,
    evaluator_process: process::EvaluatorProcess,
}

/// Another model in the same run.
#[derive(Debug, Serialize)]
struct Other {
    model: String,
    seconds: f64,
    /// How many times as long as the first model: the median of runs in turn.
    ratio: f64,
    /// What its compiler expected.
    forecast_seconds: f64,
    encoded_model: usize,
}

#[derive(Debug, Serialize)]
struct ParameterFigures {
    log2_ring_degree: u32,
    log2_largest_modulus: f64,
    log2_modulus_limit: f64,
    /// None where nothing is bootstrapped.
    log2_failure_per_bootstrap: Option<f64>,
    log2_failure_per_classification: Option<f64>,
    evaluation_keys: usize,
}

#[derive(Debug, Serialize)]
struct Bytes {
    evaluation_keys: usize,
    evaluation_keys_expanded: usize,
    request: usize,
    response: usize,
    encoded_model: usize,
    /// What all models of a scheme share.
    matrices: usize,
}

#[derive(Debug, Serialize)]
struct ThreadSeconds {
    threads: usize,
    seconds: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.layers {
        let summary = layers::measure(rayon::current_num_threads(), arguments.passes)?;
        print!("{}", layers::render(&summary));
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    let (first, others) = arguments.model.split_first().ok_or("name a model")?;
    let path = model_file(first)?;
    let bundle = read_bundle(&path)?;
    let contract = bundle.contract().clone();
    let input = preparation(&contract)?.decode(&read(&arguments.photo)?)?;
    let engine = Engine::default();
    if contract.request().signs().is_some() {
        let id = contract.id();
        return Err(
            format!("the model {id} is a network of signs: `just dinn` measures these").into()
        );
    }
    eprintln!("encoding the model");
    let model = engine.load(&bundle)?;
    let mut client = Client::new(&contract)?;
    let most_threads = rayon::current_num_threads();
    let thread_counts: Vec<usize> = if most_threads > 1 { vec![1, most_threads] } else { vec![1] };

    eprintln!("making keys");
    let mut keygen_seconds = Vec::new();
    for &threads in &thread_counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let seconds = pool.install(|| -> Result<f64, String> {
            let keys = client
                .make_keys(&contract, |_, _| Ok::<_, SessionError>(()))
                .map_err(|e| e.to_string())?;
            Ok(keys.1)
        })?;
        keygen_seconds.push(ThreadSeconds { threads, seconds });
    }
    let keys = client.register(&contract)?;
    let request = client.encrypt(&contract, input.values())?;

    eprintln!("measuring primitives");
    let primitives = primitives::measure(&model, &keys.set, &mut client, &thread_counts)?;

    let mut passes = Vec::new();
    let mut response = 0;
    for &threads in &thread_counts {
        eprintln!("running the network on {threads} thread(s)");
        let start = Instant::now();
        let (pass, answer) =
            passes::measure(&model, &keys.set, &request, threads, arguments.passes)?;
        eprintln!("  {:.1} s", start.elapsed().as_secs_f64());
        response = answer.len();
        passes.push(pass);
    }
    let speedup = passes[0].seconds / passes[passes.len() - 1].seconds;
    let mut beside = Vec::new();
    for name in others {
        eprintln!("running {name}");
        let bundle = read_bundle(&model_file(name)?)?;
        let contract = bundle.contract();
        if let Some(missing) = keys.set.first_missing(contract.keys()) {
            return Err(format!("{name} needs another key: {:?}", missing.kind()).into());
        }
        let other = engine.load(&bundle)?;
        let other_request = client.encrypt(contract, input.values())?;
        let (seconds, ratio) = passes::beside(
            passes::Run { model: &model, request: &request },
            passes::Run { model: &other, request: &other_request },
            &keys.set,
            most_threads,
            arguments.passes,
        )?;
        beside.push(Other {
            model: contract.id().to_owned(),
            seconds,
            ratio,
            forecast_seconds: contract.forecast().seconds,
            encoded_model: other.byte_len(),
        });
    }

    eprintln!("running the evaluator as a process of its own");
    let evaluator_process = process::measure(&path, &contract, &client, &request)?;
    let summary = Summary {
        model: contract.id().to_owned(),
        machine: machine::describe(),
        parameters: parameter_figures(&model)?,
        bytes: Bytes {
            evaluation_keys: keys.bytes,
            evaluation_keys_expanded: keys.set.byte_len(),
            request: request.len(),
            response,
            encoded_model: model.byte_len(),
            matrices: model.shared_byte_len(),
        },
        forecast: contract.forecast(),
        keygen_seconds,
        primitives,
        passes,
        speedup,
        others: beside,
        evaluator_process,
    };
    if let Some(folder) = arguments.output.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.output, serde_json::to_string_pretty(&summary)?)?;
    print!("{}", table::render(&summary));
    eprintln!("written to {}", arguments.output.display());
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

fn parameter_figures(model: &Model) -> Result<ParameterFigures, Box<dyn Error>> {
    let contract = model.contract();
    let set = contract.set();
    let bits = |spec: &KeySpec| spec.basis(set).log2();
    let bootstrap = model.steps().and_then(|steps| steps.scheme().circuit().bootstrap());
    let one = bootstrap.map(BootstrapParameters::log2_failure).transpose()?;
    let bootstraps = model.steps().map_or(0, |steps| steps.program().activations.len()) as f64;
    Ok(ParameterFigures {
        log2_ring_degree: set.log_degree(),
        log2_largest_modulus: contract.keys().specs().iter().map(bits).fold(0.0, f64::max),
        log2_modulus_limit: blindsight_ckks::security::ternary_limit(set.log_degree()),
        log2_failure_per_bootstrap: one,
        log2_failure_per_classification: one.map(|one| one + bootstraps.log2()),
        evaluation_keys: contract.keys().len(),
    })
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

pub(crate) fn median_of(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
