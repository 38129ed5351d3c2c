//! One client with all keys, and numbers to encrypt.

use std::sync::{Arc, LazyLock};

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_client::{
    KeyGenerator, SecretKey, SecretRng, decrypt, decrypt_coefficients, encrypt,
};
use blindsight_ckks_eval::{Context, Evaluator, KeySet};

/// A client's secret with what the evaluator knows of it.
pub(crate) struct Fixture {
    pub(crate) context: Context,
    pub(crate) keys: KeySet,
    secret: SecretKey,
}

/// The client that all tests share.
pub(crate) fn fixture() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
        let set = Arc::new(Parameters::degree_15().unwrap());
        let secret = SecretKey::generate(&set, &mut rng(1));
        let keys = keys_without(&set, &secret, None);
        Fixture { context: Context::new(set), keys, secret }
    });
    &FIXTURE
}

impl Fixture {
    pub(crate) fn set(&self) -> &Parameters {
        self.context.set()
    }

    pub(crate) fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { context: &self.context, keys: &self.keys }
    }

    /// The client's keys except those of one kind.
    pub(crate) fn keys_without(&self, kind: KeyKind) -> KeySet {
        keys_without(self.set(), &self.secret, Some(kind))
    }

    pub(crate) fn encrypt(
        &self,
        slots: &[Complex64],
        scale: f64,
        level: usize,
        seed: u8,
    ) -> Ciphertext {
        let fresh = encrypt(self.set(), &self.secret, slots, scale, level, &mut rng(seed));
        fresh.unwrap().expand()
    }

    pub(crate) fn decrypt(&self, c: &Ciphertext) -> Vec<Complex64> {
        decrypt(self.set(), &self.secret, c)
    }

    pub(crate) fn coefficients(&self, c: &Ciphertext) -> Vec<f64> {
        decrypt_coefficients(self.set(), &self.secret, c)
    }
}

fn keys_without(set: &Parameters, secret: &SecretKey, left_out: Option<KeyKind>) -> KeySet {
    let mut keys = KeySet::default();
    for (index, key) in KeyGenerator::new(set, secret, &mut rng(2)).enumerate() {
        if Some(set.keys()[index].kind) != left_out {
            keys.insert(index, EvaluationKey::expand(set, key));
        }
    }
    keys
}

pub(crate) fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key([seed; 32])
}

/// Numbers between -1 and 1.
pub(crate) fn reals(count: usize, seed: u8) -> Vec<f64> {
    let mut rng = rng(seed);
    (0..count).map(|_| (rng.next_u64() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0).collect()
}

/// Complex numbers with both parts between -1 and 1.
pub(crate) fn complexes(count: usize, seed: u8) -> Vec<Complex64> {
    reals(2 * count, seed).chunks_exact(2).map(|z| Complex64::new(z[0], z[1])).collect()
}

pub(crate) fn as_complex(values: &[f64]) -> Vec<Complex64> {
    values.iter().map(|&x| Complex64::new(x, 0.0)).collect()
}

/// `values` turned left, as a rotation of the slots does.
pub(crate) fn turned(values: &[Complex64], steps: i64) -> Vec<Complex64> {
    let count = values.len() as i64;
    (0..count).map(|i| values[(i + steps).rem_euclid(count) as usize]).collect()
}
