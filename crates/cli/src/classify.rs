//! `classify`: one photo, everything from keys to label.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use blindsight_engine::{Engine, Observer, RunObserver, memory};
use clap::Args;
use serde::Serialize;

use crate::files::{model_file, read, read_bundle};
use crate::plain::{PlainReference, preparation};
use blindsight_encrypted::{Client, best};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A photo: PNG, JPEG, WebP, BMP or GIF.
    photo: PathBuf,
    /// A compiled model: a file, or a name in the folder `models`.
    #[arg(long, default_value = "resnet20")]
    model: String,
    /// The network that the model was compiled from; the file beside it by default.
    #[arg(long)]
    network: Option<PathBuf>,
    /// Answers with the label alone: the scores are never decrypted.
    #[cfg(feature = "exact")]
    #[arg(long)]
    label_only: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    label: String,
    class: usize,
    scores: Vec<f64>,
    plain_scores: Vec<f64>,
    seconds: Seconds,
    bytes: Bytes,
    peak_rss_bytes: u64,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Seconds {
    load: f64,
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

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let path = model_file(&arguments.model)?;
    let bundle = read_bundle(&path)?;
    let contract = bundle.contract().clone();
    let input = preparation(&contract)?.decode(&read(&arguments.photo)?)?;
    #[cfg(feature = "exact")]
    if arguments.label_only {
        return crate::label::classify(&bundle, input.values());
    }
    let (model, load) = timed(|| Engine::default().load(&bundle));
    let model = model?;
    eprintln!("model loaded in {load:.2} s");

    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let megabytes = keys.bytes as f64 / 1e6;
    eprintln!("{megabytes:.1} MB of keys made in {:.1} s", keys.generate_seconds);

    let (request, encrypt) = timed(|| client.encrypt(&contract, input.values()));
    let request = request?;
    let (answer, evaluate) = timed(|| model.evaluate(&keys.set, &request, &mut Progress));
    let answer = answer?;
    let (scores, decrypt) = timed(|| client.decrypt(&contract, &answer));
    let scores = scores?;
    let total = start.elapsed().as_secs_f64();

    let plain = PlainReference::new(&path, arguments.network.as_deref(), &contract)?;
    let class = best(&scores);
    let report = Report {
        model: contract.id().to_owned(),
        label: contract.classes()[class].clone(),
        class,
        scores,
        plain_scores: plain.scores(&input)?,
        seconds: Seconds { load, keygen: keys.generate_seconds, encrypt, evaluate, decrypt, total },
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

pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

/// Prints each step that passes.
pub(crate) struct Progress;

impl Observer for Progress {}

impl RunObserver for Progress {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        eprint!("\rlayer {done} of {total}{}", if done == total { "\n" } else { "" });
        ControlFlow::Continue(())
    }
}
