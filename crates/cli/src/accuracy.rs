//! `accuracy`: many pictures encrypted, compared with the plain network.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use blindsight_ckks_eval::KeySet;
use blindsight_evaluator::Engine;
use blindsight_model::cifar::{CifarReader, CifarRecord};
use blindsight_model::classes::Scores;
use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use crate::files::ModelFiles;
use crate::session::{Client, PlainReference, load_engine};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Pictures: binary records of CIFAR-10.
    pictures: PathBuf,
    /// Index of the first picture.
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Number of pictures.
    #[arg(long, default_value_t = 20)]
    count: usize,
    /// Pictures that are evaluated at the same time; as many as there are threads by default.
    #[arg(long)]
    side_by_side: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Report {
    first: usize,
    count: usize,
    accuracy_encrypted: f64,
    accuracy_plain: f64,
    agreement: f64,
    score_error: ScoreError,
    seconds: Seconds,
    side_by_side: usize,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct ScoreError {
    max: f64,
    rms: f64,
}

#[derive(Debug, Serialize)]
struct Seconds {
    /// Wall time of all evaluations, divided by the pictures.
    per_image: f64,
    /// From the start of one evaluation to its end, for each picture.
    evaluations: Vec<f64>,
}

/// What became of one picture.
struct Outcome {
    label: usize,
    encrypted: Scores,
    plain: Scores,
    seconds: f64,
}

pub(crate) fn run(files: &ModelFiles, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let reader = CifarReader::new(BufReader::new(File::open(&arguments.pictures)?));
    let records: Vec<CifarRecord> =
        reader.skip(arguments.first).take(arguments.count).collect::<Result<_, _>>()?;
    if records.is_empty() {
        return Err("there are no pictures in this range".into());
    }
    let engine = load_engine(files)?;
    let mut client = Client::new(&engine)?;
    let keys = client.register(&engine)?;
    let side_by_side = arguments.side_by_side.unwrap_or_else(rayon::current_num_threads).max(1);

    let requests: Vec<Vec<u8>> =
        records.iter().map(|r| client.encrypt(&engine, &r.picture)).collect::<Result<_, _>>()?;
    let start = Instant::now();
    let answers = evaluate(&engine, &keys.set, &requests, side_by_side)?;
    let wall = start.elapsed().as_secs_f64();

    let plain = PlainReference::new(&engine);
    let mut outcomes = Vec::with_capacity(records.len());
    for (record, (answer, seconds)) in records.iter().zip(&answers) {
        outcomes.push(Outcome {
            label: record.label.index(),
            encrypted: client.decrypt(&engine, answer)?,
            plain: plain.scores(&record.picture)?,
            seconds: *seconds,
        });
    }
    let report = report(&outcomes, arguments.first, wall, side_by_side);
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Evaluates requests, so many at a time; each answer comes with its own duration.
fn evaluate(
    engine: &Engine,
    keys: &KeySet,
    requests: &[Vec<u8>],
    side_by_side: usize,
) -> Result<Vec<(Vec<u8>, f64)>, String> {
    let done = AtomicUsize::new(0);
    let one = |request: &Vec<u8>| {
        let start = Instant::now();
        let answer = engine.evaluate(keys, request, &mut ()).map_err(|e| e.to_string())?;
        eprint!("\r{} of {}", done.fetch_add(1, Ordering::Relaxed) + 1, requests.len());
        Ok((answer, start.elapsed().as_secs_f64()))
    };
    // Lanes of consecutive requests, one after another within a lane.
    let lane = requests.len().div_ceil(side_by_side);
    let lanes: Vec<Vec<_>> = requests
        .par_chunks(lane)
        .map(|lane| lane.iter().map(one).collect::<Result<Vec<_>, String>>())
        .collect::<Result<_, String>>()?;
    eprintln!();
    Ok(lanes.into_iter().flatten().collect())
}

fn report(outcomes: &[Outcome], first: usize, wall: f64, side_by_side: usize) -> Report {
    let count = outcomes.len();
    let share = |holds: &dyn Fn(&Outcome) -> bool| {
        outcomes.iter().filter(|o| holds(o)).count() as f64 / count as f64
    };
    let errors: Vec<f64> = outcomes
        .iter()
        .flat_map(|o| o.encrypted.values().iter().zip(o.plain.values()))
        .map(|(x, y)| x - y)
        .collect();
    let squares: f64 = errors.iter().map(|e| e * e).sum();
    Report {
        first,
        count,
        accuracy_encrypted: share(&|o| o.encrypted.best().index() == o.label),
        accuracy_plain: share(&|o| o.plain.best().index() == o.label),
        agreement: share(&|o| o.encrypted.best() == o.plain.best()),
        score_error: ScoreError {
            max: errors.iter().fold(0.0, |m, e| m.max(e.abs())),
            rms: (squares / errors.len() as f64).sqrt(),
        },
        seconds: Seconds {
            per_image: wall / count as f64,
            evaluations: outcomes.iter().map(|o| o.seconds).collect(),
        },
        side_by_side,
        threads: rayon::current_num_threads(),
    }
}
