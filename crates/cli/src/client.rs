//! A client and an evaluator side by side, exchanging bytes as they would over a network.

use std::error::Error;
use std::time::Instant;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_client::sampling::SecretRng;
use blindsight_ckks_client::{ClientSeed, KeyFamily, encrypt};
use blindsight_contract::AcceptedContract;
use blindsight_engine::{KeySet, Model};
use blindsight_session::Session;

/// What a client keeps.
pub(crate) struct Client {
    session: Session,
    /// The same keys once more, for measurements of what no client sends.
    family: KeyFamily,
    rng: SecretRng,
}

/// What the evaluator got from making keys, and what it cost.
pub(crate) struct Keys {
    pub(crate) set: KeySet,
    pub(crate) bytes: usize,
    /// Time in the client: generating and serialising.
    pub(crate) generate_seconds: f64,
}

impl Client {
    /// A client with a fresh secret.
    pub(crate) fn new(contract: &AcceptedContract) -> Result<Self, Box<dyn Error>> {
        let mut rng = SecretRng::from_os()?;
        let seed = ClientSeed::generate(&mut rng);
        let family = KeyFamily::new(contract.set(), &seed);
        Ok(Self { session: Session::new(contract, &seed), family, rng })
    }

    /// Makes all evaluation keys, one at a time, and hands each to `take`.
    pub(crate) fn make_keys(
        &self,
        contract: &AcceptedContract,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), Box<dyn Error>>,
    ) -> Result<(usize, f64), Box<dyn Error>> {
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
    #[cfg(feature = "exact")]
    pub(crate) fn family(&self) -> &KeyFamily {
        &self.family
    }

    /// Makes keys and gives them to the evaluator.
    pub(crate) fn register(&self, contract: &AcceptedContract) -> Result<Keys, Box<dyn Error>> {
        let mut set = KeySet::default();
        let (bytes, generate_seconds) = self.make_keys(contract, |index, bytes| {
            set.insert(Model::read_key(contract, &contract.keys().specs()[index], bytes)?);
            Ok(())
        })?;
        Ok(Keys { set, bytes, generate_seconds })
    }

    /// Encrypts an input: the bytes of a request.
    pub(crate) fn encrypt(
        &mut self,
        contract: &AcceptedContract,
        input: &[f32],
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(self.session.encrypt(contract, input, &mut self.rng)?)
    }

    /// Encrypts slots at some level, as the evaluator holds them: for measurements.
    pub(crate) fn encrypt_slots(
        &mut self,
        contract: &AcceptedContract,
        slots: &[Complex64],
        scale: f64,
        level: usize,
    ) -> Result<Ciphertext, Box<dyn Error>> {
        let secret = self.family.secret();
        Ok(encrypt(contract.set(), secret, slots, scale, level, &mut self.rng)?.expand())
    }

    /// Decrypts an answer: the scores.
    pub(crate) fn decrypt(
        &self,
        contract: &AcceptedContract,
        answer: &[u8],
    ) -> Result<Vec<f64>, Box<dyn Error>> {
        Ok(self.session.decrypt(contract, answer)?.to_vec())
    }
}

/// The index of the largest score.
pub(crate) fn best(scores: &[f64]) -> usize {
    let order = |&a: &usize, &b: &usize| scores[a].total_cmp(&scores[b]).then(b.cmp(&a));
    (0..scores.len()).max_by(order).unwrap_or(0)
}
