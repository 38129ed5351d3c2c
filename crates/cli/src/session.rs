//! A client and an evaluator side by side, exchanging bytes as they would over a network.

use std::error::Error;
use std::time::Instant;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks_client::sampling::SecretRng;
use blindsight_ckks_client::{KeyGenerator, SecretKey, decrypt_response, encrypt};
use blindsight_ckks_eval::KeySet;
use blindsight_evaluator::Engine;
use blindsight_model::classes::Scores;
use blindsight_model::metadata::Normalisation;
use blindsight_model::packing::{answer_format, pack_picture, request_format};
use blindsight_model::picture::Picture32;
use blindsight_model::plain::PlainNetwork;

use crate::files::{ModelFiles, read};

/// Loads the engine that the files describe.
pub(crate) fn load_engine(files: &ModelFiles) -> Result<Engine, Box<dyn Error>> {
    Ok(Engine::load(&read(&files.model)?, &read(&files.calibration)?)?)
}

/// What a client keeps.
pub(crate) struct Client {
    secret: SecretKey,
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
    pub(crate) fn new(engine: &Engine) -> Result<Self, Box<dyn Error>> {
        let mut rng = SecretRng::from_os()?;
        let secret = SecretKey::generate(engine.parameters(), &mut rng);
        Ok(Self { secret, rng })
    }

    /// Makes all evaluation keys, one at a time, and hands each to `take`.
    pub(crate) fn make_keys(
        &mut self,
        engine: &Engine,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), Box<dyn Error>>,
    ) -> Result<(usize, f64), Box<dyn Error>> {
        let set = engine.parameters();
        let (mut total, mut seconds) = (0, 0.0);
        let mut generator = KeyGenerator::new(set, &self.secret, &mut self.rng);
        for index in 0..set.keys().len() {
            let start = Instant::now();
            let key = generator.next().ok_or("the generator yields every key")?;
            let bytes = key.to_bytes(set);
            seconds += start.elapsed().as_secs_f64();
            total += bytes.len();
            take(index, &bytes)?;
        }
        Ok((total, seconds))
    }

    /// Makes keys and gives them to the evaluator.
    pub(crate) fn register(&mut self, engine: &Engine) -> Result<Keys, Box<dyn Error>> {
        let mut keys = KeySet::default();
        let (bytes, generate_seconds) =
            self.make_keys(engine, |index, bytes| Ok(engine.read_key(&mut keys, index, bytes)?))?;
        Ok(Keys { set: keys, bytes, generate_seconds })
    }

    /// Encrypts a picture: the bytes of a request.
    pub(crate) fn encrypt(
        &mut self,
        engine: &Engine,
        picture: &Picture32,
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        let set = engine.parameters();
        let format = request_format(set);
        let tensor = picture.normalise(&engine.model().metadata().normalisation);
        let slots = pack_picture(&tensor, format.shift).ok_or("a picture has a picture's shape")?;
        let slots: Vec<Complex64> = slots.into_iter().map(|x| Complex64::new(x, 0.0)).collect();
        let (scale, level) = (format.scale, format.level);
        let request = encrypt(set, &self.secret, &slots, scale, level, &mut self.rng)?;
        Ok(request.to_bytes(set))
    }

    /// Encrypts slots at some level, as the evaluator holds them: for measurements.
    pub(crate) fn encrypt_slots(
        &mut self,
        engine: &Engine,
        slots: &[Complex64],
        scale: f64,
        level: usize,
    ) -> Result<Ciphertext, Box<dyn Error>> {
        let set = engine.parameters();
        Ok(encrypt(set, &self.secret, slots, scale, level, &mut self.rng)?.expand())
    }

    /// Decrypts an answer.
    pub(crate) fn decrypt(&self, engine: &Engine, answer: &[u8]) -> Result<Scores, Box<dyn Error>> {
        let set = engine.parameters();
        let answer = CompactCiphertext::from_bytes(set, answer, &answer_format(set))?;
        let slots = decrypt_response(set, &self.secret, &answer);
        let bound = f64::from(engine.lowered().head.bound);
        let scores: Vec<f64> = slots.iter().take(10).map(|z| z.re * bound).collect();
        let scores: [f64; 10] = scores.try_into().map_err(|_| "an answer holds ten scores")?;
        Ok(Scores::new(scores))
    }
}

/// The scores of the plain network.
pub(crate) struct PlainReference {
    network: PlainNetwork,
    normalisation: Normalisation,
}

impl PlainReference {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self {
            network: PlainNetwork::new(engine.model().graph().clone()),
            normalisation: engine.model().metadata().normalisation,
        }
    }

    pub(crate) fn scores(&self, picture: &Picture32) -> Result<Scores, Box<dyn Error>> {
        let scores = self.network.run(&picture.normalise(&self.normalisation))?;
        Ok(Scores::from_tensor(&scores).ok_or("the network has ten classes")?)
    }
}
