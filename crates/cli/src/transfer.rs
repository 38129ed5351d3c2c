//! `transfer`: digits that an encoder has not learnt from, as pixels, as its features and as its
//! encrypted features. Classifiers are trained on these by the package (`just transfer`), with the
//! code that trains them in browsers.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use blindsight_engine::Engine;
use blindsight_model::dataset::Dataset;
use blindsight_model::picture::Preparation;
use blindsight_model::tensor::Tensor;
use clap::Args;
use serde::Serialize;

use crate::bench::median_of;
use crate::encrypted::expect_encoder;
use crate::files::{mnist_images, model_file, read_bundle};
use crate::plain::{PlainReference, preparation};
use blindsight_encrypted::Client;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder with the four IDX files of MNIST, packed with gzip or not.
    #[arg(long)]
    data: PathBuf,
    /// An encoder: a file, or a name in the folder `models`.
    #[arg(long, default_value = "shallow-encoder")]
    model: String,
    /// The network that it was compiled from.
    #[arg(long, default_value = "models/train/encoder-04.safetensors")]
    network: PathBuf,
    /// Digits that it has not learnt from.
    #[arg(long, value_delimiter = ',', default_value = "5,6,7,8,9")]
    digits: Vec<usize>,
    /// Training digits of each class.
    #[arg(long, default_value_t = 20)]
    examples: usize,
    /// How often training digits are drawn: each time the next ones of each class, in their order.
    #[arg(long, default_value_t = 10)]
    draws: usize,
    /// Draws that are encrypted.
    #[arg(long, default_value_t = 1)]
    encrypted_draws: usize,
    /// Test digits that are encrypted.
    #[arg(long, default_value_t = 200)]
    encrypted_tests: usize,
    /// The folder where vectors and labels go.
    #[arg(long, default_value = "target/transfer")]
    output: PathBuf,
}

/// What lies in the folder: rows of 32-bit floats, little-endian, the draws one after another and
/// then the tests; of encrypted features only the first of each.
#[derive(Debug, Serialize)]
struct Contents {
    model: String,
    draws: usize,
    /// Rows of a draw.
    each: usize,
    tests: usize,
    encrypted_draws: usize,
    encrypted_tests: usize,
    /// The digit of each row.
    labels: Vec<usize>,
    /// Numbers of a row.
    pixels: usize,
    features: usize,
    /// Root mean square difference between encrypted and plain features, and of the latter.
    feature_error: f64,
    feature_size: f64,
    /// Medians, if anything was encrypted.
    seconds: Option<Seconds>,
    request_bytes: usize,
    response_bytes: usize,
    evaluation_keys_bytes: usize,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Seconds {
    encrypt: f64,
    evaluate: f64,
    decrypt: f64,
}

/// A prepared digit.
struct Digit {
    input: Tensor,
    label: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let path = model_file(&arguments.model)?;
    let bundle = read_bundle(&path)?;
    let contract = bundle.contract().clone();
    expect_encoder(&contract)?;
    let network = PlainReference::new(&path, Some(&arguments.network), &contract)?;
    let preparation = preparation(&contract)?;
    let mut digits = draws(arguments, &preparation)?;
    let trained = digits.len();
    digits.extend(of_classes(arguments, "t10k", &preparation)?);
    let tests = digits.len() - trained;

    let plain: Vec<Vec<f64>> =
        digits.iter().map(|digit| network.scores(&digit.input)).collect::<Result<_, _>>()?;

    let each = arguments.examples * arguments.digits.len();
    let encrypted_draws = arguments.encrypted_draws.min(arguments.draws);
    let encrypted_tests = arguments.encrypted_tests.min(tests);
    let rows = (0..encrypted_draws * each).chain(trained..trained + encrypted_tests);
    let model = Engine::default().load(&bundle)?;
    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let (mut encrypted, mut times) = (Vec::new(), [const { Vec::new() }; 3]);
    let [mut request_bytes, mut response_bytes] = [0, 0];
    let [mut squares, mut sizes] = [0.0; 2];
    for row in rows {
        let start = Instant::now();
        let request = client.encrypt(&contract, digits[row].input.values())?;
        let sent = Instant::now();
        let answer = model.evaluate(&keys.set, &request, &mut ())?;
        let got = Instant::now();
        let mut features = client.decrypt(&contract, &answer)?;
        features.truncate(contract.answer().values());
        let spans = [sent - start, got - sent, got.elapsed()];
        times.iter_mut().zip(spans).for_each(|(times, span)| times.push(span.as_secs_f64()));
        [request_bytes, response_bytes] = [request.len(), answer.len()];
        squares += features.iter().zip(&plain[row]).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
        sizes += plain[row].iter().map(|x| x * x).sum::<f64>();
        encrypted.push(features);
        eprint!("\r{} encrypted", encrypted.len());
    }
    eprintln!();

    let numbers = (encrypted.len() * contract.answer().values()).max(1) as f64;
    let seconds = (!encrypted.is_empty()).then(|| {
        let [encrypt, evaluate, decrypt] = times.map(median_of);
        Seconds { encrypt, evaluate, decrypt }
    });
    let contents = Contents {
        model: contract.id().to_owned(),
        draws: arguments.draws,
        each,
        tests,
        encrypted_draws,
        encrypted_tests,
        labels: digits.iter().map(|digit| digit.label).collect(),
        pixels: contract.input().values(),
        features: contract.answer().values(),
        feature_error: (squares / numbers).sqrt(),
        feature_size: (sizes / numbers).sqrt(),
        seconds,
        request_bytes,
        response_bytes,
        evaluation_keys_bytes: keys.bytes,
        threads: rayon::current_num_threads(),
    };
    fs::create_dir_all(&arguments.output)?;
    let file = |name: &str| arguments.output.join(name);
    let pixels = digits.iter().map(|digit| digit.input.values().to_vec());
    write(&file("pixels.f32"), pixels)?;
    let floats = |row: Vec<f64>| row.into_iter().map(|x| x as f32).collect();
    write(&file("plain.f32"), plain.into_iter().map(floats))?;
    write(&file("encrypted.f32"), encrypted.into_iter().map(floats))?;
    fs::write(file("contents.json"), serde_json::to_vec(&contents)?)?;
    eprintln!("written to {}", arguments.output.display());
    Ok(())
}

/// The training digits: draw after draw, each with as many of each class, class by class.
fn draws(arguments: &Arguments, preparation: &Preparation) -> Result<Vec<Digit>, Box<dyn Error>> {
    let Arguments { digits, examples, draws, .. } = arguments;
    if digits.len() < 2 || *examples == 0 || *draws == 0 {
        return Err("there must be two classes, an example and a draw".into());
    }
    let wanted = examples.saturating_mul(*draws);
    let mut by_class: Vec<Vec<Digit>> = digits.iter().map(|_| Vec::new()).collect();
    for digit in of_classes(arguments, "train", preparation)? {
        let class = digits.iter().position(|&class| class == digit.label);
        let Some(class) = class.map(|class| &mut by_class[class]) else { continue };
        if class.len() < wanted {
            class.push(digit);
        }
    }
    if by_class.iter().any(|class| class.len() < wanted) {
        return Err(format!("there are no {wanted} training digits of each class").into());
    }
    let mut classes: Vec<_> = by_class.into_iter().map(Vec::into_iter).collect();
    let mut drawn = Vec::new();
    for _ in 0..*draws {
        for class in &mut classes {
            drawn.extend(class.by_ref().take(*examples));
        }
    }
    Ok(drawn)
}

/// All digits of the classes in one part of MNIST.
fn of_classes(
    arguments: &Arguments,
    part: &str,
    preparation: &Preparation,
) -> Result<Vec<Digit>, Box<dyn Error>> {
    let dataset = Dataset::open(mnist_images(&arguments.data, part)?, None)?;
    let mut digits = Vec::new();
    for sample in dataset.samples()? {
        let sample = sample?;
        let label = sample.label.ok_or("a digit has no label")?;
        if arguments.digits.contains(&label) {
            digits.push(Digit { input: sample.prepare(preparation)?, label });
        }
    }
    Ok(digits)
}

fn write(path: &Path, rows: impl Iterator<Item = Vec<f32>>) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    for value in rows.flatten() {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}
