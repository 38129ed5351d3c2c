//! `classify`: one photo, everything from keys to label.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use blindsight_evaluator::memory;
use blindsight_model::homomorphic::RunObserver;
use blindsight_model::picture::Picture32;
use clap::Args;
use serde::Serialize;

use crate::files::{ModelFiles, read};
use crate::session::{Client, PlainReference, load_engine};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A photo: PNG, JPEG, WebP, BMP or GIF.
    photo: PathBuf,
}

#[derive(Debug, Serialize)]
struct Report {
    label: String,
    class: usize,
    scores: [f64; 10],
    plain_scores: [f64; 10],
    seconds: Seconds,
    bytes: Bytes,
    peak_rss_bytes: u64,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Seconds {
    keygen: f64,
    encrypt: f64,
    evaluate: f64,
    decrypt: f64,
    total: f64,
}

#[derive(Debug, Serialize)]
struct Bytes {
    evaluation_keys: usize,
    request: usize,
    response: usize,
}

pub(crate) fn run(files: &ModelFiles, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let picture = Picture32::decode(&read(&arguments.photo)?)?;
    let engine = load_engine(files)?;
    eprintln!("model encoded in {:.1} s", start.elapsed().as_secs_f64());

    let mut client = Client::new(&engine)?;
    let keys = client.register(&engine)?;
    let megabytes = keys.bytes as f64 / 1e6;
    eprintln!("{megabytes:.1} MB of keys made in {:.1} s", keys.generate_seconds);

    let (request, encrypt) = timed(|| client.encrypt(&engine, &picture));
    let request = request?;
    let (answer, evaluate) = timed(|| engine.evaluate(&keys.set, &request, &mut Progress));
    let answer = answer?;
    let (scores, decrypt) = timed(|| client.decrypt(&engine, &answer));
    let scores = scores?;
    let total = start.elapsed().as_secs_f64();

    let plain_scores = PlainReference::new(&engine).scores(&picture)?;
    let best = scores.best();
    let report = Report {
        label: engine.model().metadata().classes.name(best).to_owned(),
        class: best.index(),
        scores: *scores.values(),
        plain_scores: *plain_scores.values(),
        seconds: Seconds { keygen: keys.generate_seconds, encrypt, evaluate, decrypt, total },
        bytes: Bytes {
            evaluation_keys: keys.bytes,
            request: request.len(),
            response: answer.len(),
        },
        peak_rss_bytes: memory::peak_rss_bytes(),
        threads: rayon::current_num_threads(),
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

/// Prints each step that passes.
struct Progress;

impl blindsight_ckks_eval::Observer for Progress {}

impl RunObserver for Progress {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        eprint!("\rlayer {done} of {total}{}", if done == total { "\n" } else { "" });
        ControlFlow::Continue(())
    }
}
