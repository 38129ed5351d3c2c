//! `table`: the networks that others published figures of, trained here, on batches: their figures
//! beside ours.

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use blindsight_compiler::{Description, Goal, InputRule, Wishes, compile};
use blindsight_contract::AcceptedContract;
use blindsight_engine::{Bundle, BundleLimits, Engine, memory};
use blindsight_model::calibration::{Margins, calibrate_inputs};
use blindsight_model::dataset::Dataset;
use blindsight_model::graph::{Graph, Node};
use blindsight_model::picture::Preparation;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;
use clap::Args;
use serde::Serialize;

use crate::bench::median_of;
use crate::client::{Client, best};
use crate::files::mnist_images;
use crate::network::Network;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder with the four IDX files of MNIST, packed with gzip or not.
    #[arg(long)]
    data: PathBuf,
    /// Only these rows.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// So many of the test digits.
    #[arg(long, default_value_t = 10_000)]
    pictures: u64,
    /// Where the summary goes.
    #[arg(long, default_value = "target/table/summary.json")]
    output: PathBuf,
}

/// A network that others published figures of.
struct Published {
    /// Our network: a file in `models/train`.
    name: &'static str,
    /// Who, and which network.
    whose: &'static str,
    /// Seconds of a batch, predictions an hour, accuracy in per cent.
    theirs: [f64; 3],
}

/// SEALion (van Elsloo et al. 2019), its tables; CryptoNets as SEALion gives it.
const PUBLISHED: [Published; 4] = [
    Published { name: "dnn-30", whose: "SEALion DNN-30", theirs: [1.14, 12_933_344.0, 97.40] },
    Published { name: "dnn-100", whose: "SEALion DNN-100", theirs: [3.28, 4_494_965.0, 98.01] },
    Published { name: "cnn-16", whose: "SEALion CNN-16", theirs: [192.0, 153_600.0, 98.96] },
    Published { name: "cryptonets", whose: "CryptoNets", theirs: [250.0, 58_982.0, 98.95] },
];

/// Training pictures that networks are calibrated on.
const CALIBRATED: u64 = 1000;

/// What a row came to.
#[derive(Debug, Serialize)]
struct Row {
    row: &'static str,
    /// Of one request with all its inputs: evaluation alone.
    latency_s: f64,
    inputs: usize,
    server_images_per_hour: f64,
    /// Encryption, evaluation and decryption one after another on the same cores.
    end_to_end_images_per_hour: f64,
    upload_bytes_per_image: f64,
    accuracy_encrypted: f64,
    accuracy_plain: f64,
    pictures: usize,
    /// Numbers of the network.
    parameters: usize,
    log2_n: u32,
    log2_q: f64,
    /// The largest resident set of this process so far, client and data included, in bytes.
    peak_memory: u64,
}

#[derive(Debug, Serialize)]
struct Summary {
    rows: Vec<Row>,
    threads: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    for row in &arguments.rows {
        if !PUBLISHED.iter().any(|published| published.name == row) {
            let names: Vec<_> = PUBLISHED.iter().map(|published| published.name).collect();
            return Err(format!("there is no row {row}: there are {}", names.join(", ")).into());
        }
    }
    let wanted = |published: &&Published| {
        arguments.rows.is_empty() || arguments.rows.iter().any(|row| row == published.name)
    };
    println!(
        "{:<16} {:>12} {:>12} {:>8} {:>8} | {:>9} {:>12} {:>8}",
        "", "server/h", "all/h", "right", "plain", "theirs: s", "an hour", "right"
    );
    let mut rows = Vec::new();
    for published in PUBLISHED.iter().filter(wanted) {
        let row = measure(published, arguments)?;
        let [seconds, hourly, accuracy] = published.theirs;
        println!(
            "{:<16} {:>12.0} {:>12.0} {:>7.2}% {:>7.2}% | {seconds:>9} {hourly:>12.0} {accuracy:>7.2}%",
            published.whose,
            row.server_images_per_hour,
            row.end_to_end_images_per_hour,
            100.0 * row.accuracy_encrypted,
            100.0 * row.accuracy_plain
        );
        rows.push(row);
    }
    let summary = serde_json::to_string(&Summary { rows, threads: rayon::current_num_threads() })?;
    if let Some(folder) = arguments.output.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.output, &summary)?;
    println!("{summary}");
    Ok(())
}

/// Compiles a network for batches and runs the test digits through it, encrypted and plain.
fn measure(published: &Published, arguments: &Arguments) -> Result<Row, Box<dyn Error>> {
    let path = Path::new("models/train").join(published.name).with_extension("safetensors");
    let network = Network::read(&path, &[])?;
    let (mean, deviation) = network
        .normalisation
        .clone()
        .ok_or("the network does not say how pictures are prepared")?;
    let shape = network.graph.shape(network.graph.input());
    let preparation = Preparation::new(shape, &mean, &deviation)?;
    let classes = network.classes.clone().ok_or("the network does not name its classes")?;
    let description = Description {
        id: published.name.to_owned(),
        title: published.whose.to_owned(),
        classes: classes.clone(),
        input: InputRule::Picture { mean, deviation },
    };

    let train = Dataset::open(mnist_images(&arguments.data, "train")?, Some(CALIBRATED))?;
    let inputs = train.prepared(&preparation);
    let margins = Margins::default();
    let (graph, fingerprint) = (&network.graph, network.fingerprint);
    let go_on = |_| ControlFlow::Continue(());
    let (calibration, _) = calibrate_inputs(graph, fingerprint, &inputs, &margins, go_on)?;
    let prepared = |sample: Result<_, _>| -> Result<Tensor, Box<dyn Error>> {
        let sample: blindsight_model::dataset::Sample = sample?;
        Ok(sample.prepare(&preparation)?)
    };
    let samples: Vec<Tensor> = train.samples()?.map(prepared).collect::<Result<_, _>>()?;
    let wishes = Wishes { goal: Goal::Throughput, ..Wishes::default() };
    let compiled = compile(graph, &calibration, &description, &samples, wishes)?;
    let bundle = Bundle::parse(&compiled.to_bytes()?, &BundleLimits::default())?;

    let test = Dataset::open(mnist_images(&arguments.data, "t10k")?, Some(arguments.pictures))?;
    let test = test.with_classes(classes.iter().map(String::as_str));
    let mut digits = Vec::new();
    for sample in test.samples()? {
        let sample = sample?;
        let label = sample.label.ok_or("a test digit has no label")?;
        digits.push((sample.prepare(&preparation)?, label));
    }
    if digits.is_empty() {
        return Err("there are no test digits to run".into());
    }
    run_digits(published.name, graph, &bundle, &digits)
}

fn run_digits(
    row: &'static str,
    graph: &Graph,
    bundle: &Bundle,
    digits: &[(Tensor, usize)],
) -> Result<Row, Box<dyn Error>> {
    let model = Engine::default().load(bundle)?;
    let contract: &AcceptedContract = model.contract();
    let (set, inputs) = (contract.set(), contract.request().inputs());
    let mut client = Client::new(contract)?;
    let keys = client.register(contract)?;
    let plain = PlainNetwork::new(graph.clone());
    let (mut evaluations, mut wholes) = (Vec::new(), Vec::new());
    let (mut right, mut plain_right) = (0, 0);
    for batch in digits.chunks(inputs) {
        let values: Vec<f32> = batch.iter().flat_map(|(x, _)| x.values()).copied().collect();
        let start = Instant::now();
        let request = client.encrypt(contract, &values)?;
        let sent = Instant::now();
        let answer = model.evaluate(&keys.set, &request, &mut ())?;
        evaluations.push(sent.elapsed().as_secs_f64());
        let scores = client.decrypt(contract, &answer)?;
        wholes.push(start.elapsed().as_secs_f64());
        for ((digit, label), scores) in batch.iter().zip(scores.chunks(contract.answer().values()))
        {
            right += usize::from(best(scores) == *label);
            let exact: Vec<f64> = plain.run(digit)?.values().iter().map(|&x| x.into()).collect();
            plain_right += usize::from(best(&exact) == *label);
        }
    }
    // Every request is as long as every other, however many inputs it holds.
    let (latency_s, whole) = (median_of(evaluations), median_of(wholes));
    let count = digits.len().max(1) as f64;
    Ok(Row {
        row,
        latency_s,
        inputs,
        server_images_per_hour: inputs as f64 / latency_s * 3600.0,
        end_to_end_images_per_hour: inputs as f64 / whole * 3600.0,
        upload_bytes_per_image: contract.request().byte_len(set) as f64 / inputs as f64,
        accuracy_encrypted: f64::from(right as u32) / count,
        accuracy_plain: f64::from(plain_right as u32) / count,
        pictures: digits.len(),
        parameters: parameters(graph),
        log2_n: set.log_degree(),
        log2_q: set.chain().log2(),
        peak_memory: memory::peak_rss_bytes(),
    })
}

/// Weights and biases.
fn parameters(graph: &Graph) -> usize {
    let of_node = |node: &Node| match node {
        Node::Conv2d { conv, .. } => conv.weights().len() + conv.bias().len(),
        Node::Linear { linear, .. } => linear.weights().len() + linear.bias().len(),
        _ => 0,
    };
    graph.nodes().map(|(_, node)| of_node(node)).sum()
}
