//! A server with the model of this repository, and a client with seeded randomness.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks_client::{
    KeyGenerator, SecretKey, SecretRng, decrypt, decrypt_response, encrypt,
};
use blindsight_ckks_eval::KeySet;
use blindsight_evaluator::Engine;
use blindsight_model::classes::{CLASSES, Scores};
use blindsight_model::packing::{
    Layout, ROW_SLOTS, SLOTS, answer_format, pack_picture, request_format,
};
use blindsight_model::picture::Picture32;
use blindsight_model::tensor::{Shape, Tensor};

/// The server's side.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        let read = |name: &str| std::fs::read(repository().join("models").join(name)).unwrap();
        let weights = read("resnet20-relu-cifar10.safetensors");
        Engine::load(&weights, &read("resnet20-relu-cifar10.calibration.json")).unwrap()
    });
    &ENGINE
}

/// The client's side, and the keys that the server read from the client's bytes.
pub(crate) struct Client {
    pub(crate) secret: SecretKey,
    pub(crate) keys: KeySet,
}

pub(crate) fn client() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let set = engine().parameters();
        let secret = SecretKey::generate(set, &mut rng(1));
        let mut keys = KeySet::default();
        for (index, key) in KeyGenerator::new(set, &secret, &mut rng(2)).enumerate() {
            engine().read_key(&mut keys, index, &key.to_bytes(set)).unwrap();
        }
        assert!(keys.is_complete(set));
        Client { secret, keys }
    });
    &CLIENT
}

impl Client {
    /// The bytes of a request.
    pub(crate) fn request(&self, picture: &Tensor, seed: u8) -> Vec<u8> {
        let set = engine().parameters();
        let format = request_format(set);
        let slots = pack_picture(picture, format.shift).unwrap();
        let slots: Vec<Complex64> = slots.iter().map(|&x| Complex64::new(x, 0.0)).collect();
        let (scale, level) = (format.scale, format.level);
        let request = encrypt(set, &self.secret, &slots, scale, level, &mut rng(seed));
        request.unwrap().to_bytes(set)
    }

    /// What an answer's bytes say.
    pub(crate) fn scores(&self, answer: &[u8]) -> Scores {
        let set = engine().parameters();
        let answer = CompactCiphertext::from_bytes(set, answer, &answer_format(set)).unwrap();
        let slots = decrypt_response(set, &self.secret, &answer);
        let bound = f64::from(engine().lowered().head.bound);
        // Six values are padding.
        assert!(slots[CLASSES..].iter().all(|z| z.norm() < 0.01), "padding: {slots:?}");
        let scores: Vec<f64> = slots[..CLASSES].iter().map(|z| z.re * bound).collect();
        Scores::new(scores.try_into().unwrap())
    }

    /// Every copy of a feature map that stands in a ciphertext between bootstraps.
    pub(crate) fn feature_maps(&self, c: &Ciphertext, shape: Shape) -> Vec<Tensor> {
        let set = engine().parameters();
        let slots = decrypt(set, &self.secret, c);
        let layout = Layout::of(shape).unwrap();
        let shift = request_format(set).shift;
        let copy = |copy: usize| {
            let mut map = Tensor::zeros(shape);
            for (channel, plane) in map.planes_mut().enumerate() {
                for (at, value) in plane.iter_mut().enumerate() {
                    let (row, column) = (at / shape.width(), at % shape.width());
                    let slot = layout.slot(channel, row, column) + copy * ROW_SLOTS;
                    *value = slots[(slot + SLOTS - shift) % SLOTS].re as f32;
                }
            }
            map
        };
        (0..layout.copies()).map(copy).collect()
    }
}

/// A sample picture as the network reads it.
pub(crate) fn sample(name: &str) -> Tensor {
    let bytes = std::fs::read(repository().join("samples").join(name)).unwrap();
    let normalisation = engine().model().metadata().normalisation;
    Picture32::decode(&bytes).unwrap().normalise(&normalisation)
}

pub(crate) fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key([seed; 32])
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
