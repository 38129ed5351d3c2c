//! `table`: the networks that others published figures of, and ours: their figures beside ours.

mod published;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use blindsight_compiler::{Description, InputRule, Wishes};
use blindsight_encrypted::{EncryptedEvaluation, EncryptedModel, Goal};
use blindsight_engine::memory;
use blindsight_model::dataset::Dataset;
use blindsight_model::graph::{Graph, Node};
use blindsight_model::picture::Preparation;
use blindsight_model::tensor::Tensor;
use clap::Args;
use serde::Serialize;

use crate::bench::median_of;
use crate::files::{MODELS, mnist_images, model_file, network_file, read_bundle};
use crate::network::Network;
use crate::plain::preparation;
use published::{How, Inputs, PUBLISHED, Published, Theirs};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder with the four IDX files of MNIST, packed with gzip or not.
    #[arg(long)]
    data: PathBuf,
    /// A file of CIFAR-10's test pictures, in its binary form: rows of photos are left out without.
    #[arg(long, requires = "calibrate")]
    photos: Option<PathBuf>,
    /// A file of its training pictures, for what is compiled.
    #[arg(long, requires = "photos")]
    calibrate: Option<PathBuf>,
    /// Only these rows.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// So many of the test pictures; one by one at most 200 digits and 20 photos.
    #[arg(long, default_value_t = 10_000)]
    pictures: u64,
    /// Where the summary goes.
    #[arg(long, default_value = "target/table/summary.json")]
    output: PathBuf,
}

/// Training pictures, the most, that networks are calibrated on.
const CALIBRATED: u64 = 1000;

/// The most digits, and photos, that are run one by one.
const MOST_DIGITS: u64 = 200;
const MOST_PHOTOS: u64 = 20;

/// What a row came to.
#[derive(Debug, Serialize)]
struct Row {
    row: &'static str,
    /// Of one request with all its inputs: evaluation alone; of a picture by itself, encryption and
    /// decryption too.
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
        "{:<20} {:>10} {:>12} {:>12} {:>8} {:>8} | {:>9} {:>12} {:>8}",
        "", "seconds", "server/h", "all/h", "right", "plain", "theirs: s", "an hour", "right"
    );
    let mut rows = Vec::new();
    for published in PUBLISHED.iter().filter(wanted) {
        if published.how != How::Served && !weights(published).is_file() {
            println!("{:<20} missing: {}", published.whose, weights(published).display());
            continue;
        }
        if published.inputs == Inputs::Photos && arguments.photos.is_none() {
            println!("{:<20} left out: --photos FILE --calibrate FILE", published.whose);
            continue;
        }
        let row = measure(published, arguments)?;
        let Theirs { seconds, hourly, accuracy } = published.theirs;
        println!(
            "{:<20} {:>10.3} {:>12.0} {:>12.0} {:>7.2}% {:>7.2}% | {:>9} {:>12} {:>8}",
            published.whose,
            row.latency_s,
            row.server_images_per_hour,
            row.end_to_end_images_per_hour,
            100.0 * row.accuracy_encrypted,
            100.0 * row.accuracy_plain,
            or_nothing(seconds, |x| x.to_string()),
            or_nothing(hourly, |x| x.to_string()),
            or_nothing(accuracy, |x| format!("{x:.2}%")),
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

fn or_nothing(x: Option<f64>, text: impl Fn(f64) -> String) -> String {
    x.map_or_else(|| "-".to_owned(), text)
}

/// Runs the test digits through a network, encrypted and plain.
fn measure(published: &Published, arguments: &Arguments) -> Result<Row, Box<dyn Error>> {
    let (mut model, graph) = match published.how {
        How::Batch { agreement } => {
            let wishes = Wishes { goal: Goal::Throughput, agreement, ..Wishes::default() };
            compiled(published, wishes, arguments)?
        }
        How::Latency => compiled(published, Wishes::default(), arguments)?,
        How::Served => {
            let path = model_file(published.name)?;
            let bundle = read_bundle(&path)?;
            let sides = bundle.contract().input().shape();
            let graph = Network::read(&network_file(&path)?, &sides)?.graph;
            (EncryptedModel::load(&bundle, graph.clone())?, graph)
        }
    };
    let most = match (published.how, published.inputs) {
        (How::Batch { .. }, _) => arguments.pictures,
        (_, Inputs::Digits) => arguments.pictures.min(MOST_DIGITS),
        (_, Inputs::Photos) => arguments.pictures.min(MOST_PHOTOS),
    };
    let test = published.inputs.test(arguments)?;
    let pictures = labelled(Dataset::open(test, Some(most))?, &model)?;
    let found = model.evaluate_encrypted(&pictures)?;
    Ok(as_row(published, &graph, &model, pictures.len(), found))
}

/// The file of a network of `models/train`.
fn weights(published: &Published) -> PathBuf {
    Path::new(MODELS).join("train").join(published.name).with_extension("safetensors")
}

impl Inputs {
    /// Pictures to calibrate on.
    fn train(self, arguments: &Arguments) -> Result<PathBuf, String> {
        match self {
            Self::Digits => mnist_images(&arguments.data, "train"),
            Self::Photos => {
                arguments.calibrate.clone().ok_or_else(|| "no photos to calibrate on".to_owned())
            }
        }
    }

    /// Pictures to measure.
    fn test(self, arguments: &Arguments) -> Result<PathBuf, String> {
        match self {
            Self::Digits => mnist_images(&arguments.data, "t10k"),
            Self::Photos => arguments.photos.clone().ok_or_else(|| "no photos".to_owned()),
        }
    }
}

/// A network of `models/train`, compiled.
fn compiled(
    published: &Published,
    wishes: Wishes,
    arguments: &Arguments,
) -> Result<(EncryptedModel, Graph), Box<dyn Error>> {
    let network = Network::read(&weights(published), &[])?;
    let (mean, deviation) =
        network.normalisation.ok_or("the network does not say how pictures are prepared")?;
    let shape = network.graph.shape(network.graph.input());
    let preparation = Preparation::new(shape, &mean, &deviation)?;
    let description = Description {
        id: published.name.to_owned(),
        title: published.whose.to_owned(),
        classes: network.classes.ok_or("the network does not name its classes")?,
        input: InputRule::Picture { mean, deviation },
    };
    let train = Dataset::open(published.inputs.train(arguments)?, Some(CALIBRATED))?;
    let mut inputs = Vec::new();
    for sample in train.samples()? {
        inputs.push(sample?.prepare(&preparation)?);
    }
    let graph = network.graph;
    let fingerprint = network.fingerprint;
    let model = EncryptedModel::compile(&graph, fingerprint, &description, wishes, &inputs)?;
    Ok((model, graph))
}

/// Test pictures, prepared for a model.
fn labelled(test: Dataset, model: &EncryptedModel) -> Result<Vec<(Tensor, usize)>, Box<dyn Error>> {
    let contract = model.contract();
    let preparation = preparation(contract)?;
    let test = test.with_classes(contract.classes().iter().map(String::as_str));
    let mut pictures = Vec::new();
    for sample in test.samples()? {
        let sample = sample?;
        let label = sample.label.ok_or("a test picture has no label")?;
        pictures.push((sample.prepare(&preparation)?, label));
    }
    Ok(pictures)
}

fn as_row(
    published: &Published,
    graph: &Graph,
    model: &EncryptedModel,
    pictures: usize,
    found: EncryptedEvaluation,
) -> Row {
    let contract = model.contract();
    let (set, inputs) = (contract.set(), model.most_inputs());
    // Every request is as long as every other, however many inputs it holds.
    let (evaluation, whole) = (median_of(found.evaluations), median_of(found.wholes));
    Row {
        row: published.name,
        latency_s: if matches!(published.how, How::Batch { .. }) { evaluation } else { whole },
        inputs,
        server_images_per_hour: inputs as f64 / evaluation * 3600.0,
        end_to_end_images_per_hour: inputs as f64 / whole * 3600.0,
        upload_bytes_per_image: contract.request().byte_len(set) as f64 / inputs as f64,
        accuracy_encrypted: found.accuracy,
        accuracy_plain: found.plain_accuracy,
        pictures,
        parameters: parameters(graph),
        log2_n: set.log_degree(),
        log2_q: set.chain().log2(),
        peak_memory: memory::peak_rss_bytes(),
    }
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
