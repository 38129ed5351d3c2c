//! One photo through a model: everything from keys to decrypted values.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use blindsight_contract::{AcceptedContract, Meaning};
use blindsight_engine::{Bundle, Engine, Observer, RunObserver, memory};
use blindsight_model::tensor::Tensor;
use serde::Serialize;

use crate::files::read;
use crate::plain::preparation;
use blindsight_encrypted::Client;

/// What became of a photo.
pub(crate) struct Encrypted {
    /// The photo as the network reads it.
    pub(crate) input: Tensor,
    /// The values of the answer.
    pub(crate) values: Vec<f64>,
    pub(crate) costs: Costs,
}

/// What it cost.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
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

/// Runs a model on a photo: makes keys, encrypts, evaluates, decrypts.
pub(crate) fn run(bundle: &Bundle, photo: &Path) -> Result<Encrypted, Box<dyn Error>> {
    let start = Instant::now();
    let contract = bundle.contract().clone();
    let input = preparation(&contract)?.decode(&read(photo)?)?;
    let (model, load) = timed(|| Engine::default().load(bundle));
    let model = model?;
    eprintln!("model loaded in {load:.2} s");

    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let megabytes = keys.bytes as f64 / 1e6;
    eprintln!("{megabytes:.1} MB of keys made in {:.1} s", keys.generate_seconds);

    let (request, encrypt) = timed(|| client.encrypt(&contract, input.values()));
    let request = request?;
    let (answer, evaluate) = timed(|| keys.evaluate(&model, &request, &mut Progress));
    let answer = answer?;
    let (values, decrypt) = timed(|| client.decrypt(&contract, &answer));
    let mut values = values?;
    // A model for batches answers for every input that a request has room for: this is the first.
    values.truncate(contract.answer().values());
    let total = start.elapsed().as_secs_f64();
    let costs = Costs {
        seconds: Seconds { load, keygen: keys.generate_seconds, encrypt, evaluate, decrypt, total },
        bytes: Bytes {
            evaluation_keys: keys.bytes,
            request: request.len(),
            response: answer.len(),
        },
        peak_rss_bytes: memory::peak_rss_bytes(),
        threads: rayon::current_num_threads(),
    };
    Ok(Encrypted { input, values, costs })
}

/// Names of the classes of a classifier.
pub(crate) fn classes(contract: &AcceptedContract) -> Result<&[String], String> {
    match contract.meaning() {
        Meaning::Scores { classes } => Ok(classes),
        Meaning::Features => {
            let id = contract.id();
            Err(format!("the model {id} is an encoder: it gives features and no label (`embed`)"))
        }
    }
}

/// Refuses a classifier.
pub(crate) fn expect_encoder(contract: &AcceptedContract) -> Result<(), String> {
    match contract.meaning() {
        Meaning::Features => Ok(()),
        Meaning::Scores { .. } => {
            let id = contract.id();
            Err(format!(
                "the model {id} is a classifier: it gives a label and no features (`classify`)"
            ))
        }
    }
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

#[cfg(test)]
mod tests {
    use blindsight_contract::testing::sample;
    use blindsight_contract::{Contract, Policy};

    use super::*;

    #[test]
    fn what_a_model_answers_is_not_taken_for_something_else() {
        let accepted =
            |contract: Contract| Contract::parse(&contract.to_bytes(), &Policy::default()).unwrap();
        let classifier = accepted(sample());
        let encoder = accepted(Contract { classes: Vec::new(), ..sample() });
        assert_eq!(classes(&classifier).unwrap().len(), 10);
        assert!(classes(&encoder).unwrap_err().contains("is an encoder"));
        assert!(expect_encoder(&encoder).is_ok());
        assert!(expect_encoder(&classifier).unwrap_err().contains("is a classifier"));
    }
}
