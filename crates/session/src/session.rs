//! The keys of one scheme and what they do.

use std::sync::Arc;

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::KeySpec;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::frame::ParameterFingerprint;
use blindsight_ckks_client::{
    ClientSeed, KeyFamily, SecretRng, decrypt_product, decrypt_response, encrypt_all,
};
use blindsight_contract::{
    AcceptedContract, Answer, CompactAnswer, ExactAnswer, Key, KeyBundle, LARGEST_VALUE,
    ProductAnswer, Request, SignRequest, SlotRequest,
};
use blindsight_exact::{ExactParameters, ExactScores, LabelCiphertext, Outcome};
use blindsight_exact_client::ExactFamily;
use zeroize::Zeroizing;

use crate::error::SessionError;

/// A client's keys for every model of one scheme. Its secret is wiped when it is dropped.
#[derive(Debug)]
pub struct Session {
    set: Arc<Parameters>,
    family: KeyFamily,
}

impl Session {
    /// The keys that follow from a seed, for the scheme of a contract.
    #[must_use]
    pub fn new(contract: &AcceptedContract, seed: &ClientSeed) -> Self {
        let set = Arc::clone(contract.set());
        let family = KeyFamily::new(&set, seed);
        Self { set, family }
    }

    /// A name, not secret, for everything but the seed that decides what keys come out.
    #[must_use]
    pub fn identity(contract: &AcceptedContract) -> [u8; 32] {
        KeyFamily::identity(contract.set())
    }

    /// What names the scheme.
    #[must_use]
    pub fn scheme(&self) -> ParameterFingerprint {
        self.set.fingerprint()
    }

    /// Whether these keys are of the contract's scheme.
    ///
    /// # Errors
    /// [`SessionError::OtherScheme`].
    pub fn serves(&self, contract: &AcceptedContract) -> Result<(), SessionError> {
        // The fingerprint covers everything that is chosen about a set.
        if contract.set().fingerprint() == self.scheme() {
            Ok(())
        } else {
            Err(SessionError::OtherScheme)
        }
    }

    /// The keys of a contract that are in none of these bundles: what is left to upload.
    ///
    /// # Errors
    /// [`SessionError::OtherScheme`].
    pub fn missing(
        &self,
        contract: &AcceptedContract,
        have: &[KeyBundle],
    ) -> Result<KeyBundle, SessionError> {
        self.serves(contract)?;
        Ok(contract.bundle().missing(have))
    }

    /// The head of an upload of these keys.
    ///
    /// # Errors
    /// When this scheme does not have such keys.
    pub fn head(&self, keys: &KeyBundle) -> Result<Vec<u8>, SessionError> {
        self.check_bundle(keys)?;
        Ok(keys.head(&self.set))
    }

    /// The lengths of everything in an upload of these keys, in bytes: that of the head, then those of
    /// the keys.
    ///
    /// # Errors
    /// When this scheme does not have such keys.
    pub fn bundle_lengths(&self, keys: &KeyBundle) -> Result<Vec<u64>, SessionError> {
        let head = self.head(keys)?.len() as u64;
        let lengths = keys.keys().map(|key| key.byte_len(&self.set));
        Ok(std::iter::once(head).chain(lengths).collect())
    }

    /// A key of a bundle as it travels: always the same bytes.
    ///
    /// # Errors
    /// When this scheme does not have such a key.
    pub fn key(&self, key: &Key<'_>) -> Result<Vec<u8>, SessionError> {
        match key {
            Key::Scheme(spec) => self.evaluation_key(spec),
            Key::Exact(set, piece) => Ok(self.exact(set)?.piece(*piece).to_bytes(set)),
        }
    }

    /// An evaluation key as it travels: always the same bytes.
    ///
    /// # Errors
    /// When this scheme does not have such a key.
    pub fn evaluation_key(&self, spec: &KeySpec) -> Result<Vec<u8>, SessionError> {
        Ok(self.seeded_key(spec)?.to_bytes(&self.set))
    }

    /// An evaluation key in memory, for who evaluates in the same process.
    ///
    /// # Errors
    /// When this scheme does not have such a key.
    pub fn seeded_key(&self, spec: &KeySpec) -> Result<SeededKey, SessionError> {
        let spec = self.checked(spec)?;
        Ok(self.family.evaluation_key(&self.set, &spec))
    }

    /// Encrypts an input, channels first, or several one after another, where the contract has room
    /// for them: a request as it travels, different every time, always of one length.
    ///
    /// Whether it fails depends on the number of values and on none of them being beyond
    /// [`LARGEST_VALUE`], never on what else the contract says.
    ///
    /// # Errors
    /// When the contract is of another scheme, or the values do not fit it.
    pub fn encrypt(
        &self,
        contract: &AcceptedContract,
        values: &[f32],
        rng: &mut SecretRng,
    ) -> Result<Vec<u8>, SessionError> {
        self.serves(contract)?;
        // False for what is no number, too.
        let fits = |value: &f32| f64::from(value.abs()) <= LARGEST_VALUE;
        if let Some(index) = values.iter().position(|value| !fits(value)) {
            return Err(SessionError::Value { index });
        }
        let encrypted = match contract.request() {
            Request::Slots(request) => self.encrypt_slots(request, values, rng)?,
            Request::Signs(request) => self.encrypt_signs(request, values, rng)?,
        };
        let (found, expected) = (values.len(), contract.input().values());
        let most = contract.request().inputs();
        encrypted.ok_or(SessionError::Count { found, expected, most })
    }

    /// Decrypts an answer: the values that the contract names, in units, all finite; where a request
    /// holds several inputs, those of all of them, one input after another. They are wiped when
    /// dropped.
    ///
    /// They must not go back to the server, nor anything that depends on them.
    ///
    /// # Errors
    /// When the contract is of another scheme, or the bytes are no answer of it.
    pub fn decrypt(
        &self,
        contract: &AcceptedContract,
        answer: &[u8],
    ) -> Result<Zeroizing<Vec<f64>>, SessionError> {
        self.serves(contract)?;
        let values = match contract.answer() {
            Answer::Compact(reading) => self.decrypt_compact(reading, answer)?,
            Answer::Products(reading) => {
                self.decrypt_products(reading, contract.request().inputs(), answer)?
            }
            Answer::Exact(reading) => self.decrypt_exact(reading, answer)?,
            Answer::Label(_) => return Err(SessionError::LabelAlone),
        };
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(SessionError::AnswerValues)
        }
    }

    /// Decrypts the label alone, where that is what a contract answers: a class's number, or none if no
    /// class leads by as much as the contract asks for.
    ///
    /// It must not go back to the server, nor anything that depends on it: not even whether there was
    /// one.
    ///
    /// # Errors
    /// When the contract is of another scheme, or answers with values, or the bytes hold no label.
    pub fn decrypt_label(
        &self,
        contract: &AcceptedContract,
        answer: &[u8],
    ) -> Result<Option<usize>, SessionError> {
        self.serves(contract)?;
        let reading = contract.answer().label().ok_or(SessionError::NoLabel)?;
        let label = LabelCiphertext::from_bytes(reading.exact(), answer)?;
        match self.exact(reading.exact())?.outcome(reading.code(), &label) {
            Some(Outcome::Class(class)) => Ok(Some(class)),
            Some(Outcome::NotSure) => Ok(None),
            Some(Outcome::Among(_)) | None => Err(SessionError::AnswerLabel),
        }
    }

    /// Values in slots, if there are as many as an input has, or several inputs.
    fn encrypt_slots(
        &self,
        request: &SlotRequest,
        values: &[f32],
        rng: &mut SecretRng,
    ) -> Result<Option<Vec<u8>>, SessionError> {
        let Some(packed) = request.map().pack(values).map(Zeroizing::new) else {
            return Ok(None);
        };
        let (set, secret) = (&self.set, self.family.secret());
        let (scale, level) = (request.scale(), request.level());
        let encrypted = encrypt_all(set, secret, &packed, scale, level, rng)?;
        let mut bytes = Vec::with_capacity(request.byte_len(set) as usize);
        encrypted.iter().for_each(|ciphertext| bytes.extend(ciphertext.to_bytes(set)));
        Ok(Some(bytes))
    }

    /// The signs of values, if there are as many as an input has.
    fn encrypt_signs(
        &self,
        request: &SignRequest,
        values: &[f32],
        rng: &mut SecretRng,
    ) -> Result<Option<Vec<u8>>, SessionError> {
        let Some(signs) = request.of(values).map(Zeroizing::new) else { return Ok(None) };
        let encrypted = self.exact(request.exact())?.encrypt_picture(&signs, rng)?;
        Ok(Some(encrypted.to_bytes(request.exact())))
    }

    fn exact<'a>(&'a self, set: &'a ExactParameters) -> Result<ExactFamily<'a>, SessionError> {
        ExactFamily::new(set, &self.set, &self.family).map_err(|_| SessionError::OtherScheme)
    }

    fn decrypt_compact(
        &self,
        reading: &CompactAnswer,
        answer: &[u8],
    ) -> Result<Zeroizing<Vec<f64>>, SessionError> {
        let answer = CompactCiphertext::from_bytes(&self.set, answer, &reading.expected())?;
        let (found, expected) = (answer.log2_modulus(), reading.log2_modulus());
        if found != expected {
            return Err(SessionError::AnswerModulus { found, expected });
        }
        let slots = decrypt_response(&self.set, self.family.secret(), &answer);
        let mut real = Zeroizing::new(vec![0.0; slots.len()]);
        real.iter_mut().zip(slots.iter()).for_each(|(to, slot)| *to = slot.re);
        Ok(Zeroizing::new(reading.read(&real).ok_or(SessionError::AnswerValues)?))
    }

    fn decrypt_exact(
        &self,
        reading: &ExactAnswer,
        answer: &[u8],
    ) -> Result<Zeroizing<Vec<f64>>, SessionError> {
        let answer = ExactScores::from_bytes(reading.exact(), reading.values(), answer)?;
        let mut scores = Zeroizing::new(self.exact(reading.exact())?.decrypt_scores(&answer));
        scores.iter_mut().for_each(|score| *score *= reading.unit());
        Ok(scores)
    }

    fn decrypt_products(
        &self,
        reading: &ProductAnswer,
        inputs: usize,
        answer: &[u8],
    ) -> Result<Zeroizing<Vec<f64>>, SessionError> {
        let (count, each) = (reading.values(), reading.part_byte_len(&self.set));
        let (level, parts, scale) = (reading.level(), reading.parts(), reading.expected_scale());
        let mut values = Zeroizing::new(vec![0.0; inputs * count]);
        for value in 0..count {
            // Of an answer that is too short or too long, one of these is.
            let start = answer.len().min(value * each);
            let end =
                if value + 1 == count { answer.len() } else { answer.len().min(start + each) };
            let bytes = &answer[start..end];
            let product = ProductCiphertext::from_bytes(&self.set, bytes, level, parts, scale)?;
            let slots = decrypt_product(&self.set, self.family.secret(), &product);
            for (input, slot) in values.chunks_exact_mut(count).zip(slots.iter()) {
                input[value] = slot.re * reading.unit();
            }
        }
        Ok(values)
    }

    /// The key, once more through the only door: it may have come through that of another set.
    fn checked(&self, spec: &KeySpec) -> Result<KeySpec, SessionError> {
        Ok(KeySpec::new(&self.set, spec.kind(), spec.layout().clone())?)
    }

    fn check_bundle(&self, keys: &KeyBundle) -> Result<(), SessionError> {
        keys.scheme().specs().iter().try_for_each(|spec| self.checked(spec).map(drop))?;
        match keys.exact() {
            Some(exact) if !exact.is_beside(&self.set) => Err(SessionError::OtherScheme),
            _ => Ok(()),
        }
    }
}
