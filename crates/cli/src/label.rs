//! `classify` and `accuracy` with `--label-only`, `--lead` or `--among`: the evaluator decides, and the
//! client learns the outcome alone.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use blindsight_contract::AcceptedContract;
use blindsight_engine::label::{Labels, Undecided};
use blindsight_engine::{Bundle, Engine, Model, RunObserver, memory};
use blindsight_exact::{Decision, DecisionCode, ExactParameters, LabelCiphertext, Outcome};
use blindsight_exact_client::ExactFamily;
use blindsight_exact_eval::{Entropy, ExactError, ExactKey};
use serde::Serialize;

use crate::decision::{Named, expected, is_right, lead};
use crate::encrypted::{Progress, timed};
use crate::files::read;
use crate::plain::preparation;
use blindsight_encrypted::{Client, Keys};

/// One outcome, without the scores.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    #[serde(flatten)]
    outcome: Named,
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
    /// From the scores to the outcome.
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

/// Outcomes of many pictures beside their scores.
#[derive(Debug, Serialize)]
struct Comparison {
    model: String,
    first: usize,
    count: usize,
    /// Of the pictures that have a label, and outcomes that are sure; none without any.
    accuracy: Option<f64>,
    /// Outcomes that are those of the decrypted scores.
    same: usize,
    /// The others.
    different: Vec<Difference>,
    /// Outcomes that are sure of nothing.
    not_sure: usize,
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
    found: Named,
    of_the_scores: Named,
}

/// A client and an evaluator with the keys of both schemes.
struct Both {
    contract: AcceptedContract,
    /// The parameter set of exact answers.
    set: ExactParameters,
    code: DecisionCode,
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

/// Decides on one photo and prints the outcome.
pub(crate) fn classify(
    bundle: &Bundle,
    decision: Decision,
    photo: &Path,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let input = preparation(bundle.contract())?.decode(&read(photo)?)?;
    let mut both = Both::new(bundle, decision)?;
    let (request, encrypt) = timed(|| both.client.encrypt(&both.contract, input.values()));
    let request = request?;
    let (scores, evaluate) = timed(|| both.scores(&request, &mut Progress));
    let (answer, decide) = timed(|| both.decide(&scores?));
    let answer = answer?;
    let (outcome, decrypt) = timed(|| both.decrypt(&answer));
    let outcome = outcome?;
    let exact = &both.exact;
    let report = Report {
        model: both.contract.id().to_owned(),
        outcome: both.named(outcome),
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

/// Outcomes of many inputs, each beside the decrypted scores of the same run.
pub(crate) fn accuracy<'a>(
    bundle: &Bundle,
    decision: Decision,
    first: usize,
    inputs: impl ExactSizeIterator<Item = (&'a [f32], Option<usize>)>,
) -> Result<(), Box<dyn Error>> {
    let mut both = Both::new(bundle, decision)?;
    let count = inputs.len();
    let bound = both.contract.answer().bound();
    let (mut same, mut not_sure, mut near_ties, mut right, mut known) = (0, 0, 0, 0, 0);
    let (mut different, mut seconds_decide) = (Vec::new(), Vec::new());
    for (index, (input, class)) in inputs.enumerate() {
        let request = both.client.encrypt(&both.contract, input)?;
        let scores = both.scores(&request, &mut ())?;
        let (answer, seconds) = timed(|| both.decide(&scores));
        let outcome = both.decrypt(&answer?)?;
        let answer = both.model.score_answer((&both.keys.set, &both.exact.key), &scores)?;
        let scores = both.client.decrypt(&both.contract, &answer)?;
        let lead = lead(&scores);
        near_ties += usize::from(lead < 0.6);
        let decision = both.code.decision();
        let of_the_scores = expected(decision, &scores, bound);
        if outcome == of_the_scores {
            same += 1;
        } else {
            let [found, of_the_scores] = [outcome, of_the_scores].map(|o| both.named(o));
            different.push(Difference { picture: first + index, lead, found, of_the_scores });
        }
        not_sure += usize::from(outcome == Outcome::NotSure);
        if let Some(is_right) = class.and_then(|class| is_right(decision, outcome, class)) {
            known += 1;
            right += usize::from(is_right);
        }
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
        not_sure,
        near_ties,
        seconds_decide,
        threads: rayon::current_num_threads(),
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

impl Both {
    fn new(bundle: &Bundle, decision: Decision) -> Result<Self, Box<dyn Error>> {
        let contract = bundle.contract().as_ref().clone();
        // The contract for labels says the set, whatever is decided.
        let label = bundle.label_contract(None).ok_or("this model does not answer with labels")?;
        let answer = label.accepted.answer().label().ok_or("this contract is for scores")?;
        let set = answer.exact().clone();
        let code = DecisionCode::new(&set, answer.code().classes(), decision)?;
        let (model, load) = timed(|| Engine::default().load(bundle));
        let model = model?;
        let labels = model.decisions(set.clone(), code.clone())?;
        eprintln!("model loaded in {load:.2} s");
        let client = Client::new(&contract)?;
        let keys = client.register_scheme(&contract)?;
        let exact = Exact::new(&set, &client)?;
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        eprintln!(
            "{:.1} MB of keys made in {:.1} s, {:.1} MB for exact answers in {:.1} s",
            megabytes(keys.bytes),
            keys.generate_seconds,
            megabytes(exact.bytes),
            exact.generate
        );
        Ok(Self { contract, set, code, model, labels, client, keys, exact, load })
    }

    fn scores(
        &self,
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Undecided, Box<dyn Error>> {
        let keys = (&self.keys.set, &self.exact.key);
        Ok(self.model.unfinished_scores(&self.labels, keys, request, observer)?)
    }

    fn decide(&self, scores: &Undecided) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut entropy = Entropy::from_os()?;
        Ok(self.model.label_answer(&self.labels, &self.exact.key, scores, &mut entropy)?)
    }

    fn decrypt(&self, answer: &[u8]) -> Result<Outcome, Box<dyn Error>> {
        let answer = LabelCiphertext::from_bytes(&self.set, answer)?;
        let family = ExactFamily::new(&self.set, self.contract.set(), self.client.family())?;
        family.outcome(&self.code, &answer).ok_or_else(|| "the answer holds no outcome".into())
    }

    fn named(&self, outcome: Outcome) -> Named {
        Named::new(self.code.decision(), outcome, self.contract.classes())
    }
}

impl Exact {
    fn new(set: &ExactParameters, client: &Client) -> Result<Self, Box<dyn Error>> {
        let (pieces, generate) = timed(|| client.make_exact_keys(set));
        let pieces = pieces?;
        let bytes = pieces.values().map(Vec::len).sum();
        let (key, expand) =
            timed(|| ExactKey::read(set, |piece| Ok::<_, ExactError>(&pieces[&piece])));
        Ok(Self { key: key?, bytes, generate, expand })
    }
}
