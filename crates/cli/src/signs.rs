//! `signs`: networks of signs on encrypted digits, evaluated by TFHE alone.

mod evaluation;
mod report;

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_ckks_client::sampling::SecretRng;
use blindsight_ckks_client::{ClientSeed, KeyFamily};
use blindsight_compiler::signs::sign_network;
use blindsight_exact::{ExactParameters, KeyPiece, Literal};
use blindsight_exact_client::ExactFamily;
use blindsight_exact_eval::{ExactError, ExactKey, SignNetwork};
use blindsight_model::dataset::Dataset;
use blindsight_model::picture::Preparation;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::sequential::{InputNormalisation, TrainedNetwork};
use blindsight_model::tensor::Tensor;
use clap::Args;

use crate::encrypted::timed;
use crate::files::{mnist_images, read};
use evaluation::{Digit, Evaluation};
use report::{Keys, Report};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Pictures of digits, to be classified one by one.
    pictures: Vec<PathBuf>,
    /// The folder with the IDX files of MNIST: classifies its test digits, and compares.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Index of the first test digit.
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Number of test digits.
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// Networks: files, or names in the folder `models/train`.
    #[arg(long, value_delimiter = ',', default_value = "dinn-30,dinn-100,signs-1024")]
    networks: Vec<String>,
    /// Also has the evaluator decide, and answer with labels alone.
    #[arg(long)]
    label_only: bool,
}

/// Where trained networks lie.
const NETWORKS: &str = "models/train";

/// A network as it is evaluated, and as it was trained.
struct Network {
    title: String,
    /// How pixels are read, before their signs are taken.
    preparation: Preparation,
    plain: PlainNetwork,
    signs: SignNetwork,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.pictures.is_empty() && arguments.data.is_none() {
        return Err("name pictures of digits, or a folder with MNIST by --data".into());
    }
    if arguments.pictures.is_empty() && arguments.count == 0 {
        return Err("no test digits are left with --count 0".into());
    }
    let scheme = Parameters::new(SchemeLiteral::bootstrapped_2_15())?;
    let set = ExactParameters::new(Literal::degree_2048(), &scheme)?;
    let networks = arguments.networks.iter().map(|name| Network::read(&set, name));
    let networks = networks.collect::<Result<Vec<_>, _>>()?;

    let mut rng = SecretRng::from_os()?;
    let keys = KeyFamily::new(&scheme, &ClientSeed::generate(&mut rng));
    let family = ExactFamily::new(&set, &scheme, &keys)?;
    let (pieces, generate) = timed(|| {
        let piece = |piece| (piece, family.piece(piece).to_bytes(&set));
        KeyPiece::all(&set).map(piece).collect::<HashMap<_, _>>()
    });
    let bytes = pieces.values().map(Vec::len).sum();
    let (key, expand) =
        timed(|| ExactKey::read(&set, |piece| Ok::<_, ExactError>(&pieces[&piece])));
    let key = key?;
    eprintln!(
        "{:.1} MB of keys made in {generate:.2} s, expanded in {expand:.2} s",
        bytes as f64 / 1e6
    );

    let mut evaluated = Vec::new();
    for network in &networks {
        let digits = digits(arguments, &network.preparation)?;
        let mut evaluation = Evaluation::new(network, &family, &key, arguments.label_only);
        for (index, digit) in digits.iter().enumerate() {
            let outcome = evaluation.digit(digit, &mut rng)?;
            let (title, count) = (&network.title, digits.len());
            eprintln!(
                "{title}: {} is a {}, {:.3} s ({} of {count})",
                digit.name,
                outcome.label,
                outcome.seconds,
                index + 1
            );
        }
        evaluated.push(evaluation.report());
    }
    let keys = Keys { bytes, expanded: key.byte_len(), generate, expand };
    println!("{}", serde_json::to_string(&Report::new(keys, evaluated))?);
    Ok(())
}

impl Network {
    fn read(set: &ExactParameters, file_or_name: &str) -> Result<Self, Box<dyn Error>> {
        let path = match Path::new(file_or_name) {
            path if path.is_file() => path.to_owned(),
            name => Path::new(NETWORKS).join(name).with_extension("safetensors"),
        };
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let trained = TrainedNetwork::from_safetensors(&read(&path)?).map_err(|e| named(&e))?;
        let signs = sign_network(set, trained.graph()).map_err(|e| named(&e))?.network;
        let about = trained.about();
        let usual = InputNormalisation { mean: vec![0.5], deviation: vec![0.5] };
        let InputNormalisation { mean, deviation } = about.normalisation.as_ref().unwrap_or(&usual);
        let preparation = Preparation::new(trained.architecture().input(), mean, deviation)?;
        let title = about.title.clone().unwrap_or_else(|| file_or_name.to_owned());
        let plain = PlainNetwork::new(trained.graph().clone());
        Ok(Self { title, preparation, plain, signs })
    }
}

/// The pictures, and then the test digits.
fn digits(arguments: &Arguments, preparation: &Preparation) -> Result<Vec<Digit>, Box<dyn Error>> {
    let mut digits = Vec::new();
    for path in &arguments.pictures {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let input = preparation.decode(&read(path)?).map_err(|e| named(&e))?;
        digits.push(Digit { name: path.display().to_string(), input, label: None });
    }
    if let Some(folder) = &arguments.data {
        let last = arguments.first.saturating_add(arguments.count);
        let dataset = Dataset::open(mnist_images(folder, "t10k")?, Some(last as u64))?;
        for sample in dataset.samples()?.skip(arguments.first) {
            let sample = sample?;
            let (name, label) = (sample.name.clone(), sample.label);
            let input: Tensor = sample.prepare(preparation)?;
            digits.push(Digit { name, input, label });
        }
    }
    Ok(digits)
}
