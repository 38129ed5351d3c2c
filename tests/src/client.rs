//! A client: its secret, its evaluation keys as bytes, its pictures.

use std::ops::Range;
use std::sync::LazyLock;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, decrypt_response, encrypt};
use blindsight_model::classes::CLASSES;
use blindsight_model::metadata::Normalisation;
use blindsight_model::model::Model;
use blindsight_model::packing::{answer_format, pack_picture, request_format};
use blindsight_model::picture::Picture32;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::repository;

/// The parameter set of the service.
pub fn set() -> &'static Parameters {
    static SET: LazyLock<Parameters> =
        LazyLock::new(|| Parameters::degree_15().expect("the parameter set is sound"));
    &SET
}

/// A client. The same seed gives the same keys.
#[derive(Debug)]
pub struct Client {
    family: KeyFamily,
    /// The manifest and the keys, one after another.
    pub bundle: Vec<u8>,
    /// Where each frame of the bundle lies; the manifest is the first.
    pub frames: Vec<Range<usize>>,
}

impl Client {
    /// Makes all keys of a seed.
    pub fn new(seed: u8) -> Self {
        let family = KeyFamily::new(set(), &ClientSeed::generate(&mut rng(seed)));
        let keys: Vec<Vec<u8>> = (0..set().keys().len())
            .into_par_iter()
            .map(|index| {
                let key = family.evaluation_key(set(), index);
                key.expect("an index of a key").to_bytes(set())
            })
            .collect();
        let manifest = KeySetManifest::new(set()).to_bytes(set());
        let (mut bundle, mut frames) = (Vec::new(), Vec::new());
        for frame in std::iter::once(&manifest).chain(&keys) {
            frames.push(bundle.len()..bundle.len() + frame.len());
            bundle.extend_from_slice(frame);
        }
        Self { family, bundle, frames }
    }

    /// A frame of the bundle: 0 is the manifest, `i + 1` is key `i`.
    pub fn frame(&self, index: usize) -> &[u8] {
        &self.bundle[self.frames[index].clone()]
    }

    /// The bytes of a request for a sample picture.
    pub fn request(&self, sample: &str, seed: u8) -> Vec<u8> {
        let format = request_format(set());
        self.request_at(sample, seed, format.level, format.scale)
    }

    /// A request at a level and with a scale that may be wrong.
    pub fn request_at(&self, sample: &str, seed: u8, level: usize, scale: f64) -> Vec<u8> {
        let bytes = std::fs::read(repository().join("samples").join(sample));
        let picture = Picture32::decode(&bytes.expect("a sample")).expect("a picture");
        let picture = picture.normalise(normalisation());
        let slots = pack_picture(&picture, request_format(set()).shift);
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
        let response = CompactCiphertext::from_bytes(set(), response, &answer_format(set()));
        let response = response.expect("a response");
        let slots = decrypt_response(set(), self.family.secret(), &response);
        // The rest is padding. With a wrong secret, or keys of another, it is noise.
        let padding = slots[CLASSES..].iter().map(|slot| slot.norm()).fold(0.0, f64::max);
        assert!(padding < 0.01, "padding of {padding}: the answer is for another secret");
        let scores: Vec<f64> = slots[..CLASSES].iter().map(|slot| slot.re).collect();
        let order = |&a: &usize, &b: &usize| scores[a].total_cmp(&scores[b]);
        (0..CLASSES).max_by(order).expect("there are classes")
    }
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
    SecretRng::from_key([seed; 32])
}

/// How the model wants its pictures.
pub fn normalisation() -> &'static Normalisation {
    static NORMALISATION: LazyLock<Normalisation> = LazyLock::new(|| {
        let path = repository().join("models/resnet20-relu-cifar10.safetensors");
        let model = Model::from_safetensors(&std::fs::read(path).expect("the model's file"));
        model.expect("the model").metadata().normalisation
    });
    &NORMALISATION
}
