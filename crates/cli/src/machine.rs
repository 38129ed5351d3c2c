//! How fast this machine is, for the planner.

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_compiler::{Machine, count_bootstraps};
use blindsight_engine::{Engine, Observer, Operation, RunObserver, Step};
use clap::Args;

use crate::files::{model_file, read, read_bundle};
use blindsight_encrypted::Client;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A model with bootstraps that was compiled for the usual machine, as those of this project are:
    /// a file, or a name in the folder `models`.
    #[arg(long, default_value = "resnet20")]
    model: String,
    /// Where the result goes, for `compile --machine`.
    #[arg(short, long, default_value = "target/machine.json")]
    output: PathBuf,
}

/// Runs a model a few times and writes what its bootstraps take, and all else.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let bundle = read_bundle(&model_file(&arguments.model)?)?;
    let model = Engine::default().load(&bundle)?;
    let contract = model.contract().clone();
    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let [channels, height, width] = contract.input().shape();
    let request = client.encrypt(&contract, &vec![0.1; channels * height * width])?;
    let mut best: Option<[f64; 2]> = None;
    for _ in 0..RUNS {
        let mut watch = Stopwatch { last: Instant::now(), seconds: [0.0; 2] };
        model.evaluate(&keys.set, &request, &mut watch)?;
        // What else runs on the machine only ever makes it slower.
        if best.is_none_or(|[x, y]| watch.seconds.iter().sum::<f64>() < x + y) {
            best = Some(watch.seconds);
        }
    }
    let bootstraps = model.steps().map_or(0, |steps| count_bootstraps(steps.program()));
    let forecast = contract.forecast().seconds;
    let machine = best.and_then(|seconds| Machine::measured(bootstraps, seconds, forecast));
    let machine = machine.ok_or("the model has no bootstraps to measure")?;
    if let Some(folder) = arguments.output.parent() {
        fs::create_dir_all(folder)?;
    }
    let json = serde_json::to_string(&machine)?;
    fs::write(&arguments.output, &json)?;
    eprintln!("written to {}", arguments.output.display());
    println!("{json}");
    Ok(())
}

/// A machine from the file that [`run`] wrote.
pub(crate) fn read_machine(path: &Path) -> Result<Machine, Box<dyn Error>> {
    let machine: Machine = serde_json::from_slice(&read(path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if machine.is_sound() {
        return Ok(machine);
    }
    Err(format!("{}: seconds and factors must be positive numbers", path.display()).into())
}

const RUNS: usize = 4;

/// Seconds of bootstraps, and of everything else.
struct Stopwatch {
    last: Instant,
    seconds: [f64; 2],
}

impl Observer for Stopwatch {}

impl RunObserver for Stopwatch {
    fn progress(&mut self, _: usize, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn step(&mut self, _: usize, step: &Step, _: &Ciphertext) {
        let now = Instant::now();
        let kind = usize::from(!matches!(step.operation, Operation::Bootstrap { .. }));
        self.seconds[kind] += (now - self.last).as_secs_f64();
        self.last = now;
    }
}
