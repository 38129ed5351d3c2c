//! A client and an evaluator side by side, exchanging bytes as they would over a network.

use std::collections::HashMap;
use std::time::Instant;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_client::sampling::SecretRng;
use blindsight_ckks_client::{ClientSeed, EncryptError, KeyFamily, encrypt};
use blindsight_contract::{AcceptedContract, Key};
#[cfg(feature = "exact")]
use blindsight_engine::label::{ExactError, ExactKey, LabelError};
use blindsight_engine::{KeySet, Model, RunObserver};
use blindsight_exact::{ExactParameters, KeyPiece};
use blindsight_session::{Session, SessionError};

use crate::EncryptedError;

/// What a client keeps.
#[derive(Debug)]
pub struct Client {
    session: Session,
    /// The same keys once more, for measurements of what no client sends.
    family: KeyFamily,
    rng: SecretRng,
}

/// What the evaluator got from making keys, and what it cost.
#[derive(Debug)]
pub struct Keys {
    /// Those of CKKS, expanded.
    pub set: KeySet,
    /// That for exact answers, where a model wants it.
    #[cfg(feature = "exact")]
    pub exact: Option<ExactKey>,
    /// What was sent of them.
    pub bytes: usize,
    /// Time in the client: generating and serialising.
    pub generate_seconds: f64,
}

impl Keys {
    /// Runs a model with these keys: from the bytes of a request to those of an answer with values.
    ///
    /// # Errors
    /// When the request is none for this model, a key is missing, or the observer ends the run.
    pub fn evaluate(
        &self,
        model: &Model,
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Vec<u8>, EncryptedError> {
        #[cfg(feature = "exact")]
        if let (Some(_), Some(key)) = (model.signs(), &self.exact) {
            return Ok(model.sign_scores(key, request, observer)?);
        }
        Ok(model.evaluate(&self.set, request, observer)?)
    }
}

impl Client {
    /// A client with a fresh secret.
    ///
    /// # Errors
    /// [`EncryptedError::Entropy`] when the operating system gives no randomness.
    pub fn new(contract: &AcceptedContract) -> Result<Self, EncryptedError> {
        let mut rng = SecretRng::from_os()?;
        let seed = ClientSeed::generate(&mut rng);
        let family = KeyFamily::new(contract.set(), &seed);
        Ok(Self { session: Session::new(contract, &seed), family, rng })
    }

    /// Makes all evaluation keys, one at a time, and hands each to `take`: their bytes, and the seconds
    /// that they took.
    ///
    /// # Errors
    /// When the contract is of another scheme, or `take` fails.
    pub fn make_keys<E: From<SessionError>>(
        &self,
        contract: &AcceptedContract,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(usize, f64), E> {
        let (mut total, mut seconds) = (0, 0.0);
        for (index, spec) in contract.keys().specs().iter().enumerate() {
            let start = Instant::now();
            let bytes = self.session.evaluation_key(spec)?;
            seconds += start.elapsed().as_secs_f64();
            total += bytes.len();
            take(index, &bytes)?;
        }
        Ok((total, seconds))
    }

    /// All keys and the secret, of which those of exact answers follow.
    #[must_use]
    pub fn family(&self) -> &KeyFamily {
        &self.family
    }

    /// Makes keys and gives them to the evaluator.
    ///
    /// # Errors
    /// When the contract is of another scheme.
    pub fn register(&self, contract: &AcceptedContract) -> Result<Keys, EncryptedError> {
        let keys = self.register_scheme(contract)?;
        #[cfg(feature = "exact")]
        if let Some(set) = contract.bundle().exact() {
            return self.with_exact(keys, set);
        }
        Ok(keys)
    }

    #[cfg(feature = "exact")]
    fn with_exact(&self, keys: Keys, set: &ExactParameters) -> Result<Keys, EncryptedError> {
        let start = Instant::now();
        let pieces = self.make_exact_keys(set)?;
        let generate_seconds = keys.generate_seconds + start.elapsed().as_secs_f64();
        let bytes = keys.bytes + pieces.values().map(Vec::len).sum::<usize>();
        let exact = ExactKey::read(set, |piece| Ok::<_, ExactError>(&pieces[&piece]));
        let exact = Some(exact.map_err(LabelError::from)?);
        Ok(Keys { exact, bytes, generate_seconds, ..keys })
    }

    /// The same, of the keys of CKKS alone.
    ///
    /// # Errors
    /// When the contract is of another scheme.
    pub fn register_scheme(&self, contract: &AcceptedContract) -> Result<Keys, EncryptedError> {
        let mut set = KeySet::default();
        let (bytes, generate_seconds) = self.make_keys(contract, |index, bytes| {
            set.insert(Model::read_key(contract, &contract.keys().specs()[index], bytes)?);
            Ok::<_, EncryptedError>(())
        })?;
        Ok(Keys {
            set,
            #[cfg(feature = "exact")]
            exact: None,
            bytes,
            generate_seconds,
        })
    }

    /// Makes the keys for exact answers: their pieces as they travel.
    ///
    /// # Errors
    /// When the set belongs to another scheme.
    pub fn make_exact_keys(
        &self,
        set: &ExactParameters,
    ) -> Result<HashMap<KeyPiece, Vec<u8>>, SessionError> {
        KeyPiece::all(set)
            .map(|piece| Ok((piece, self.session.key(&Key::Exact(set, piece))?)))
            .collect()
    }

    /// Encrypts an input, or several one after another: the bytes of a request.
    ///
    /// # Errors
    /// As [`Session::encrypt`].
    pub fn encrypt(
        &mut self,
        contract: &AcceptedContract,
        input: &[f32],
    ) -> Result<Vec<u8>, SessionError> {
        self.session.encrypt(contract, input, &mut self.rng)
    }

    /// Encrypts slots at some level, as the evaluator holds them: for measurements.
    ///
    /// # Errors
    /// When the level does not exist, or there are too many slots.
    pub fn encrypt_slots(
        &mut self,
        contract: &AcceptedContract,
        slots: &[Complex64],
        scale: f64,
        level: usize,
    ) -> Result<Ciphertext, EncryptError> {
        let secret = self.family.secret();
        Ok(encrypt(contract.set(), secret, slots, scale, level, &mut self.rng)?.expand())
    }

    /// Decrypts an answer: the scores.
    ///
    /// # Errors
    /// As [`Session::decrypt`].
    pub fn decrypt(
        &self,
        contract: &AcceptedContract,
        answer: &[u8],
    ) -> Result<Vec<f64>, SessionError> {
        Ok(self.session.decrypt(contract, answer)?.to_vec())
    }
}

/// The index of the largest score; the first of several.
#[must_use]
pub fn best(scores: &[f64]) -> usize {
    let order = |&a: &usize, &b: &usize| scores[a].total_cmp(&scores[b]).then(b.cmp(&a));
    (0..scores.len()).max_by(order).unwrap_or(0)
}
