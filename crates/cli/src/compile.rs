//! `compile`: from a network and pictures to a bundle.

mod all;
mod check;
mod description;
mod table;
mod trial;

use std::error::Error;
use std::fs;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use blindsight_compiler::{Compiled, Goal, InputRule, Machine, Wishes, compile};
use blindsight_model::calibration::{
    Calibration, Coverage, Inputs, Margins, Progress, calibrate_inputs,
};
use blindsight_model::dataset::Dataset;
use blindsight_model::picture::Preparation;
use blindsight_model::tensor::Tensor;
use clap::{Args, ValueEnum};

use crate::files::read;
use crate::machine;
use crate::network::Network;
use description::describe;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The network: an ONNX file, or a safetensors file of layers (`just train`) or of a ResNet20.
    network: PathBuf,
    /// Pictures that show where the network's values lie, not those that accuracy is measured on: a
    /// folder of pictures, a file of CIFAR-10, an IDX file, or a NumPy array. Of a network that reads
    /// numbers, a NumPy array of floats with one row an input.
    #[arg(long, required_unless_present = "check")]
    calibrate: Option<PathBuf>,
    /// Compiles nothing: prints how each node of an ONNX file is run, or why not, and how far the
    /// results are from another interpreter's. Other options do not matter then.
    #[arg(long)]
    check: bool,
    /// A calibration made before (JSON): the pictures then only tell the expected error of scores.
    #[arg(long)]
    calibration: Option<PathBuf>,
    /// Where the calibration goes, for another time.
    #[arg(long)]
    save_calibration: Option<PathBuf>,
    /// At most so many pictures.
    #[arg(long, default_value_t = 1000)]
    pictures: u64,
    /// Channels, rows and columns of the input, where the file leaves them open: 3,64,64.
    #[arg(long, value_delimiter = ',')]
    shape: Vec<usize>,
    /// The network reads numbers as they are. So does every one whose input can be no picture: one
    /// or three channels, as many rows as columns.
    #[arg(long, conflicts_with_all = ["mean", "std"])]
    numbers: bool,
    /// Mean of every colour, where the brightest is 1: one number or three, with commas.
    #[arg(long, value_delimiter = ',')]
    mean: Option<Vec<f32>>,
    /// Standard deviation of every colour: one number or three, with commas.
    #[arg(long, value_delimiter = ',')]
    std: Option<Vec<f32>>,
    /// Compiles an encoder: the network without its last fully connected layer. Its answer is what that
    /// layer reads.
    #[arg(long, conflicts_with = "classes")]
    features: bool,
    /// Names of the classes, with commas, or a file with one name a line.
    #[arg(long)]
    classes: Option<String>,
    /// The model's name in the protocol; the file's name by default.
    #[arg(long)]
    id: Option<String>,
    /// The model's name for people.
    #[arg(long)]
    title: Option<String>,
    /// What the plan is to be good at.
    #[arg(long, default_value = "latency")]
    goal: GoalName,
    /// The least part of inputs that get the plain network's label, such as 0.99.
    #[arg(long)]
    agreement: Option<f64>,
    /// The most memory that the evaluator may take, such as 4GB.
    #[arg(long, value_parser = bytes)]
    memory: Option<u64>,
    /// How fast the evaluator's machine is: a file that `calibrate-machine` wrote.
    #[arg(long)]
    machine: Option<PathBuf>,
    /// Does not run the compiled model once to compare it with its forecast.
    #[arg(long, conflicts_with = "run_all")]
    skip_run: bool,
    /// Compiles and runs every plan that is possible, not the best one alone, and tells how near to the
    /// best the one is that was taken.
    #[arg(long)]
    run_all: bool,
    /// Where the compiled model goes.
    #[arg(short, long, required_unless_present = "check")]
    output: Option<PathBuf>,
}

/// What a plan is good at.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum GoalName {
    /// The time from an input to its label.
    Latency,
    /// What a client sends.
    Bytes,
    /// Inputs an hour.
    Throughput,
}

/// Inputs that the forecast of the scores' error is made of.
const SAMPLES: usize = 48;

/// Inputs whose leads a network on batches is made for: many, for it is as coarse as they allow.
const SAMPLES_OF_BATCHES: usize = 1000;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.check {
        return check::run(&arguments.network, &arguments.shape);
    }
    let (Some(pictures), Some(output)) = (&arguments.calibrate, &arguments.output) else {
        return Err("--calibrate and --output are missing".into());
    };
    let start = Instant::now();
    let network = Network::read(&arguments.network, &arguments.shape)?;
    let network = if arguments.features { network.features()? } else { network };
    let description = describe(arguments, output, &network)?;
    let shape = network.graph.shape(network.graph.input());
    let preparation = match &description.input {
        InputRule::Picture { mean, deviation } => Preparation::new(shape, mean, deviation)?,
        InputRule::Tensor => Preparation::of_numbers(shape),
    };
    let measured = measure(arguments, pictures, &network, &preparation)?;
    if let Some(path) = &arguments.save_calibration {
        write(path, measured.calibration.to_json().as_bytes())?;
    }
    let calibrated = start.elapsed().as_secs_f64();

    let goal = match arguments.goal {
        GoalName::Latency => Goal::Latency,
        GoalName::Bytes => Goal::Bytes,
        GoalName::Throughput => Goal::Throughput,
    };
    let machine = match &arguments.machine {
        Some(path) => machine::read_machine(path)?,
        None => Machine::default(),
    };
    let (agreement, memory) = (arguments.agreement, arguments.memory);
    let wishes = Wishes { goal, agreement, memory, machine };
    let Measured { calibration, samples, .. } = &measured;
    let compiled = compile(&network.graph, calibration, &description, samples, wishes)?;
    let bytes = compiled.to_bytes()?;
    write(output, &bytes)?;
    let seconds = start.elapsed().as_secs_f64();
    print!("{}", table::render(&compiled)?);
    eprintln!("written to {}", output.display());
    let mut report = report(output, &compiled, &measured, bytes.len(), calibrated, seconds)?;
    if arguments.run_all {
        let job =
            all::Job { graph: &network.graph, calibration, description: &description, samples };
        let all = all::run(job, wishes, &compiled.candidates)?;
        print!("{}", all.render());
        report["choice_ratio"] = serde_json::to_value(all.choice_ratio())?;
        report["runs"] = serde_json::to_value(all)?;
    } else if let Some(sample) = samples.first().filter(|_| !arguments.skip_run) {
        let run = trial::run(&bytes, &network.graph, sample, 1)?;
        println!("one encrypted run: {}", run.beside(&compiled.contract.forecast));
        report["run"] = serde_json::to_value(run)?;
    }
    println!("{report}");
    Ok(())
}

/// A number of bytes, in units of a thousand where one is named: `500MB`, `4GB`.
fn bytes(text: &str) -> Result<u64, String> {
    let upper = text.to_uppercase();
    let units = [("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0), ("", 1.0)];
    let number = units.iter().find_map(|(unit, size)| Some((upper.strip_suffix(unit)?, size)));
    let parsed = number.and_then(|(number, size)| Some(number.trim().parse::<f64>().ok()? * size));
    match parsed {
        Some(bytes) if (1.0..1e18).contains(&bytes) => Ok(bytes as u64),
        _ => Err(format!("{text} is no number of bytes such as 500MB or 4GB")),
    }
}

/// Where the network's values lie.
struct Measured {
    calibration: Calibration,
    /// How well the pictures cover it, if they were just measured.
    coverage: Option<Coverage>,
    /// Some inputs, for the forecast of the scores' error.
    samples: Vec<Tensor>,
}

fn measure(
    arguments: &Arguments,
    pictures: &Path,
    network: &Network,
    preparation: &Preparation,
) -> Result<Measured, Box<dyn Error>> {
    let dataset = Dataset::open(pictures, Some(arguments.pictures))?;
    let inputs = dataset.prepared(preparation);
    let (calibration, coverage) = match &arguments.calibration {
        Some(path) => {
            let calibration = Calibration::from_json(&read(path)?)?;
            if calibration.model() != network.fingerprint {
                let path = path.display();
                return Err(format!("{path} is the calibration of another network").into());
            }
            (calibration, None)
        }
        None => {
            let (calibration, coverage) = calibrate(network, &inputs)?;
            println!("{coverage}");
            (calibration, Some(coverage))
        }
    };
    Ok(Measured { calibration, coverage, samples: samples(&inputs, arguments.goal)? })
}

fn calibrate(
    network: &Network,
    inputs: &impl Inputs,
) -> Result<(Calibration, Coverage), Box<dyn Error>> {
    let margins = Margins::default();
    let shown = std::io::stderr().is_terminal();
    let bar = |progress: Progress| {
        if shown {
            let filled = (progress.done * 40 / progress.total.max(1)) as usize;
            let bar = format!("{}{}", "=".repeat(filled), " ".repeat(40 - filled));
            eprint!("\rcalibrating [{bar}] {} of {}", progress.done, progress.total);
            let _ = std::io::stderr().flush();
        }
        ControlFlow::Continue(())
    };
    let result = calibrate_inputs(&network.graph, network.fingerprint, inputs, &margins, bar);
    if shown {
        eprintln!();
    }
    Ok(result?)
}

fn samples(inputs: &impl Inputs, goal: GoalName) -> Result<Vec<Tensor>, Box<dyn Error>> {
    let count = if matches!(goal, GoalName::Throughput) { SAMPLES_OF_BATCHES } else { SAMPLES };
    let mut samples = Vec::new();
    for sample in inputs.samples()?.take(count) {
        samples.push(inputs.prepare(sample?)?);
    }
    Ok(samples)
}

/// Writes beside the target first, so that nobody reads half a model.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(named)?;
    }
    let beside = path.with_extension("bs.part");
    fs::write(&beside, bytes).map_err(named)?;
    fs::rename(&beside, path).map_err(named)
}

fn report(
    output: &Path,
    compiled: &Compiled,
    measured: &Measured,
    bytes: usize,
    calibrated: f64,
    seconds: f64,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let figures = table::Figures::of(compiled)?;
    let warnings = measured.coverage.iter().flat_map(|coverage| &coverage.warnings);
    let warnings: Vec<String> = warnings.map(ToString::to_string).collect();
    Ok(serde_json::json!({
        "model": compiled.contract.id,
        "output": output,
        "bytes": bytes,
        "pictures": measured.calibration.pictures(),
        "warnings": warnings,
        "forecast": compiled.contract.forecast,
        "keys": { "count": figures.keys, "bytes": figures.key_bytes },
        "request_bytes": figures.request_bytes,
        "response_bytes": figures.response_bytes,
        "loaded_bytes": compiled.loaded_bytes,
        "inputs": compiled.contract.request.inputs(),
        "plan": compiled.candidates,
        "seconds": { "calibrate": calibrated, "total": seconds },
    }))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes("4GB"), Ok(4_000_000_000));
        assert_eq!(bytes("1.5 mb"), Ok(1_500_000));
        assert_eq!(bytes("2048"), Ok(2048));
        for wrong in ["", "GB", "-1GB", "4 elephants", "nan", "inf", "1e30"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
