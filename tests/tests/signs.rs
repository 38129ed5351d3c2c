//! A network of signs as it is served: from a digit to its scores, and to its label alone.

#![expect(clippy::unwrap_used, reason = "what cannot be read or run has failed")]

use std::fs;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use blindsight_ckks_client::ClientSeed;
use blindsight_contract::Preparation as Rule;
use blindsight_engine::label::{Entropy, ExactKey, LabelError};
use blindsight_engine::{
    Bundle, BundleLimits, Engine, EvaluateError, KeySet, Model, Observer, RequestError, RunError,
    RunObserver,
};
use blindsight_model::picture::Preparation;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::sequential::TrainedNetwork;
use blindsight_model::tensor::{Shape, Tensor};
use blindsight_session::{Session, SessionError};
use blindsight_tests::client::{exact_key, rng};
use blindsight_tests::repository;

/// A hundred signs: a second of two cores.
const NAME: &str = "signs-100";

/// What it was compiled from.
const NETWORK: &str = "dinn-100";

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let file = fs::read(repository().join(format!("models/{NAME}.bs"))).unwrap();
    Bundle::parse(&file, &BundleLimits::default()).unwrap()
});

static VISIT: LazyLock<Visit> = LazyLock::new(|| {
    let model = Engine::default().load(&BUNDLE).unwrap();
    let contract = model.contract();
    let session = Session::new(contract, &ClientSeed::from_bytes(&[7; 32]));
    let key = exact_key(&session, contract);
    Visit { model, session, key }
});

/// A model with the keys of one client.
struct Visit {
    model: Model,
    session: Session,
    key: ExactKey,
}

/// Some digits of the samples, as the model reads them.
fn digits() -> Vec<Tensor> {
    let contract = BUNDLE.contract();
    let [channels, rows, columns] = contract.input().shape();
    let Rule::Picture { mean, deviation } = contract.input().preparation() else {
        unreachable!("it reads pictures")
    };
    let shape = Shape::new(channels, rows, columns).unwrap();
    let preparation = Preparation::new(shape, mean, deviation).unwrap();
    let mut files: Vec<_> = fs::read_dir(repository().join("samples-digits")).unwrap().collect();
    files.sort_by_key(|file| file.as_ref().unwrap().file_name());
    let files = files.into_iter().map(|file| file.unwrap().path());
    let pictures = files.filter(|path| path.extension().is_some_and(|ending| ending == "png"));
    pictures.take(3).map(|path| preparation.decode(&fs::read(path).unwrap()).unwrap()).collect()
}

fn best(scores: &[f64]) -> usize {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap()
}

fn request(input: &Tensor, seed: u8) -> Vec<u8> {
    let Visit { model, session, .. } = &*VISIT;
    session.encrypt(model.contract(), input.values(), &mut rng(seed)).unwrap()
}

/// Counts what it is told, and ends the run then.
struct Watch {
    told: Vec<(usize, usize)>,
    end_at: usize,
}

impl Observer for Watch {}

impl RunObserver for Watch {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        self.told.push((done, total));
        if done == self.end_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn scores_and_labels_are_those_of_the_plain_network() {
    let Visit { model, session, key } = &*VISIT;
    let contract = model.contract();
    let file = fs::read(repository().join(format!("models/train/{NETWORK}.safetensors"))).unwrap();
    let plain = PlainNetwork::new(TrainedNetwork::from_safetensors(&file).unwrap().graph().clone());
    let label = BUNDLE.label_contract(None).unwrap().accepted;
    let labels = model.labels(&label).unwrap();
    for (number, digit) in digits().iter().enumerate() {
        let request = request(digit, number as u8);
        assert_eq!(request.len() as u64, contract.request().byte_len(contract.set()));
        let mut watch = Watch { told: Vec::new(), end_at: usize::MAX };
        let keys = (&KeySet::default(), key);
        let scores = model.unfinished_scores(&labels, keys, &request, &mut watch).unwrap();
        assert_eq!((watch.told[0], watch.told.last()), ((0, 2), Some(&(2, 2))));
        let answer = model.score_answer(keys, &scores).unwrap();
        assert_eq!(answer.len() as u64, contract.answer().byte_len(contract.set()));
        let found = session.decrypt(contract, &answer).unwrap();
        let expected = plain.run(digit).unwrap();
        let expected: Vec<f64> = expected.values().iter().copied().map(f64::from).collect();
        assert_eq!(best(&found), best(&expected), "{found:?} {expected:?}");
        // Signs near zero may be others: the forecast counts on it.
        for (x, y) in found.iter().zip(&expected) {
            assert!((x - y).abs() < 6.0 * contract.forecast().score_error, "{x} is not {y}");
        }
        let mut entropy = Entropy::from_key([number as u8; 32]);
        let answer = model.label_answer(&labels, key, &scores, &mut entropy).unwrap();
        assert_eq!(answer.len() as u64, label.answer().byte_len(label.set()));
        assert_eq!(session.decrypt_label(&label, &answer), Ok(Some(best(&found))));
        assert_eq!(session.decrypt(&label, &answer).unwrap_err(), SessionError::LabelAlone);
        let other = session.decrypt(contract, &answer);
        assert!(matches!(other, Err(SessionError::Label(_))), "{other:?}");
    }
}

#[test]
fn runs_are_ended_between_signs() {
    let Visit { model, key, .. } = &*VISIT;
    let mut watch = Watch { told: Vec::new(), end_at: 0 };
    let ended = model.sign_scores(key, &request(&digits()[0], 9), &mut watch).unwrap_err();
    let cancelled = LabelError::Evaluate(EvaluateError::Run(RunError::Cancelled));
    assert_eq!(ended.to_string(), cancelled.to_string());
    assert_eq!(watch.told, [(0, 2)]);
}

#[test]
fn wrong_requests_are_refused() {
    let Visit { model, session, key } = &*VISIT;
    let contract = model.contract();
    let good = request(&digits()[0], 9);
    let mut damaged = good.clone();
    damaged[100] ^= 1;
    let long = [&good[..], &[0]].concat();
    for bytes in [&[][..], b"BSGT", &good[..good.len() - 1], &damaged, &long] {
        let refused = Model::check_request(contract, bytes).unwrap_err();
        assert!(matches!(refused, RequestError::Signs(_)), "{refused}");
        assert!(model.sign_scores(key, bytes, &mut ()).is_err());
    }
    // Without the key, and as if its values stood in slots.
    let slots = model.evaluate(&KeySet::default(), &good, &mut ()).unwrap_err();
    assert!(matches!(slots, EvaluateError::Read(RequestError::Form)), "{slots}");
    for wrong in [0, 783, 785, 2 * 784] {
        let refused = session.encrypt(contract, &vec![1.0; wrong], &mut rng(1));
        assert!(matches!(refused, Err(SessionError::Count { .. })), "{wrong}");
    }
    let mut values = vec![1.0; 784];
    values[5] = f32::NAN;
    let refused = session.encrypt(contract, &values, &mut rng(1));
    assert_eq!(refused, Err(SessionError::Value { index: 5 }));
}
