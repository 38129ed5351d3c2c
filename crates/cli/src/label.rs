//! `classify --label-only` and `accuracy --label-only`: the evaluator decides, and the client learns
//! the label alone.

use std::error::Error;
use std::time::Instant;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_contract::AcceptedContract;
use blindsight_engine::label::Labels;
use blindsight_engine::{Bundle, Engine, Model, RunObserver, memory};
use blindsight_exact_eval::{Entropy, ExactError, ExactKey};
use serde::Serialize;

use crate::encrypted::{Progress, timed};
use blindsight_encrypted::{Client, Keys, best};

/// One label, without its scores.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    label: String,
    class: usize,
    seconds: Seconds,
    bytes: Bytes,
    peak_rss_bytes: u64,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Seconds {
    load: f64,
    keygen: f64,
    keygen_exact: f64,
    expand_exact: f64,
    encrypt: f64,
    /// The model, up to its scores.
    evaluate: f64,
    /// From the scores to the label.
    decide: f64,
    decrypt: f64,
    total: f64,
}

#[derive(Debug, Serialize)]
struct Bytes {
    evaluation_keys: usize,
    exact_keys: usize,
    exact_keys_expanded: usize,
    request: usize,
    response: usize,
}

/// Labels of many pictures beside their scores.
#[derive(Debug, Serialize)]
struct Comparison {
    model: String,
    first: usize,
    count: usize,
    /// Of the pictures that have a label; none without any.
    accuracy: Option<f64>,
    /// Labels that are those of the largest decrypted score.
    same: usize,
    /// The others.
    different: Vec<Difference>,
    /// Pictures whose largest score leads by less than 0.6.
    near_ties: usize,
    seconds_decide: Vec<f64>,
    threads: usize,
}

#[derive(Debug, Serialize)]
struct Difference {
    picture: usize,
    /// Of the largest score over the next.
    lead: f64,
    label: usize,
    largest_score: usize,
}

/// A client and an evaluator with the keys of both schemes.
struct Both {
    contract: AcceptedContract,
    /// The contract for labels alone.
    label: AcceptedContract,
    model: Model,
    labels: Labels,
    client: Client,
    keys: Keys,
    exact: Exact,
    load: f64,
}

/// What exact answers take.
struct Exact {
    key: ExactKey,
    bytes: usize,
    generate: f64,
    expand: f64,
}

/// Classifies one input and prints its label.
pub(crate) fn classify(bundle: &Bundle, input: &[f32]) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut both = Both::new(bundle)?;
    let (request, encrypt) = timed(|| both.client.encrypt(&both.contract, input));
    let request = request?;
    let (scores, evaluate) = timed(|| both.scores(&request, &mut Progress));
    let (answer, decide) = timed(|| both.decide(&scores?));
    let answer = answer?;
    let (class, decrypt) = timed(|| both.decrypt(&answer));
    let class = class?;
    let exact = &both.exact;
    let report = Report {
        model: both.contract.id().to_owned(),
        label: both.contract.classes()[class].clone(),
        class,
        seconds: Seconds {
            load: both.load,
            keygen: both.keys.generate_seconds,
            keygen_exact: exact.generate,
            expand_exact: exact.expand,
            encrypt,
            evaluate,
            decide,
            decrypt,
            total: start.elapsed().as_secs_f64(),
        },
        bytes: Bytes {
            evaluation_keys: both.keys.bytes,
            exact_keys: exact.bytes,
            exact_keys_expanded: exact.key.byte_len(),
            request: request.len(),
            response: answer.len(),
        },
        peak_rss_bytes: memory::peak_rss_bytes(),
        threads: rayon::current_num_threads(),
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Labels of many inputs, each beside the decrypted scores of the same run.
pub(crate) fn accuracy<'a>(
    bundle: &Bundle,
    first: usize,
    inputs: impl ExactSizeIterator<Item = (&'a [f32], Option<usize>)>,
) -> Result<(), Box<dyn Error>> {
    let mut both = Both::new(bundle)?;
    let count = inputs.len();
    let (mut same, mut near_ties, mut right, mut known) = (0, 0, 0, 0);
    let (mut different, mut seconds_decide) = (Vec::new(), Vec::new());
    for (index, (input, expected)) in inputs.enumerate() {
        let request = both.client.encrypt(&both.contract, input)?;
        let scores = both.scores(&request, &mut ())?;
        let (answer, seconds) = timed(|| both.decide(&scores));
        let label = both.decrypt(&answer?)?;
        let answer = both.model.score_answer(&scores)?;
        let scores = both.client.decrypt(&both.contract, &answer)?;
        let largest_score = best(&scores);
        let lead = lead(&scores, largest_score);
        near_ties += usize::from(lead < 0.6);
        if label == largest_score {
            same += 1;
        } else {
            different.push(Difference { picture: first + index, lead, label, largest_score });
        }
        known += usize::from(expected.is_some());
        right += usize::from(expected == Some(label));
        seconds_decide.push(seconds);
        eprint!("\r{} of {count}", index + 1);
    }
    eprintln!();
    let report = Comparison {
        model: both.contract.id().to_owned(),
        first,
        count,
        accuracy: (known > 0).then(|| right as f64 / known as f64),
        same,
        different,
        near_ties,
        seconds_decide,
        threads: rayon::current_num_threads(),
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

impl Both {
    fn new(bundle: &Bundle) -> Result<Self, Box<dyn Error>> {
        let contract = bundle.contract().as_ref().clone();
        let label = bundle.label_contract().ok_or("this model does not answer with labels")?;
        let label = label.accepted.as_ref().clone();
        let (model, load) = timed(|| Engine::default().load(bundle));
        let model = model?;
        let labels = model.labels(&label)?;
        eprintln!("model loaded in {load:.2} s");
        let client = Client::new(&contract)?;
        let keys = client.register(&contract)?;
        let exact = Exact::new(&label, &client)?;
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        eprintln!(
            "{:.1} MB of keys made in {:.1} s, {:.1} MB for exact answers in {:.1} s",
            megabytes(keys.bytes),
            keys.generate_seconds,
            megabytes(exact.bytes),
            exact.generate
        );
        Ok(Self { contract, label, model, labels, client, keys, exact, load })
    }

    fn scores(
        &self,
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Ciphertext, Box<dyn Error>> {
        Ok(self.model.unfinished_scores(&self.labels, &self.keys.set, request, observer)?)
    }

    fn decide(&self, scores: &Ciphertext) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut entropy = Entropy::from_os()?;
        Ok(self.model.label_answer(&self.labels, &self.exact.key, scores, &mut entropy)?)
    }

    fn decrypt(&self, answer: &[u8]) -> Result<usize, Box<dyn Error>> {
        Ok(self.client.decrypt_label(&self.label, answer)?)
    }
}

impl Exact {
    fn new(label: &AcceptedContract, client: &Client) -> Result<Self, Box<dyn Error>> {
        let set = label.answer().label().ok_or("this contract is for scores")?.exact();
        let (pieces, generate) = timed(|| client.make_exact_keys(set));
        let pieces = pieces?;
        let bytes = pieces.values().map(Vec::len).sum();
        let (key, expand) =
            timed(|| ExactKey::read(set, |piece| Ok::<_, ExactError>(&pieces[&piece])));
        Ok(Self { key: key?, bytes, generate, expand })
    }
}

/// By how much the largest score exceeds the next.
fn lead(scores: &[f64], largest: usize) -> f64 {
    let others = scores.iter().enumerate().filter(|(i, _)| *i != largest).map(|(_, s)| *s);
    scores[largest] - others.fold(f64::MIN, f64::max)
}
