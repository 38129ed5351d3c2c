//! Tests a fleet of processes: jobs keep coming while workers, front-ends, the database and the bucket
//! are killed, cut off, stopped and started; every accepted job must be done exactly once. Then it
//! measures. The last line is one JSON object, also in target/fleet/summary.json.
//!
//! Nodes are `fleet-node`: the evaluator with models without cryptography. Started by `just fleet-test`.

mod chaos;
mod client;
mod dice;
mod faults;
mod figures;
mod measure;
mod namespace;
mod node;
mod relay;
mod rows;
mod traffic;
mod world;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use blindsight_tests::repository;
use clap::{Parser, ValueEnum};
use serde_json::{Map, Value, json};

/// What can fail here fails with a sentence.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Tests a fleet.
#[derive(Debug, Parser)]
struct Arguments {
    /// A hundred faults instead of ten, network namespaces where there are such, longer measurements.
    #[arg(long)]
    long: bool,
    /// How many faults.
    #[arg(long)]
    faults: Option<usize>,
    /// Repeats the faults of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// One part alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// The lease of jobs.
    #[arg(long, default_value_t = 10)]
    lease_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Chaos,
    Throughput,
    Claims,
    Affinity,
    Fairness,
    Drill,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Chaos, Self::Throughput, Self::Claims, Self::Affinity, Self::Fairness, Self::Drill];

    /// Adds its figures; whether all is well.
    fn run(self, settings: &Settings, told: &mut Map<String, Value>) -> Outcome<bool> {
        let (name, value) = match self {
            Self::Chaos => {
                let (value, is_well) = chaos::run(settings)?;
                if let Value::Object(value) = value {
                    told.extend(value);
                }
                return Ok(is_well);
            }
            Self::Throughput => ("throughput", measure::throughput::run(settings)?),
            Self::Claims => ("claims", measure::claims::run(settings)?),
            Self::Affinity => ("affinity", measure::affinity::run(settings)?),
            Self::Fairness => ("fairness", measure::fairness::run(settings)?),
            Self::Drill => ("drill", measure::drill::run(settings)?),
        };
        told.insert(name.to_owned(), value);
        Ok(true)
    }
}

/// What holds for all parts.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) long: bool,
    pub(crate) faults: usize,
    pub(crate) seed: u64,
    pub(crate) lease_seconds: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let settings = Settings {
        long: arguments.long,
        faults: arguments.faults.unwrap_or(if arguments.long { 100 } else { 10 }),
        seed: arguments.seed.unwrap_or(now.as_secs()),
        lease_seconds: arguments.lease_seconds,
    };
    eprintln!("seed {}", settings.seed);
    let (mut told, mut is_well) = (Map::new(), true);
    for part in Part::ALL {
        // The drill is part of the long form.
        let by_default = part != Part::Drill || settings.long;
        if !arguments.only.map_or(by_default, |only| only == part) {
            continue;
        }
        let start = Instant::now();
        match part.run(&settings, &mut told) {
            Ok(well) => is_well &= well,
            Err(error) => {
                eprintln!("{part:?}: {error}");
                told.insert(
                    format!("{part:?}").to_lowercase() + "_failed",
                    json!(error.to_string()),
                );
                is_well = false;
            }
        }
        eprintln!("{part:?}: {:.0} s", start.elapsed().as_secs_f64());
    }
    told.insert("well".to_owned(), json!(is_well));
    let told = Value::Object(told);
    if let Err(error) = write(&told) {
        eprintln!("target/fleet/summary.json cannot be written: {error}");
        is_well = false;
    }
    println!("{told}");
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(told: &Value) -> Outcome<()> {
    std::fs::write(output()?.join("summary.json"), serde_json::to_vec_pretty(told)?)?;
    Ok(())
}

/// Where results and logs go.
pub(crate) fn output() -> Outcome<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = target.unwrap_or_else(|| repository().join("target")).join("fleet");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
