//! A client: its secret, its evaluation keys as bytes, its pictures.

use std::ops::Range;
use std::sync::LazyLock;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, encrypt};
use blindsight_contract::{AcceptedContract, Key, Preparation as Rule};
use blindsight_engine::label::{ExactError, ExactKey};
use blindsight_engine::{Bundle, BundleLimits};
use blindsight_model::picture::Preparation;
use blindsight_model::tensor::{Shape, Tensor};
use blindsight_session::Session;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::{api, repository};

/// What clients know of the model that the tests ask for.
pub fn contract() -> &'static AcceptedContract {
    static CONTRACT: LazyLock<AcceptedContract> = LazyLock::new(|| contract_of(api::MODEL));
    &CONTRACT
}

/// What clients know of a model of the repository.
pub fn contract_of(model: &str) -> AcceptedContract {
    bundle_of(model).contract().as_ref().clone()
}

/// A compiled model of the repository.
pub fn bundle_of(model: &str) -> Bundle {
    let bytes = std::fs::read(repository().join("models").join(format!("{model}.bs")));
    let bundle = Bundle::parse(&bytes.expect("a compiled model"), &BundleLimits::default());
    bundle.expect("the repository's models are sound")
}

/// A client's key for exact answers, as the evaluator has it.
pub fn exact_key(session: &Session, contract: &AcceptedContract) -> ExactKey {
    let mut pieces = contract.bundle().keys().filter(|key| matches!(key, Key::Exact(..)));
    let exact = contract.bundle().exact().expect("it wants such a key");
    let next = |_| {
        let piece = pieces.next().expect("there are as many pieces as are read");
        Ok::<_, ExactError>(session.key(&piece).expect("the key is of the contract"))
    };
    ExactKey::read(exact, next).expect("the pieces are those of a key")
}

/// The parameter set of the service.
pub fn set() -> &'static Parameters {
    contract().set()
}

/// A client. The same seed gives the same keys.
#[derive(Debug)]
pub struct Client {
    session: Session,
    family: KeyFamily,
    /// The manifest and the keys, one after another.
    pub bundle: Vec<u8>,
    /// Where each frame of the bundle lies; the manifest is the first.
    pub frames: Vec<Range<usize>>,
}

impl Client {
    /// Makes all keys of a seed.
    pub fn new(seed: u8) -> Self {
        let seed = || ClientSeed::from_bytes(&[seed; 32]);
        let session = Session::new(contract(), &seed());
        let keys: Vec<Key<'_>> = contract().bundle().keys().collect();
        let frames = keys.par_iter().map(|key| session.key(key).expect("a key of the contract"));
        let frames: Vec<Vec<u8>> = frames.collect();
        let manifest = session.head(contract().bundle()).expect("keys of the contract");
        let (mut bundle, mut places) = (Vec::new(), Vec::new());
        for frame in std::iter::once(&manifest).chain(&frames) {
            places.push(bundle.len()..bundle.len() + frame.len());
            bundle.extend_from_slice(frame);
        }
        let family = KeyFamily::new(set(), &seed());
        Self { session, family, bundle, frames: places }
    }

    /// A frame of the bundle: 0 is the manifest, `i + 1` is key `i`.
    pub fn frame(&self, index: usize) -> &[u8] {
        &self.bundle[self.frames[index].clone()]
    }

    /// The frame of the smallest key.
    pub fn smallest_key(&self) -> &[u8] {
        let smallest = (1..self.frames.len()).min_by_key(|&index| self.frames[index].len());
        self.frame(smallest.expect("there are keys"))
    }

    /// The bytes of a request for a sample picture.
    pub fn request(&self, sample: &str, seed: u8) -> Vec<u8> {
        self.request_for(contract(), sample, seed)
    }

    /// The same for another model of the scheme.
    pub fn request_for(&self, contract: &AcceptedContract, sample: &str, seed: u8) -> Vec<u8> {
        let input = input(contract, sample);
        let request = self.session.encrypt(contract, input.values(), &mut rng(seed));
        request.expect("a picture fits its model")
    }

    /// A request at a level and with a scale that may be wrong.
    pub fn request_at(&self, sample: &str, seed: u8, level: usize, scale: f64) -> Vec<u8> {
        let slots = contract()
            .request()
            .slots()
            .expect("it has slots")
            .map()
            .pack(input(contract(), sample).values());
        let slots = slots.expect("a picture has a picture's shape");
        let slots: Vec<Complex64> = slots.iter().map(|&x| Complex64::new(x, 0.0)).collect();
        let request = encrypt(set(), self.family.secret(), &slots, scale, level, &mut rng(seed));
        request.expect("the level exists").to_bytes(set())
    }

    /// The class that a response's bytes tell.
    ///
    /// # Panics
    /// If it is no response for this client, or not a clear one.
    pub fn class(&self, response: &[u8]) -> usize {
        let scores = self.session.decrypt(contract(), response).expect("a response");
        // With a wrong secret, or keys of another, scores are noise: none stands out this much.
        let order = |&a: &usize, &b: &usize| scores[a].total_cmp(&scores[b]);
        let best = (0..scores.len()).max_by(order).expect("there are classes");
        let largest = contract().answer().unit();
        assert!(
            scores.iter().all(|score| score.abs() < 1.5 * largest),
            "scores of {scores:?}: the answer is for another secret"
        );
        best
    }
}

/// A sample picture as a model reads it.
pub fn input(contract: &AcceptedContract, sample: &str) -> Tensor {
    let [channels, height, width] = contract.input().shape();
    let shape = Shape::new(channels, height, width).expect("a small shape");
    let Rule::Picture { mean, deviation } = contract.input().preparation() else {
        panic!("the model reads pictures");
    };
    let preparation = Preparation::new(shape, mean, deviation).expect("a sound contract");
    let bytes = std::fs::read(repository().join("samples").join(sample)).expect("a sample");
    preparation.decode(&bytes).expect("a picture")
}

/// The class that a sample's name tells.
pub fn class_of(sample: &str) -> usize {
    sample[..2].parse().expect("names of samples start with their class")
}

/// SHA-256, hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A generator with a seed.
pub fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key(&[seed; 32])
}
