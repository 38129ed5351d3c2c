//! `accuracy`: many pictures encrypted, compared with the plain network.

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use blindsight_contract::AcceptedContract;
use blindsight_engine::{Engine, Model};
use blindsight_model::dataset::Dataset;
use blindsight_model::tensor::Tensor;
use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use crate::encrypted::classes;
use crate::files::{model_file, read_bundle};
use crate::plain::{PlainReference, preparation};
use blindsight_encrypted::{Client, Keys, best};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Pictures: binary records of CIFAR-10, an IDX file, a NumPy array, or a folder.
    pictures: PathBuf,
    /// A compiled model: a file, or a name in the folder `models`.
    #[arg(long, default_value = "resnet20")]
    model: String,
    /// The network that the model was compiled from; the file beside it by default.
    #[arg(long)]
    network: Option<PathBuf>,
    /// Index of the first picture.
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Number of pictures.
    #[arg(long, default_value_t = 20)]
    count: usize,
    /// Pictures that are evaluated at the same time; as many as there are threads by default.
    #[arg(long)]
    side_by_side: Option<usize>,
    #[cfg(feature = "exact")]
    #[command(flatten)]
    asked: crate::decision::Asked,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    first: usize,
    count: usize,
    /// Of the pictures that have a label; none without any.
    accuracy_encrypted: Option<f64>,
    accuracy_plain: Option<f64>,
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

/// A prepared picture, with its class if the data set says one.
struct Picture {
    input: Tensor,
    label: Option<usize>,
}

/// What became of one picture.
struct Outcome {
    label: Option<usize>,
    encrypted: Vec<f64>,
    plain: Vec<f64>,
    seconds: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let path = model_file(&arguments.model)?;
    let bundle = read_bundle(&path)?;
    let contract = bundle.contract().clone();
    classes(&contract)?;
    let plain = PlainReference::new(&path, arguments.network.as_deref(), &contract)?;
    let pictures = pictures(arguments, &contract)?;
    #[cfg(feature = "exact")]
    if let Some(decision) = arguments.asked.decision(&contract)? {
        let inputs = pictures.iter().map(|p| (p.input.values(), p.label));
        return crate::label::accuracy(&bundle, decision, arguments.first, inputs);
    }
    let model = Engine::default().load(&bundle)?;
    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let side_by_side = arguments.side_by_side.unwrap_or_else(rayon::current_num_threads).max(1);

    let batch = contract.request().inputs();
    let mut encrypt = |pictures: &[Picture]| {
        let values: Vec<f32> = pictures.iter().flat_map(|p| p.input.values()).copied().collect();
        client.encrypt(&contract, &values)
    };
    let requests: Vec<Vec<u8>> =
        pictures.chunks(batch).map(&mut encrypt).collect::<Result<_, _>>()?;
    let start = Instant::now();
    let answers = evaluate(&model, &keys, &requests, side_by_side)?;
    let wall = start.elapsed().as_secs_f64();

    let mut outcomes = Vec::with_capacity(pictures.len());
    for (pictures, (answer, seconds)) in pictures.chunks(batch).zip(&answers) {
        let scores = client.decrypt(&contract, answer)?;
        for (picture, scores) in pictures.iter().zip(scores.chunks(contract.answer().values())) {
            outcomes.push(Outcome {
                label: picture.label,
                encrypted: scores.to_vec(),
                plain: plain.scores(&picture.input)?,
                seconds: *seconds,
            });
        }
    }
    let report = report(contract.id(), &outcomes, arguments.first, wall, side_by_side);
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// The pictures of the range, prepared, with their labels.
fn pictures(
    arguments: &Arguments,
    contract: &AcceptedContract,
) -> Result<Vec<Picture>, Box<dyn Error>> {
    let preparation = preparation(contract)?;
    let end = arguments.first.saturating_add(arguments.count);
    let dataset = Dataset::open(&arguments.pictures, Some(end as u64))?;
    let dataset = dataset.with_classes(contract.classes().iter().map(String::as_str));
    let mut pictures = Vec::new();
    for sample in dataset.samples()?.skip(arguments.first) {
        let sample = sample?;
        let label = sample.label;
        pictures.push(Picture { input: sample.prepare(&preparation)?, label });
    }
    if pictures.is_empty() {
        return Err("there are no pictures in this range".into());
    }
    Ok(pictures)
}

/// Evaluates requests, so many at a time; each answer comes with its own duration.
fn evaluate(
    model: &Model,
    keys: &Keys,
    requests: &[Vec<u8>],
    side_by_side: usize,
) -> Result<Vec<(Vec<u8>, f64)>, String> {
    let done = AtomicUsize::new(0);
    let one = |request: &Vec<u8>| {
        let start = Instant::now();
        let answer = keys.evaluate(model, request, &mut ()).map_err(|e| e.to_string())?;
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

fn report(
    model: &str,
    outcomes: &[Outcome],
    first: usize,
    wall: f64,
    side_by_side: usize,
) -> Report {
    let count = outcomes.len();
    let labelled: Vec<(&Outcome, usize)> =
        outcomes.iter().filter_map(|o| Some((o, o.label?))).collect();
    let accuracy = |scores: fn(&Outcome) -> &[f64]| {
        let right = labelled.iter().filter(|(o, label)| best(scores(o)) == *label).count();
        (!labelled.is_empty()).then(|| right as f64 / labelled.len() as f64)
    };
    let agreeing = outcomes.iter().filter(|o| best(&o.encrypted) == best(&o.plain)).count();
    let pairs = outcomes.iter().flat_map(|o| o.encrypted.iter().zip(&o.plain));
    let errors: Vec<f64> = pairs.map(|(x, y)| x - y).collect();
    let squares: f64 = errors.iter().map(|e| e * e).sum();
    Report {
        model: model.to_owned(),
        first,
        count,
        accuracy_encrypted: accuracy(|o| &o.encrypted),
        accuracy_plain: accuracy(|o| &o.plain),
        agreement: agreeing as f64 / count as f64,
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
