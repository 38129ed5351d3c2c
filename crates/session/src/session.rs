//! The keys of one scheme and what they do.

use std::sync::Arc;

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::{KeyList, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks::wire::frame::ParameterFingerprint;
use blindsight_ckks_client::{
    ClientSeed, KeyFamily, SecretRng, SecretSlots, decrypt_response, encrypt,
};
use blindsight_contract::{AcceptedContract, LARGEST_VALUE};
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

    /// The keys of a contract that are in none of the lists: what is left to upload.
    ///
    /// # Errors
    /// [`SessionError::OtherScheme`].
    pub fn missing(
        &self,
        contract: &AcceptedContract,
        have: &[KeyList],
    ) -> Result<KeyList, SessionError> {
        self.serves(contract)?;
        Ok(contract.missing(have))
    }

    /// The head of an upload of these keys.
    ///
    /// # Errors
    /// When this scheme does not have such keys.
    pub fn manifest(&self, keys: &KeyList) -> Result<Vec<u8>, SessionError> {
        Ok(self.checked_manifest(keys)?.to_bytes(&self.set))
    }

    /// The lengths of everything in an upload of these keys, in bytes: that of the manifest, then
    /// those of the keys.
    ///
    /// # Errors
    /// When this scheme does not have such keys.
    pub fn bundle_lengths(&self, keys: &KeyList) -> Result<Vec<u64>, SessionError> {
        let manifest = self.checked_manifest(keys)?;
        let head = manifest.to_bytes(&self.set).len() as u64;
        let lengths = manifest.entries().iter().map(|entry| entry.byte_len);
        Ok(std::iter::once(head).chain(lengths).collect())
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

    /// Encrypts an input, channels first: a request as it travels, different every time.
    ///
    /// Whether it fails depends on the input's number of values and on none of them being beyond
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
        let request = contract.request();
        let (found, expected) = (values.len(), contract.input().values());
        let packed = request.slots().pack(values).ok_or(SessionError::Count { found, expected })?;
        let packed = Zeroizing::new(packed);
        let slots = SecretSlots::real(&packed);
        let (scale, level) = (request.scale(), request.level());
        let encrypted = encrypt(&self.set, self.family.secret(), &slots, scale, level, rng)?;
        Ok(encrypted.to_bytes(&self.set))
    }

    /// Decrypts an answer: the values that the contract names, in units, all finite. They are wiped
    /// when dropped.
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
        let reading = contract.answer();
        let answer = CompactCiphertext::from_bytes(&self.set, answer, &reading.expected())?;
        let (found, expected) = (answer.log2_modulus(), reading.log2_modulus());
        if found != expected {
            return Err(SessionError::AnswerModulus { found, expected });
        }
        let slots = decrypt_response(&self.set, self.family.secret(), &answer);
        let mut real = Zeroizing::new(vec![0.0; slots.len()]);
        real.iter_mut().zip(slots.iter()).for_each(|(to, slot)| *to = slot.re);
        let values = Zeroizing::new(reading.read(&real).ok_or(SessionError::AnswerValues)?);
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(SessionError::AnswerValues)
        }
    }

    /// The key, once more through the only door: it may have come through that of another set.
    fn checked(&self, spec: &KeySpec) -> Result<KeySpec, SessionError> {
        Ok(KeySpec::new(&self.set, spec.kind(), spec.layout().clone())?)
    }

    fn checked_manifest(&self, keys: &KeyList) -> Result<KeySetManifest, SessionError> {
        for spec in keys.specs() {
            self.checked(spec)?;
        }
        Ok(KeySetManifest::new(&self.set, keys))
    }
}
