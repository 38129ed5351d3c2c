//! The secret of a client, and what it can do.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks_client::{
    ClientSeed, KeyFamily, SecretRng, decrypt_response, encrypt as encrypt_slots,
};
use blindsight_model::classes::{CLASSES, Scores};
use blindsight_model::metadata::Normalisation;
use blindsight_model::packing::{answer_format, pack_picture, request_format};
use blindsight_model::picture::{PLANE, Picture32};
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::CryptoKey;
use zeroize::Zeroizing;

use crate::error::{ClientError, Code};
use crate::input;
use crate::parameters::with_set;
use crate::seal;

/// A client's secret key and all that follows from it. `free()` wipes it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct ClientKeys {
    family: KeyFamily,
}

/// Longest answer looked at: five times what one has.
const MAX_ANSWER_BYTES: usize = 1 << 19;

#[wasm_bindgen]
impl ClientKeys {
    /// Makes a fresh seed and seals it under an AES-GCM key.
    ///
    /// # Errors
    /// When the platform gives no entropy, or refuses the key.
    pub async fn generate(key: CryptoKey) -> Result<Vec<u8>, ClientError> {
        let mut rng = entropy()?;
        let seed = ClientSeed::generate(&mut rng);
        let associated = with_set(|set| Ok(seal::associated_data(set)))?;
        seal::seal(associated, &seed, &mut rng, &key).await
    }

    /// The keys of a sealed seed.
    ///
    /// # Errors
    /// When it cannot be opened with this key.
    pub async fn open(sealed: Uint8Array, key: CryptoKey) -> Result<Self, ClientError> {
        let most = seal::SEALED_BYTES;
        let sealed = input::bytes("a sealed seed", &sealed, most, Code::StorageCorrupt)?;
        let associated = with_set(|set| Ok(seal::associated_data(set)))?;
        let seed = seal::open(associated, &sealed, &key).await?;
        with_set(|set| Ok(Self { family: KeyFamily::new(set, &seed) }))
    }

    /// The evaluation key of this index, as it travels: always the same bytes.
    ///
    /// # Errors
    /// When there is no such key.
    #[wasm_bindgen(js_name = evaluationKey)]
    pub fn evaluation_key(&self, index: u32) -> Result<Vec<u8>, ClientError> {
        with_set(|set| {
            let key = self.family.evaluation_key(set, index as usize).ok_or_else(|| {
                ClientError::new(Code::InvalidArgument, format!("there is no key {index}"))
            })?;
            Ok(key.to_bytes(set))
        })
    }

    /// Encrypts 32 x 32 pixels of red, green, blue: a request as it travels, different every time.
    /// `normalisation` is `{mean: [3 numbers], std: [3 numbers]}`.
    ///
    /// # Errors
    /// When these are not 3072 bytes, or the normalisation makes no sense.
    pub fn encrypt(
        &self,
        rgb: &Uint8Array,
        normalisation: JsValue,
    ) -> Result<Vec<u8>, ClientError> {
        let what = "a picture of 32 x 32 pixels";
        let rgb = input::bytes(what, rgb, 3 * PLANE, Code::InvalidArgument)?;
        let normalisation = serde_wasm_bindgen::from_value(normalisation)
            .map_err(|error| ClientError::new(Code::InvalidArgument, error))?;
        self.encrypt_picture(&Zeroizing::new(rgb), &normalisation, &mut entropy()?)
    }

    /// Decrypts an answer: `{class, scores: [10 numbers]}`. `bound` is the scale of the scores.
    ///
    /// # Errors
    /// When the answer is malformed.
    pub fn decrypt(&self, answer: &Uint8Array, bound: f64) -> Result<JsValue, ClientError> {
        let answer = input::bytes("the answer", answer, MAX_ANSWER_BYTES, Code::BadAnswer)?;
        let scores = self.decrypt_scores(&answer, bound)?;
        let result = Answer { class: scores.best().index(), scores: scores.values().to_vec() };
        serde_wasm_bindgen::to_value(&result)
            .map_err(|error| ClientError::new(Code::WorkerFailed, error))
    }
}

/// As the server describes it.
#[derive(Debug, Deserialize)]
struct ServerNormalisation {
    mean: [f32; 3],
    std: [f32; 3],
}

#[derive(Debug, Serialize)]
struct Answer {
    class: usize,
    scores: Vec<f64>,
}

impl ClientKeys {
    fn encrypt_picture(
        &self,
        rgb: &[u8],
        normalisation: &ServerNormalisation,
        rng: &mut SecretRng,
    ) -> Result<Vec<u8>, ClientError> {
        let invalid = |message: &str| ClientError::new(Code::InvalidArgument, message);
        let picture = Picture32::from_rgb(rgb)
            .ok_or_else(|| invalid("a picture of 32 x 32 pixels has 3072 bytes"))?;
        let ServerNormalisation { mean, std } = *normalisation;
        let normalisation = Normalisation::new(mean, std)
            .map_err(|error| ClientError::new(Code::InvalidArgument, error))?;
        with_set(|set| {
            let format = request_format(set);
            let slots = pack_picture(&picture.normalise(&normalisation), format.shift)
                .ok_or_else(|| invalid("the picture does not have the shape of one"))?;
            let slots: Vec<Complex64> =
                slots.into_iter().map(|value| Complex64::new(value, 0.0)).collect();
            let (scale, level) = (format.scale, format.level);
            let request = encrypt_slots(set, self.family.secret(), &slots, scale, level, rng)
                .map_err(|error| ClientError::new(Code::InvalidArgument, error))?;
            Ok(request.to_bytes(set))
        })
    }

    fn decrypt_scores(&self, answer: &[u8], bound: f64) -> Result<Scores, ClientError> {
        if !(bound.is_finite() && bound > 0.0) {
            let message = "the scale of the scores must be a positive number";
            return Err(ClientError::new(Code::InvalidArgument, message));
        }
        with_set(|set| {
            let answer = CompactCiphertext::from_bytes(set, answer, &answer_format(set))
                .map_err(|error| ClientError::new(Code::BadAnswer, error))?;
            let slots = decrypt_response(set, self.family.secret(), &answer);
            let mut scores = [0.0; CLASSES];
            for (score, slot) in scores.iter_mut().zip(slots) {
                *score = slot.re * bound;
            }
            Ok(Scores::new(scores))
        })
    }
}

fn entropy() -> Result<SecretRng, ClientError> {
    SecretRng::from_os().map_err(|error| ClientError::new(Code::NoEntropy, error))
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::ciphertext::SeededCiphertext;
    use blindsight_ckks::wire::ExpectedScale;
    use blindsight_ckks_client::decrypt;

    use super::*;

    fn keys() -> ClientKeys {
        let seed = ClientSeed::from_bytes(Zeroizing::new([5; 32]));
        with_set(|set| Ok(ClientKeys { family: KeyFamily::new(set, &seed) })).unwrap()
    }

    fn normalisation() -> ServerNormalisation {
        ServerNormalisation { mean: [0.5; 3], std: [0.25; 3] }
    }

    fn rng() -> SecretRng {
        SecretRng::from_key([6; 32])
    }

    #[test]
    fn a_request_holds_the_picture() {
        let keys = keys();
        let rgb: Vec<u8> = (0..3072).map(|i| (i % 256) as u8).collect();
        let request = keys.encrypt_picture(&rgb, &normalisation(), &mut rng()).unwrap();
        with_set(|set| {
            let format = request_format(set);
            let scale = ExpectedScale::Exactly(format.scale);
            let read = SeededCiphertext::from_bytes(set, &request, format.level, scale).unwrap();
            let slots = decrypt(set, keys.family.secret(), &read.expand());
            let picture = Picture32::from_rgb(&rgb).unwrap();
            let plain = Normalisation::new([0.5; 3], [0.25; 3]).unwrap();
            let expected = pack_picture(&picture.normalise(&plain), format.shift).unwrap();
            for (slot, value) in slots.iter().zip(expected) {
                assert!((slot.re - value).abs() < 1e-3, "{slot} is not {value}");
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn wrong_inputs_are_refused() {
        let keys = keys();
        let code = |result: Result<Vec<u8>, ClientError>| result.unwrap_err().code;
        for length in [0, 3071, 3073] {
            let refused = keys.encrypt_picture(&vec![0; length], &normalisation(), &mut rng());
            assert_eq!(code(refused), Code::InvalidArgument);
        }
        for std in [0.0, f32::NAN, -1.0, 2.0] {
            let bad = ServerNormalisation { mean: [0.5; 3], std: [std; 3] };
            let refused = keys.encrypt_picture(&[0; 3072], &bad, &mut rng());
            assert_eq!(code(refused), Code::InvalidArgument);
        }
        for answer in [&[][..], b"BSGT", &[0; 90_000]] {
            assert_eq!(keys.decrypt_scores(answer, 1.0).unwrap_err().code, Code::BadAnswer);
        }
        for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = keys.decrypt_scores(&[], bound).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument);
        }
    }
}
