use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use blindsight_ckks_client::{ClientSeed, SecretRng};
use blindsight_ckks_eval::EvalError;
use blindsight_session::Session;

use super::*;
use crate::bundle::BundleLimits;
use crate::model::{EvaluateError, RunError, RunObserver};
use crate::testing::{leveled, leveled_contract, light_bundle};
use crate::{KeySet, Observer};

/// A model that all tests share: its scheme takes seconds to make.
static MODEL: LazyLock<Model> = LazyLock::new(|| Engine::default().load(&bundle("light")).unwrap());

fn bundle(id: &str) -> Bundle {
    Bundle::parse(&light_bundle(id), &BundleLimits::default()).unwrap()
}

/// A client of the model, and its keys.
fn client() -> (Session, KeySet) {
    let contract = MODEL.contract();
    let seed = ClientSeed::from_bytes(&[7; 32]);
    let session = Session::new(contract, &seed);
    let mut keys = KeySet::default();
    for spec in contract.keys().specs() {
        let bytes = session.evaluation_key(spec).unwrap();
        keys.insert(Model::read_key(contract, spec, &bytes).unwrap());
    }
    (session, keys)
}

/// Channels differ, so that an answer shows which slots went where.
fn input() -> Vec<f32> {
    let channel = |i: u32| [6.0, -3.0, 1.5][(i / 1024) as usize];
    (0..3072_u32).map(|i| channel(i) + ((i * 37) % 101) as f32 / 50.0 - 1.0).collect()
}

fn request(session: &Session) -> Vec<u8> {
    let mut rng = SecretRng::from_key(&[8; 32]);
    session.encrypt(MODEL.contract(), &input(), &mut rng).unwrap()
}

/// What watches a run from its start to its end.
#[derive(Default)]
struct Watch {
    progress: Vec<(usize, usize)>,
    steps: usize,
    cancel_at: Option<usize>,
}

impl Observer for Watch {}

impl RunObserver for Watch {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        self.progress.push((done, total));
        if self.cancel_at == Some(done) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn step(
        &mut self,
        index: usize,
        _: &crate::Step,
        result: &blindsight_ckks::ciphertext::Ciphertext,
    ) {
        let expected = MODEL.steps().unwrap().checked().values[index + 1];
        assert_eq!(result.level(), expected.level);
        assert!((result.scale / expected.scale - 1.0).abs() < 1e-9);
        self.steps += 1;
    }
}

#[test]
fn models_of_one_scheme_share_it() {
    let engine = Engine::default();
    let one = engine.load(&bundle("one")).unwrap();
    let other = engine.load(&bundle("other")).unwrap();
    assert!(Arc::ptr_eq(one.steps().unwrap().scheme(), other.steps().unwrap().scheme()));
    assert!(one.steps().unwrap().scheme().byte_len() > 100_000_000);
    assert_eq!(one.byte_len() as u64, bundle("one").loaded_bytes());
    let scheme = Arc::downgrade(one.steps().unwrap().scheme());
    drop(one);
    assert!(scheme.upgrade().is_some());
    drop(other);
    assert!(scheme.upgrade().is_none(), "it goes with the last model");
}

#[test]
fn a_run_gives_what_the_plain_program_gives() {
    let (session, keys) = client();
    let mut watch = Watch::default();
    let answer = MODEL.evaluate(&keys, &request(&session), &mut watch).unwrap();
    assert_eq!(watch.progress, [(0, 2), (1, 2), (2, 2)]);
    assert_eq!(watch.steps, 3);
    let contract = MODEL.contract();
    let values = session.decrypt(contract, &answer).unwrap();
    let x = contract.request().slots().unwrap().map().pack(&input()).unwrap();
    let slots = x.len();
    let result = |j: usize| {
        0.5 * x[j] + 0.25 * x[(j + 1) % slots] + if j.is_multiple_of(2) { 0.5 } else { -0.25 }
    };
    // An answer holds the means of slots that are 16 apart, in units of 12.5.
    let bound = 12.5 * 6.0 * 43.0 * 32_f64.sqrt() / 131_072.0;
    for (k, value) in values.iter().enumerate() {
        let mean = (k..slots).step_by(16).map(result).sum::<f64>() / (slots / 16) as f64;
        assert!((value / 12.5 - mean).abs() < bound / 12.5, "{k}: {} is not {mean}", value / 12.5);
    }
}

#[test]
fn a_missing_key_is_named() {
    let (session, _) = client();
    let refused = MODEL.evaluate(&KeySet::default(), &request(&session), &mut ()).unwrap_err();
    let EvaluateError::Run(RunError::Eval(EvalError::MissingKey(missing))) = refused else {
        panic!("{refused}");
    };
    assert_eq!((missing.kind, missing.level), (MODEL.contract().keys().specs()[0].kind(), 3));
}

#[test]
fn models_without_bootstraps_run() {
    let bytes = Bundle::write(&leveled_contract(), &leveled(), 0).unwrap();
    let bundle = Bundle::parse(&bytes, &BundleLimits::default()).unwrap();
    let model = Engine::default().load(&bundle).unwrap();
    assert_eq!(model.shared_byte_len(), 0);
    let contract = model.contract();
    let session = Session::new(contract, &ClientSeed::from_bytes(&[7; 32]));
    let mut keys = KeySet::default();
    for spec in contract.keys().specs() {
        let bytes = session.evaluation_key(spec).unwrap();
        keys.insert(Model::read_key(contract, spec, &bytes).unwrap());
    }
    // Ten slots are read; the answer keeps the mean over all slots of each class.
    let input: Vec<f32> = (0..3072).map(|i| ((i * 37) % 101) as f32 / 200.0).collect();
    let mut rng = SecretRng::from_key(&[8; 32]);
    let request = session.encrypt(contract, &input, &mut rng).unwrap();
    let answer = model.evaluate(&keys, &request, &mut ()).unwrap();
    let found = session.decrypt(contract, &answer).unwrap();
    let mut slots: Vec<f64> = input.iter().copied().map(f64::from).collect();
    slots.resize(4096, 0.0);
    let value = |i: usize| {
        let u = (slots[i] + slots[(i + 1) % 4096]).powi(2);
        0.25 + 0.5 * u - 0.125 * (2.0 * u * u - 1.0)
    };
    let period = contract.answer().compact().unwrap().period();
    for (class, score) in found.iter().enumerate() {
        let of_class = (0..4096).filter(|i| i % period == class).map(value);
        let mean = of_class.sum::<f64>() / (4096 / period) as f64 * contract.answer().unit();
        assert!((score - mean).abs() < 2e-3 * contract.answer().unit(), "{score} {mean}");
    }
}

#[test]
fn observers_end_runs() {
    let (session, keys) = client();
    for (cancel_at, steps) in [(0, 0), (1, 2)] {
        let mut watch = Watch { cancel_at: Some(cancel_at), ..Watch::default() };
        let refused = MODEL.evaluate(&keys, &request(&session), &mut watch).unwrap_err();
        assert!(matches!(refused, EvaluateError::Run(RunError::Cancelled)));
        assert_eq!(watch.steps, steps);
    }
}

#[test]
fn wrong_requests_are_refused() {
    let (session, keys) = client();
    let good = request(&session);
    let mut damaged = good.clone();
    damaged[1000] ^= 1;
    let cut = &good[..good.len() - 1];
    for bytes in [&[][..], b"BS", cut, &damaged, &[&good[..], &[0]].concat()] {
        let refused = MODEL.evaluate(&keys, bytes, &mut ()).unwrap_err();
        assert!(matches!(refused, EvaluateError::Read(_)), "{refused}");
    }
    let answer = MODEL.evaluate(&keys, &good, &mut ()).unwrap();
    assert!(matches!(MODEL.evaluate(&keys, &answer, &mut ()), Err(EvaluateError::Read(_))));
    let spec = &MODEL.contract().keys().specs()[0];
    assert!(Model::read_key(MODEL.contract(), spec, &good).is_err());
}
